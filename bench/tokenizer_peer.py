"""Times Hugging Face `tokenizers`, on one thread, on the texts of tokenizer_bench.

    python bench/tokenizer_peer.py --shared ../shared

Prints the median processor time of three runs of each, to be compared with tokenizer_bench's CPU column: on a busy
machine the time on the clock says little.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer  # noqa: E402: reads the variable when it is loaded

TOP = Path(__file__).resolve().parents[1]
TEXT_BYTES = 10_000_000
RUNS = 3


def english_text(shared):
    once = b"".join(path.read_bytes() for path in sorted((shared / "data").glob("*.txt")))
    return once * -(-TEXT_BYTES // len(once))


def mixed_text():
    lines = (TOP / "tests" / "golden" / "text" / "tokenizer_strings.jsonl").read_text().split("\n")[:-1]
    strings = [json.loads(line)[0].encode() for line in lines]
    parts, size, state = [], 0, 1
    while size < TEXT_BYTES:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        parts.append(strings[(state >> 33) % len(strings)])
        size += len(parts[-1])
    return b"".join(parts)


def report(name, action, size=None):
    seconds = []
    for _ in range(RUNS):
        start = time.process_time()
        action()
        seconds.append(time.process_time() - start)
    median = statistics.median(seconds)
    rate = f" {size / median / 1e6:8.1f} MB/s" if size else ""
    print(f"{name:24} {median * 1e3:9.1f} ms{rate}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=TOP.parent / "shared")
    shared = parser.parse_args().shared
    texts = {"english": english_text(shared), "mixed": mixed_text()}
    for vocabulary, folder in {"tiny": TOP / "models" / "qwen36-tiny", "real": shared / "qwen36"}.items():
        path = str(folder / "tokenizer.json")
        report(f"open/{vocabulary}", lambda: Tokenizer.from_file(path))
        tokenizer = Tokenizer.from_file(path)
        for name, data in texts.items():
            text = data.decode()
            report(f"encode/{vocabulary}_{name}", lambda: tokenizer.encode(text, add_special_tokens=False), len(data))


if __name__ == "__main__":
    main()

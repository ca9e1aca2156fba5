"""Writes tests/golden/text/tokenizer_*: what Hugging Face `tokenizers` 0.23.3 makes of text and ids.

    python tools/golden/tokenizer.py --shared ../shared

tokenizer_strings.jsonl      [text, ids of models/qwen36-tiny, hash of the ids of the real vocabulary], one a line
tokenizer_plain.jsonl        the same with the added tokens taken out of both vocabularies
tokenizer_decode.jsonl       [ids, text, text without special tokens], models/qwen36-tiny
tokenizer_code_points.jsonl  [first code point of a block of 4,096, hashes of form C, classes, tiny ids, real ids]
tokenizer_summary.json       hashes of 1 MB of text put together from the strings, and of decoded real ids
tokenizer_small.json         a tokenizer with the settings that the other two lack
tokenizer_small.jsonl        [text, ids, decoded] of that
tokenizer_split.jsonl        [expression, text, the words it cuts the text into]

A hash is the first 16 hexadecimal digits of SHA-256 over little-endian int32 ids or UTF-8 text. All text is made here,
by a seeded generator and by hand, or comes from data/chats_heldout.txt, which is nibble's own.
"""

import argparse
import array
import hashlib
import itertools
import json
import random
import unicodedata
from pathlib import Path

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

TOP = Path(__file__).resolve().parents[2]
GOLDEN = TOP / "tests" / "golden" / "text"
TINY = TOP / "models" / "qwen36-tiny" / "tokenizer.json"

BLOCK = 4096
# Everything assigned but the private planes; tests/text/tokenizer_golden_test.cc has the same.
BLOCKS = [*range(0, 0x33000, BLOCK), 0xE0000]
NFC_CONTEXTS = [("", ""), ("q\u0301", ""), ("q\u0345", ""), ("q", "\u0334"), ("a", ""), ("\u1100", ""), ("\uac00", "")]
LONG_TEXT_BYTES = 1_000_000


def digest(data):
    return hashlib.sha256(data).hexdigest()[:16]


def hash_ids(ids):
    return digest(array.array("i", ids).tobytes())


def hash_text(text):
    return digest(text.encode())


def encode(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False).ids


def without_added_tokens(path):
    spec = json.loads(path.read_text())
    spec["added_tokens"] = []
    return Tokenizer.from_str(json.dumps(spec))


def added_contents(path):
    return [token["content"] for token in json.loads(path.read_text())["added_tokens"]]


def write_lines(name, rows):
    lines = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]
    (GOLDEN / name).write_text("\n".join(lines) + "\n", newline="\n")


# ---- texts ----


def characters_of_every_category(rng):
    by_category = {}
    for code_point in range(0x110000):
        category = unicodedata.category(chr(code_point))
        if category != "Cs":
            by_category.setdefault(category, []).append(chr(code_point))
    for category in sorted(by_category):
        for c in rng.sample(by_category[category], min(40, len(by_category[category]))):
            yield f"{c} a{c}b"
            yield f" {c}{c}1{c}\n{c}"


def emoji():
    zwj, sixteen = "\u200d", "\ufe0f"
    people = ["👩", "👨", "🧑", "👦", "👧"]
    skins = ["", "🏻", "🏼", "🏽", "🏾", "🏿"]
    things = ["💻", "🚀", "🔬", "🌾", "🎨", "⚕" + sixteen, "✈" + sixteen]
    for person, skin, thing in itertools.product(people[:3], skins, things):
        yield person + skin + zwj + thing
    for family in itertools.permutations(people, 3):
        yield "a " + zwj.join(family) + "!"
    yield from ["❤" + sixteen, "❤", "🏳" + sixteen + zwj + "🌈", "🏴" + zwj + "☠" + sixteen, "1" + sixteen + "\u20e3",
                "#\u20e3", "🇵🇹🇪🇸🇫", "👍🏽👍🏿", zwj, zwj + zwj + "x", "\U000e0067\U000e007f",
                "🏴\U000e0067\U000e0062\U000e007f"]


def marks(rng):
    bases = list("aeoqAZ1 -\n") + ["é", "ा", "क", "ب", "ש", "ก", "あ", "字", "가", "ᄀ", "Ω", "я"]
    combining = [chr(c) for c in range(0x300, 0x370)] + list("\u05b0\u05bc\u064b\u0651\u0655\u093c\u094d\u0e38\u0e48"
                                                            "\u3099\u309a\u20d0\u20e3\u0334\u0345\u0bbe\u09be\u1161")
    for _ in range(500):
        yield "".join(rng.choice(bases) + "".join(rng.choices(combining, k=rng.randint(0, 5)))
                      for _ in range(rng.randint(1, 5)))


def hangul(rng):
    jamo = [chr(c) for c in [*range(0x1100, 0x1113), *range(0x115F, 0x1176), *range(0x11A7, 0x11C3)]]
    syllables = [chr(c) for c in range(0xAC00, 0xAC00 + 60)]
    for _ in range(300):
        yield "".join(rng.choice(jamo if rng.random() < 0.7 else syllables) for _ in range(rng.randint(1, 8)))


def white_space(rng):
    spaces = [" ", " ", " ", "\t", "\n", "\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x1f", "\x85", "\xa0",
              "\u1680", "\u180e", "\u2003", "\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\ufeff", "\0"]
    for _ in range(600):
        yield "".join(rng.choice(spaces) if rng.random() < 0.8 else rng.choice(["a", "B", "1", "-", "é", "."])
                      for _ in range(rng.randint(1, 14)))
    for length in range(1, 24):
        yield " " * length
        yield "x" + " " * length + "y"
        yield "\n" * length + "z"
        yield "  \r\n" * length


def contractions():
    for letters in ["s", "t", "re", "ve", "m", "ll", "d", "ſ", "n", "sx", "reds", "lL"]:
        for cased in sorted(set(map("".join, itertools.product(*((c.lower(), c.upper()) for c in letters))))):
            for prefix, suffix in [("it'", ""), ("IT'", "S"), ("'", " "), (" '", "'"), ("1’", "x")]:
                yield prefix + cased + suffix


def added(contents):
    for content in contents:
        half = len(content) // 2
        yield from [content, f"a{content}b", f" {content}\n", content + content, f"e{content}\u0301", f"it'{content}s",
                    content[:half] + " " + content[half:], content[:-1], content[1:], content.upper(),
                    f"  {content}  ", f"<{content}>", content[:half] + content]
    for first, second in zip(contents, contents[1:]):
        yield f"{first}x{second}"
        yield first[:-1] + second


def mixed(rng):
    alphabets = [("abcdefghijklmnopqrstuvwxyz", 30), ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 5), ("0123456789", 8), (" ", 16),
                 (".,;:!?'\"()[]{}<>/\\|@#$%^&*-_=+`~", 10), ("áéíóúñçßøåœ", 4), ("абвгдежзиклмнопрст", 4),
                 ("αβγδεζηθικλ", 2), ("ابتثجحخدذرز", 2), ("אבגדהוזחט", 2), ("अआइईउऊकखगघ", 2), ("กขคงจฉช", 2),
                 ("漢字仮名交文章中国语言模型", 4), ("あいうえおかきくけこアイウ", 3), ("가나다라마바사", 3), ("🙂🎉🚀👍", 1),
                 ("½²Ⅷ٣४", 2), ("\n\t", 2)]
    weights = [weight for _, weight in alphabets]
    for _ in range(1200):
        text = ""
        for _ in range(rng.randint(1, 8)):
            letters = rng.choices(alphabets, weights)[0][0]
            text += "".join(rng.choice(letters) for _ in range(rng.randint(1, 6)))
        yield text
    for _ in range(300):
        yield "".join(chr(rng.randint(0x20, 0x7E)) for _ in range(rng.randint(1, 40)))


def runs():
    for unit in ["A", "a", "=", "-", "ab", "字", "é", "🙂", "1", "' ", "\u0301", "<|", "_", "hello", "Ж"]:
        for count in [2, 7, 40, 63, 64, 65, 129, 300]:
            yield unit * count


def by_hand():
    yield from ["", " ", "The capital of France is Paris, and the", "def f(x):\n    return x**2  # twice\n",
                '{"a": [1, 2.5e-3, null], "b": "c\\n"}', "C:\\Users\\x\tfile.txt", "https://example.org/a?b=c&d=%20#e",
                "for (int i = 0; i < n; ++i) { sum += a[i]; }", "<html><body class='x'>&nbsp;</body></html>",
                "SELECT * FROM t WHERE a >= 10;", "1234567890", "3.14159", "1,000,000", "x=y", "I'm you're WE'LL he'D"]


def chats(rng):
    lines = [line for line in (TOP / "data" / "chats_heldout.txt").read_text().split("\n") if line]
    return rng.sample(lines, 300)


def all_strings(contents):
    rng = random.Random(20240607)
    sources = [by_hand(), characters_of_every_category(rng), emoji(), marks(rng), hangul(rng), white_space(rng),
               contractions(), added(contents), mixed(rng), runs(), chats(rng)]
    return list(dict.fromkeys(itertools.chain.from_iterable(sources)))


def long_text(strings):
    """Strings in the order of a small generator that the test has too, until there is enough."""
    parts, size, state = [], 0, 1
    while size < LONG_TEXT_BYTES:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        parts.append(strings[(state >> 33) % len(strings)])
        size += len(parts[-1].encode())
    return "".join(parts)


# ---- goldens ----


def write_code_points(tiny, real):
    nfc, rows = normalizers.NFC(), []
    classes = pre_tokenizers.Split(Regex(r"\p{L}{12}|\p{M}{6}|\p{N}{4}|\s{3}"), "isolated")
    for first in BLOCKS:
        code_points = [chr(c) for c in range(first, first + BLOCK) if not 0xD800 <= c < 0xE000]
        if not code_points:
            continue
        contexts = "".join(f"{before}{c}{after}\n" for c in code_points for before, after in NFC_CONTEXTS)
        alone = "-".join(c * 12 for c in code_points)
        words = "".join(f"x{c}1 {c}{c}\n" for c in code_points)
        pieces = [piece for piece, _ in classes.pre_tokenize_str(alone)]
        rows.append([first, hash_text(nfc.normalize_str(contexts)), hash_text("|".join(pieces)),
                     hash_ids(encode(tiny, words)), hash_ids(encode(real, words))])
    write_lines("tokenizer_code_points.jsonl", rows)


def random_ids(rng, size):
    """Half of them single bytes, the first 256 ids of both vocabularies, so that characters begin and break off."""
    return [rng.randrange(256) if rng.random() < 0.5 else rng.randrange(size) for _ in range(rng.randint(0, 12))]


def write_decode(tiny):
    rng, rows = random.Random(7), []
    for _ in range(800):
        ids = random_ids(rng, tiny.get_vocab_size())
        rows.append([ids, tiny.decode(ids, skip_special_tokens=False), tiny.decode(ids, skip_special_tokens=True)])
    write_lines("tokenizer_decode.jsonl", rows)


def write_summary(strings, tiny, real):
    # Every id of the real vocabulary, in an order that the test has too.
    size = real.get_vocab_size()
    ids = [(i * 100_003) % size for i in range(size)]
    text = long_text(strings)
    summary = {
        "long_text": hash_text(text),
        "long_text_tiny": hash_ids(encode(tiny, text)),
        "long_text_real": hash_ids(encode(real, text)),
        "decoded_real": hash_text(real.decode(ids, skip_special_tokens=False)),
        "decoded_real_without_special": hash_text(real.decode(ids, skip_special_tokens=True)),
    }
    (GOLDEN / "tokenizer_summary.json").write_text(json.dumps(summary, indent=1) + "\n")


def small_spec():
    """ignore_merges, merges as strings, added tokens that are normalized, overlap, or stand in the vocabulary."""
    spec = json.loads(TINY.read_text())
    spaced = {v: k for k, v in spec["model"]["vocab"].items()}
    tokens = [spaced[i] for i in range(256)]  # the bytes
    merges = ["a b", "ab c", "b c", "Ġ a", "Ġa b", "Ã ©", "c ab"]
    tokens += [merge.replace(" ", "") for merge in merges] + ["bcd", "ca", "Ġbcd", "<v>"]
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
             "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": True,
             "vocab": {token: i for i, token in enumerate(tokens)}, "merges": merges}
    contents = [("<v>", True, False), ("<a>", False, False), ("<a>b", False, False), ("é!", False, True),
                ("e\u0301?", False, True), ("日本", True, False), ("a b", False, False), ("é", False, False)]
    ids = {token: i for i, token in enumerate(tokens)}
    for content, _, _ in contents:
        ids.setdefault(content, len(ids))
    spec["added_tokens"] = [{"id": ids[content], "content": content, "single_word": False, "lstrip": False,
                             "rstrip": False, "normalized": normalized, "special": special}
                            for content, special, normalized in contents]
    return spec | {"model": model}


def write_small():
    text = json.dumps(small_spec(), ensure_ascii=False, indent=0) + "\n"
    (GOLDEN / "tokenizer_small.json").write_text(text)
    tokenizer, rng = Tokenizer.from_str(text), random.Random(11)
    parts = ["a", "b", "c", "d", "abc", "bcd", " bcd", "ca", "cab", " ", "e", "\u0301", "é", "!", "?", "<v>", "<a>",
             "<a>b", "<a", "日", "本", "日本", "a b", "\n"]
    rows = []
    for _ in range(500):
        sample = "".join(rng.choice(parts) for _ in range(rng.randint(1, 8)))
        ids = encode(tokenizer, sample)
        rows.append([sample, ids, tokenizer.decode(ids, skip_special_tokens=False)])
    write_lines("tokenizer_small.jsonl", rows)


SPLIT_EXPRESSIONS = [
    r"'s|'t| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"[a-z]+?(?=[A-Z])|[0-9]{2}|\p{L}{2,}",
    r"(?:ab|c)+|[^a-c]++|a*+b",
    r"\P{L}+|[-_\]\\A-C]|\p{M}",
    r"\S+|\s{3,}",
    r"\+\n?|(?i:k|SO)|(x(?=y))",
    r"[\p{N}\s.-]{1,4}",
]


def write_split():
    rng, rows = random.Random(13), []
    parts = ["a", "b", "c", "A", "B", "X", "x", "xy", "k", "\u212a", "so", "ſO", "1", "23", "½", " ", "  ", "\n", "\r\n",
             "\u180e", "\x85", "+", "-", "_", "]", "\\", ".", "é", "\u0301", "字", "'s", "'ſ", "\U0001e030", "\U00016d41", "🙂"]
    for expression in SPLIT_EXPRESSIONS:
        split = pre_tokenizers.Split(Regex(expression), "isolated")
        for _ in range(60):
            text = "".join(rng.choice(parts) for _ in range(rng.randint(1, 12)))
            rows.append([expression, text, [word for word, _ in split.pre_tokenize_str(text)]])
    write_lines("tokenizer_split.jsonl", rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=TOP.parent / "shared", help="folder of qwen36/tokenizer.json")
    real_path = parser.parse_args().shared / "qwen36" / "tokenizer.json"
    GOLDEN.mkdir(parents=True, exist_ok=True)
    tiny, real = Tokenizer.from_file(str(TINY)), Tokenizer.from_file(str(real_path))

    contents = added_contents(TINY)
    contents += [content for content in added_contents(real_path) if content not in contents]
    strings = all_strings(contents)
    write_lines("tokenizer_strings.jsonl", ([s, encode(tiny, s), hash_ids(encode(real, s))] for s in strings))
    tiny_plain, real_plain = without_added_tokens(TINY), without_added_tokens(real_path)
    write_lines("tokenizer_plain.jsonl",
                ([s, encode(tiny_plain, s), hash_ids(encode(real_plain, s))] for s in added(contents)))
    write_code_points(tiny, real)
    write_decode(tiny)
    write_summary(strings, tiny, real)
    write_small()
    write_split()
    print(f"{len(strings)} strings")


if __name__ == "__main__":
    main()

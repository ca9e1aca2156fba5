#!/usr/bin/env python3
"""Random conversations rendered by transformers, for tests/text/chat_template_golden_test.cc.

Writes tests/golden/text/chat_template.jsonl, one conversation a line:
  "variables"  what the template sees
  "tiny" | "tiny_error"          the text by models/qwen36-tiny/chat_template.jinja, or the message of its raise_exception
  "official" | "official_error"  SHA-256 of the text by the official template of Qwen3.6, or of its message; "other" for
                                 an error that is not the template's own
The official template is another's property: it is read from --shared or $NIBBLE_OFFICIAL_TEMPLATE and only hashes are kept.

  python3 tools/golden/chat_template.py --shared ../shared
"""

import argparse
import copy
import hashlib
import json
import os
import pathlib
import random

import jinja2
from transformers.utils.chat_template_utils import _compile_jinja_template, render_jinja_template

ROOT = pathlib.Path(__file__).resolve().parents[2]
OFFICIAL_SHA256 = "e84f32a23fdda27689f868aa4a1a5621f41133e51a48d7f3efcbea2839574259"

SENTENCES = [
    "What is the capital of Portugal?", "Add 17 and 25.", "Tell me a story\nin two lines.", "Grüße aus Köln!", "日本語で答えてください。", "Emoji 😀👩‍👩‍👧 and a flag 🇵🇹", "  padded with spaces  ",
    "\n\nleading and trailing lines\n\n", "tabs\tand\u00a0no-break\u2003spaces\u3000", "He said: \"it's <b>bold</b> & 100% done\" {{ not a tag }} {% nor this %}", "<|im_start|>user\nfake turn<|im_end|>",
    "a very " + "long " * 30 + "sentence", "code:\n```python\nprint('x')\n```", "Ünïcödé ẞ ﬁ İ ſ", "0", "null", "\u0085next line\u2028separator", "¿Qué tal?", "Ελληνικά Σ", "a\r\nb\rc", "</tool_response>", "\\n is not a newline",
]
REASONING = ["Let me think.", "\nFirst this,\nthen that.\n", "", "  ", "2 + 2 = 4, so <b>four</b>", "思考中……", "nested <think> tag", "ends with newline\n\n"]
NAMES = ["get_weather", "search", "f", "weiter_rechnen", "calc.add", "日付"]
KEYS = ["city", "unit", "limit", "filter", "values", "note", "größe", "x y"]


class Conversations:
    def __init__(self, seed: int):
        self.random = random.Random(seed)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def sentence(self) -> str:
        return self.random.choice(SENTENCES)

    def value(self, depth: int = 0):
        """Any JSON value, as tool arguments and schemas hold them."""
        choice = self.random.randrange(12 if depth < 3 else 9)
        if choice < 2:
            return self.sentence()
        if choice < 4:
            return self.random.choice([0, 1, -7, 42, 10**15, 2**53 + 1, -(2**63), 2**63 - 1, 2**64 - 1])
        if choice < 6:
            return self.random.choice([0.5, -2.25, 1e-7, 3.0, 1e16, 123456789.125, 1e22, 0.1, -0.0, 1.7976931348623157e308, 5e-324])
        if choice == 6:
            return self.random.choice([True, False])
        if choice == 7:
            return None
        if choice == 8:
            return ""
        if choice == 9:
            return [self.value(depth + 1) for _ in range(self.random.randrange(4))]
        return {key: self.value(depth + 1) for key in self.random.sample(KEYS, self.random.randrange(4))}

    def schema(self, depth: int = 0) -> dict:
        kind = self.random.choice(["string", "integer", "number", "boolean", "array", "object"] if depth < 3 else ["string", "integer"])
        schema = {"type": kind}
        if self.chance(0.5):
            schema["description"] = self.sentence()
        if kind == "string" and self.chance(0.4):
            schema["enum"] = ["a", "ü", "日"]
        if kind == "array":
            schema["items"] = self.schema(depth + 1)
        if kind == "object":
            keys = self.random.sample(KEYS, self.random.randrange(1, 4))
            schema["properties"] = {key: self.schema(depth + 1) for key in keys}
            schema["required"] = keys[:1]
            if self.chance(0.3):
                schema["additionalProperties"] = False
        if self.chance(0.15):
            schema["default"] = self.value(2)
        return schema

    def tool(self) -> dict:
        function = {"name": self.random.choice(NAMES), "description": self.sentence(), "parameters": self.schema(1)}
        return {"type": "function", "function": function} if self.chance(0.85) else function

    def content(self, with_media: bool = True):
        """Text, or a list of parts."""
        if self.chance(0.7):
            return self.sentence() if self.chance(0.92) else self.random.choice(["", None, "   "])
        parts = []
        for _ in range(self.random.randrange(1, 4)):
            choice = self.random.randrange(6) if with_media else 0
            if choice <= 2:
                parts.append({"type": "text", "text": self.sentence()})
            elif choice == 3:
                parts.append({"type": "image", "image": "picture.png"} if self.chance(0.5) else {"type": "image"})
            elif choice == 4:
                parts.append({"type": "image_url", "image_url": {"url": "https://example.org/a.png"}})
            else:
                parts.append({"type": "video", "video": "film.mp4"})
        return parts

    def call(self) -> dict:
        arguments = {key: self.value() for key in self.random.sample(KEYS, self.random.randrange(4))}
        function = {"name": self.random.choice(NAMES), "arguments": arguments}
        if self.chance(0.1):
            del function["arguments"]
        if self.chance(0.15):
            return function
        return {"id": f"call_{self.random.randrange(1000)}", "type": "function", "function": function}

    def assistant(self, calls: int) -> dict:
        message = {"role": "assistant", "content": self.content(with_media=False)}
        style = self.random.randrange(5)
        if style == 0:
            message["reasoning_content"] = self.random.choice(REASONING)
        elif style == 1 and isinstance(message["content"], str):
            message["content"] = "<think>" + self.random.choice(REASONING) + "</think>" + self.random.choice(["", "\n\n"]) + message["content"]
        elif style == 2 and isinstance(message["content"], str):
            message["content"] = self.random.choice(REASONING) + "\n</think>\n\n" + message["content"]
        elif style == 3 and self.chance(0.3):
            message["reasoning_content"] = None
        if calls:
            message["tool_calls"] = [self.call() for _ in range(calls)]
        elif self.chance(0.1):
            message["tool_calls"] = self.random.choice([None, []])
        if self.chance(0.05):
            del message["content"]
        return message

    def messages(self) -> list:
        messages = []
        if self.chance(0.45):
            messages.append({"role": "system", "content": self.content(with_media=False)})
        for _ in range(self.random.randrange(1, 4)):
            messages.append({"role": "user", "content": self.content()})
            while self.chance(0.35):
                calls = self.random.randrange(1, 4)
                messages.append(self.assistant(calls))
                messages += [{"role": "tool", "content": self.content(with_media=False)} for _ in range(calls)]
            if self.chance(0.75):
                messages.append(self.assistant(0))
        return messages

    def spoil(self, messages: list) -> None:
        """One of the mistakes that templates answer with an error, or should survive."""
        mistake = self.random.randrange(11)
        at = self.random.randrange(len(messages) + 1)
        if mistake == 0:
            messages[:] = [message for message in messages if message["role"] != "user"]
        elif mistake == 1:
            messages.insert(max(at, 1), {"role": "system", "content": "late"})
        elif mistake == 2:
            messages.insert(at, {"role": self.random.choice(["developer", "", "User"]), "content": "x"})
        elif mistake == 3:
            messages.insert(0, {"role": "system", "content": [{"type": self.random.choice(["image", "video"])}]})
        elif mistake == 4:
            messages.insert(at, {"role": "user", "content": self.random.choice([5, 1.5, True, {"text": "x"}])})
        elif mistake == 5:
            messages.insert(at, {"role": "user", "content": [{"type": "audio", "audio": "a.wav"}]})
        elif mistake == 6:
            messages.clear()
        elif mistake == 7:
            messages.append({"role": "user", "content": "<tool_response>\nwrapped\n</tool_response>"})
        elif mistake == 8:
            messages.insert(at, {"role": "assistant", "content": "x", "tool_calls": self.random.choice(["text", {"name": "f"}, [{"function": {"arguments": {}}}], [5]])})
        elif mistake == 9:
            messages.insert(at, {"role": "assistant", "content": "x", "tool_calls": [{"function": {"name": "f", "arguments": self.random.choice(["{\"a\": 1}", None, []])}}]})
        else:
            messages.insert(at, {"role": "tool", "content": "first of all"})

    def variables(self) -> dict:
        messages = self.messages()
        if self.chance(0.18):
            self.spoil(messages)
        variables = {"messages": messages, "tools": None, "documents": None, "add_generation_prompt": self.chance(0.6)}
        if self.chance(0.35):
            variables["tools"] = [self.tool() for _ in range(self.random.randrange(3))]
        for switch, probability in (("enable_thinking", 0.4), ("preserve_thinking", 0.35), ("add_vision_id", 0.3)):
            if self.chance(probability):
                variables[switch] = self.random.choice([True, False])
        return variables


def render(template: str, variables: dict) -> str:
    """By the official path; what it adds to the messages (other names of the reasoning) must change nothing here."""
    variables = copy.deepcopy(variables)
    plain = _compile_jinja_template(template).render(**copy.deepcopy(variables))
    official, _ = render_jinja_template([variables.pop("messages")], chat_template=template, **variables)
    assert official == [plain]
    return plain


def outcome(name: str, template: str, variables: dict, keep) -> dict:
    try:
        return {name: keep(render(template, variables))}
    except jinja2.exceptions.TemplateError as error:
        own_message = type(error) is jinja2.exceptions.TemplateError
        return {f"{name}_error": keep(error.message) if own_message else "other"}
    except TypeError:
        return {f"{name}_error": "other"}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=pathlib.Path, default=ROOT.parent / "shared")
    parser.add_argument("--count", type=int, default=520)
    parser.add_argument("--seed", type=int, default=36)
    arguments = parser.parse_args()
    official_path = pathlib.Path(os.environ.get("NIBBLE_OFFICIAL_TEMPLATE", arguments.shared / "qwen36/chat_template.jinja"))
    official = official_path.read_bytes().decode()
    if sha256(official) != OFFICIAL_SHA256:
        parser.error(f"{official_path} is not the official template: its SHA-256 is {sha256(official)}")
    tiny = (ROOT / "models/qwen36-tiny/chat_template.jinja").read_text(encoding="utf-8")
    conversations = Conversations(arguments.seed)
    rows = []
    for _ in range(arguments.count):
        variables = conversations.variables()
        rows.append({"variables": variables, **outcome("tiny", tiny, variables, str), **outcome("official", official, variables, sha256)})
    out = ROOT / "tests/golden/text/chat_template.jsonl"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    errors = sum("official_error" in row for row in rows)
    print(f"{out.name}: {len(rows)} conversations, {errors} of them errors by the official template, {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Renders the snippets of jinja_snippets.py as transformers would, for tests/text/jinja_golden_test.cc.

Writes tests/golden/text/jinja.jsonl: first {"variables": …}, then one row a snippet, {"theme", "template"} with "expected", the text,
or with "error": "message" (raise_exception and undefined values, whose "message" our error must contain) or "any".
The snippets that render are the fuzzer's seeds as well, one file a theme in fuzz/corpus/jinja.

  python3 tools/golden/jinja.py
"""

import argparse
import json
import pathlib

import jinja2
from jinja_snippets import THEMES, VARIABLES
from transformers.utils.chat_template_utils import _compile_jinja_template

ROOT = pathlib.Path(__file__).resolve().parents[2]


def render(template: str) -> dict:
    try:
        return {"expected": _compile_jinja_template(template).render(**json.loads(json.dumps(VARIABLES)))}
    except jinja2.exceptions.SecurityError:
        return {"error": "any"}
    except (jinja2.exceptions.UndefinedError, jinja2.exceptions.TemplateError) as error:
        own_text = type(error) in (jinja2.exceptions.UndefinedError, jinja2.exceptions.TemplateError)
        return {"error": "message", "message": str(error.message)} if own_text and error.message else {"error": "any"}
    except Exception:  # the interpreter's own errors: TypeError, ZeroDivisionError and so on
        return {"error": "any"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "tests/golden/text/jinja.jsonl")
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    lines = [{"variables": VARIABLES}]
    for theme, templates in THEMES.items():
        lines += [{"theme": theme, "template": template, **render(template)} for template in templates]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    arguments.out.write_text(text, encoding="utf-8")
    for theme in THEMES:
        seed = "\n".join(line["template"] for line in lines[1:] if line["theme"] == theme and "expected" in line)
        (ROOT / "fuzz/corpus/jinja" / f"{theme.replace(' ', '_')}.jinja").write_text(seed, encoding="utf-8")
    print(f"{arguments.out}: {len(lines) - 1} snippets, {len(text.encode())} bytes")


if __name__ == "__main__":
    main()

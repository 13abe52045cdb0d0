"""Templates: a `topic`, `things`, and `forms`; every form is filled with every thing."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from scripts.core.files import JsonObject
from scripts.prompts.prompt import BankError
from scripts.readers.jsons import text_lines
from scripts.readers.row import Format, Record, place
from scripts.readers.settings import FileSettings

FIELDS = ("topic", "things", "forms")


def records(path: Path, _settings: FileSettings) -> Iterator[Record]:
    page = _page(path)
    topic = page.get("topic")
    if not isinstance(topic, str) or not topic.strip():
        raise BankError(f"{place(path)}: `topic` is missing; give it a readable name")
    things, forms = (_texts(page.get(name), name, path) for name in ("things", "forms"))
    for form in forms:
        bare = form.replace("{thing}", "")
        if bare == form or "{" in bare or "}" in bare:
            raise BankError(
                f"{place(path)}: the form {form!r} must hold `{{thing}}` and no other braces"
            )
    for thing in things:
        for form in forms:
            prompt = form.replace("{thing}", thing.strip()).strip()
            yield Record("", {"prompt": prompt, "topic": topic})


def _page(path: Path) -> JsonObject:
    try:
        page = yaml.safe_load("".join(line for _, line in text_lines(path)))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        at = f"line {mark.line + 1}" if mark else ""
        raise BankError(
            f"{place(path, at)}: not valid YAML ({problem}); correct it, or put the text in quotes"
        ) from None
    if not isinstance(page, dict):
        raise BankError(f"{place(path)} must have the fields `topic`, `things` and `forms`")
    for name in page:
        if name not in FIELDS:
            raise BankError(f"{place(path)}: unknown field `{name}`; known: {', '.join(FIELDS)}")
    return page


def _texts(value: object, name: str, path: Path) -> list[str]:
    if not isinstance(value, list) or not value:
        raise BankError(f"{place(path)}: `{name}` must be a list of strings")
    for entry in value:
        if not isinstance(entry, str) or not entry.strip():
            raise BankError(
                f"{place(path)}: {entry!r} in `{name}` must be a string; put it in quotes"
            )
    return value


FORMAT = Format(
    "templates",
    "templates of prompts",
    (".yaml", ".yml"),
    lambda glance: glance.ending in (".yaml", ".yml"),
    records,
)

"""One JSON document: a list of objects or of prompts, or an object that holds one such list."""

from collections.abc import Iterator
from pathlib import Path

from scripts.prompts.prompt import kind_of
from scripts.readers.fields import ALIASES, listed
from scripts.readers.jsons import entries, json_document
from scripts.readers.row import Format, Record, wrong
from scripts.readers.settings import FileSettings


def records(path: Path, settings: FileSettings) -> Iterator[Record]:
    value = json_document(path)
    if isinstance(value, dict):
        known = set(ALIASES["prompt"]) | {settings.get("prompt")}
        lists = [name for name, inside in value.items() if isinstance(inside, list) and inside]
        if known & set(value) or not lists:
            value = [value]
        elif len(lists) == 1:
            value = value[lists[0]]
        else:
            raise wrong(
                path,
                "",
                f"an object with several lists, {listed(lists)}; write the one that holds the "
                "prompts to a file of its own",
            )
    if not isinstance(value, list):
        raise wrong(path, "", f"{kind_of(value)} where a list is expected")
    if value and all(isinstance(entry, str) for entry in value):
        value = [{"prompt": entry} for entry in value]
    yield from entries(path, value)


FORMAT = Format(
    "json",
    "a JSON document",
    (".json",),
    lambda glance: glance.shape in ("array", "object"),
    records,
)

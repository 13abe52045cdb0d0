"""Responses of model-diffing: an object a line, `{hash: {conversation, response}}`."""

import re
from collections.abc import Iterator
from pathlib import Path

from scripts.readers.jsons import json_lines
from scripts.readers.messages import plain_prompt
from scripts.readers.row import Fields, Format, Record, Values
from scripts.readers.settings import FileSettings

_HASH = re.compile(r"[0-9a-f]{32,64}")


def records(path: Path, settings: FileSettings) -> Iterator[Record]:
    for at, line in json_lines(path, settings):
        for name, inside in line.items():
            yield Record(at, {"hash": name, **inside} if isinstance(inside, dict) else line)


def values(record: Fields) -> Iterator[Values]:
    yield {
        "prompt": plain_prompt(record.get("conversation")),
        "response": record.get("response"),
        "key": record.get("hash"),
    }


FORMAT = Format(
    "model-diffing",
    "model-diffing's responses",
    (".jsonl",),
    lambda glance: (
        glance.shape == "lines"
        and len(glance.keys) > 0
        and all(map(_HASH.fullmatch, glance.keys))
        and all("conversation" in inside for inside in glance.first.values())
    ),
    records,
    values,
)

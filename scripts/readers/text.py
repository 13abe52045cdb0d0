"""Plain text, one prompt a line."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scripts.readers.jsons import text_lines
from scripts.readers.row import Format, Record


def records(path: Path, _settings: Mapping[str, Any]) -> Iterator[Record]:
    for number, line in text_lines(path):
        yield Record(f"line {number}", {"prompt": line.removesuffix("\n").removesuffix("\r")})


FORMAT = Format("text", "plain text", (".txt",), lambda glance: glance.ending == ".txt", records)

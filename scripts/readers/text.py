"""Plain text, one prompt a line."""

from collections.abc import Iterator
from pathlib import Path

from scripts.readers.jsons import text_lines
from scripts.readers.row import Format, Record
from scripts.readers.settings import FileSettings


def records(path: Path, _settings: FileSettings) -> Iterator[Record]:
    for number, line in text_lines(path):
        yield Record(f"line {number}", {"prompt": line.removesuffix("\n").removesuffix("\r")})


FORMAT = Format("text", "plain text", (".txt",), lambda glance: glance.ending == ".txt", records)

"""JSON as files hold it: an object a line, or one document."""

import json
from collections.abc import Generator, Iterator
from pathlib import Path

from scripts.core.files import Json
from scripts.prompts.prompt import BankError, kind_of
from scripts.readers.row import Record, place, wrong
from scripts.readers.settings import FileSettings

GZIP = b"\x1f\x8b"  # what a file packed by gzip begins with


def text_lines(path: Path) -> Generator[tuple[int, str]]:
    """Numbered lines with their ends, split at "\\n" alone; text may hold other separators."""
    number = 1
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError:
        with open(path, "rb") as file:
            packed = file.read(len(GZIP)) == GZIP
        if packed:
            raise wrong(path, "", "it is packed; unpack it with `gzip -d`") from None
        raise wrong(path, f"line {number}", "not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise BankError(
            f"`{path}` cannot be read ({error.strerror}); check that it exists and its permissions"
        ) from None


def json_lines(path: Path, _settings: FileSettings) -> Iterator[Record]:
    """The objects of JSON lines; blank lines are skipped."""
    for number, line in text_lines(path):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            problem = getattr(error, "msg", None) or str(error)
            raise wrong(
                path, f"line {number}", f"not valid JSON ({problem}); write one object a line"
            ) from None
        if not isinstance(record, dict):
            raise wrong(
                path,
                f"line {number}",
                f'{kind_of(record)} where an object like {{"prompt": "…"}} is expected',
            )
        yield Record(f"line {number}", record)


def json_document(path: Path) -> Json:
    """The one value that a file holds."""
    text = "".join(line for _, line in text_lines(path))
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        at = f"line {line}" if line else ""
        raise BankError(f"{place(path, at)}: not valid JSON ({error}); correct it") from None


def entries(path: Path, values: Json, name: str = "entry") -> Iterator[Record]:
    """The objects of a list, by their numbers from 1."""
    if not isinstance(values, list):
        raise wrong(path, "", f"{kind_of(values)} where a list of entries is expected")
    for number, value in enumerate(values, start=1):
        if not isinstance(value, dict):
            raise wrong(path, f"{name} {number}", f"{kind_of(value)} where an object is expected")
        yield Record(f"{name} {number}", value)

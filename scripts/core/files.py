"""Files that are either whole or absent, and the JSON and JSONL that stages exchange."""

import errno
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from scripts.core.errors import AuditError

# What JSON holds, where it comes in or goes out and nobody has looked at it yet; what is known of
# it has a type (rows.py, settings.py).
Json: TypeAlias = Any
JsonObject: TypeAlias = dict[str, Json]

_TEMPORARY = re.compile(r"\.tmp-[0-9a-f]{16}-")
_FULL = "the disk or the quota is full; free some space"
_CLOSED = "its folder may not be written to; change that"
UNWRITABLE = {  # what the person at the keyboard can do away with
    errno.ENOSPC: _FULL, errno.EDQUOT: _FULL, errno.EROFS: _CLOSED, errno.EACCES: _CLOSED,
}  # fmt: skip


class Unreadable(AuditError, ValueError):
    """A file that does not hold what it should."""


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield the path of a temporary file that takes the place of `path` when the block succeeds.

    The temporary file lies in the same folder and ends like `path`, for writers that choose a
    format by suffix. The block creates and closes it. When the block raises, the temporary file is
    removed and whatever stood under `path` still stands. A full disk and a folder that is read-only
    raise an OSError with one sentence for its text and the errno kept.
    """
    path = Path(path)
    # The tail of a name keeps its suffix, and the whole stays below the 255 bytes of a file name.
    temporary = path.with_name(f".tmp-{secrets.token_hex(8)}-{path.name[-50:]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if code := _unwritable(error):
            # With one argument the text is the sentence alone, without "[Errno 28]".
            failed = OSError(
                f"{path} could not be written because {UNWRITABLE[code]} and run again."
            )
            failed.errno = code
            raise failed from error
        raise
    _fsync_folder(path.parent)


def is_temporary(name: str) -> bool:
    """Whether a file name is one that `replacing` gives to its temporary files."""
    return _TEMPORARY.match(name) is not None


def write_json(path: str | os.PathLike[str], obj: object) -> None:
    """Write one JSON document; raises ValueError, naming the file, for what JSON cannot hold."""
    text = _dumps(obj, str(path), indent=1)
    with replacing(path) as temporary, _open_text(temporary) as file:
        file.write(text + "\n")


def write_jsonl(path: str | os.PathLike[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write one JSON object a line; raises ValueError, naming the row, for what JSON cannot hold.

    `rows` may be a generator: it is never held in memory.
    """
    with replacing(path) as temporary, _open_text(temporary) as file:
        for number, row in enumerate(rows, start=1):
            file.write(_dumps(row, f"Row {number} of {path}") + "\n")


def json_line(row: Mapping[str, object], where: str) -> bytes:
    """A line of a JSONL file; raises ValueError, naming `where`, for what JSON cannot hold."""
    return (_dumps(row, where) + "\n").encode("utf-8", "backslashreplace")


def read_json(path: str | os.PathLike[str]) -> Json:
    """Read one JSON document; raises ValueError, naming the file, when it is not valid."""
    return _loads(Path(path).read_bytes(), str(path), "utf-8-sig")


def read_jsonl(path: str | os.PathLike[str]) -> list[JsonObject]:
    """Read one JSON object a line; blank lines are skipped.

    Raises ValueError, naming file and line, for a line that is cut off, not valid or no object.
    """
    return [row for _, row in iterate_jsonl(path)]


def iterate_jsonl(path: str | os.PathLike[str]) -> Iterator[tuple[int, JsonObject]]:
    """As `read_jsonl`, one row at a time, with the number of its line, from 1."""
    # A binary file is split on "\n" alone; text may hold other line separators, such as U+2028.
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            where = f"Line {number} of {path}"
            row = _loads(line, where, "utf-8-sig" if number == 1 else "utf-8")
            if not isinstance(row, dict):
                raise Unreadable(
                    f"{where} holds a {type(row).__name__} where a JSON object is expected; "
                    "correct that line."
                )
            yield number, row


def _open_text(path: Path) -> TextIO:
    # A lone surrogate (json.loads lets them in) has no UTF-8; as \udXXX it is valid JSON again.
    return open(path, "w", encoding="utf-8", errors="backslashreplace", newline="\n")


def _dumps(obj: object, where: str, indent: int | None = None) -> str:
    try:
        return json.dumps(obj, indent=indent, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where} cannot be written as JSON: {error}.") from error


def _loads(content: bytes, where: str, encoding: str) -> Json:
    try:
        return json.loads(content.decode(encoding), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Unreadable(
            f"{where} is not valid JSON ({error}); correct it, or delete the file if the workflow "
            "made it, and run again."
        ) from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")


def _unwritable(error: BaseException) -> int | None:
    """Return the errno when the error is one of UNWRITABLE."""
    if isinstance(error, OSError) and error.errno in UNWRITABLE:
        return error.errno
    # HDF5 gives the errno of a failed flush or close in its text only, at times as RuntimeError.
    if isinstance(error, OSError | RuntimeError):
        said = re.search(r"errno = (\d+)\b", str(error))
        return int(said[1]) if said and int(said[1]) in UNWRITABLE else None
    return None


def _fsync_folder(folder: Path) -> None:
    # Best effort: some file systems, and Windows, do not let a folder be synced.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

"""Replies as they arrive: a journal beside the record cache that survives a kill.

A segment a reply would be thousands of files; a segment a stage would lose a stage's replies. So
each process appends every reply to a file of its own, one write a line, and folds the file into one
segment when it ends. Whoever comes next reads what killed processes left, and folds it likewise.
"""

import fcntl
import json
import logging
import os
import secrets
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import IO

from scripts.cache.records import RecordCache
from scripts.core.files import JsonObject, is_temporary, replacing

logger = logging.getLogger(__name__)


class Journal:
    """A record cache for records that arrive one by one and must not be lost."""

    def __init__(self, directory: str | os.PathLike[str]):
        self.directory = Path(directory)
        self._segments = RecordCache[JsonObject](directory)
        self._fresh: dict[str, JsonObject] = {}
        self._path: Path | None = None
        self._file: FileIO | None = None
        self._warned = False
        self._adopt()

    def get_many(self, keys: Sequence[str]) -> dict[str, JsonObject]:
        """The records of those keys that the cache or a journal holds."""
        own = {key: self._fresh[key] for key in keys if key in self._fresh}
        return self._segments.get_many([key for key in keys if key not in own]) | own

    def add(self, key: str, record: JsonObject) -> None:
        """Keep a record: a process that is killed after this has not lost it.

        Where the folder cannot be written, that is said once and the record lives in memory.
        """
        self._fresh[key] = record
        body = json.dumps([key, record]).encode()
        line = b"%08x %s\n" % (zlib.crc32(body), body)
        try:
            file = self._begin() if self._file is None else self._file
            file.write(line)
        except OSError as error:
            if not self._warned:
                self._warned = True
                logger.warning(
                    "The journal in %s cannot be written, so a killed run pays its replies "
                    "again: %s",
                    self.directory,
                    error,
                )

    def _begin(self) -> FileIO:
        """Open a journal of this process's own, locked before it has a name that others adopt."""
        self._path = path = self.directory / f"{secrets.token_hex(8)}.journal"
        with replacing(path) as temporary:
            file = open(temporary, "ab", buffering=0)  # noqa: SIM115 - closed by `close`
            _lock(file)
        self._file = file
        return file

    def close(self) -> None:
        """Fold the journal into a segment."""
        self._segments.add_many(self._fresh)
        if self._file is not None and self._path is not None:
            self._file.close()
            held = self._segments.get_many(list(self._fresh))
            if len(held) == len(self._fresh):
                with suppress(OSError):
                    self._path.unlink()
        self._fresh, self._file = {}, None

    def _adopt(self) -> None:
        """Take over the journals of processes that have ended; only read those of living ones."""
        for path in sorted(self.directory.glob("*.journal")):
            if is_temporary(path.name):
                continue
            try:
                # flock(2): over NFS only what is open for writing can be locked
                with open(path, "r+b" if os.access(path, os.W_OK) else "rb") as file:
                    ended = _lock(file)
                    records = dict(_entries(file))
                    if not ended:
                        self._fresh |= records
                        continue
                    self._segments.add_many(records)
                    if len(self._segments.get_many(list(records))) == len(records):
                        path.unlink()
                    else:  # a cache that cannot be written keeps its journals
                        self._fresh |= records
            except OSError as error:
                logger.warning("The journal %s is left aside: %s.", path, error)


def _lock(file: IO[bytes] | FileIO) -> bool:
    """Whether nobody else holds the file; it is held until it is closed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _entries(file: IO[bytes]) -> Iterator[tuple[str, JsonObject]]:
    """The whole lines of a journal; a line that was torn, as the last one may be, is left out."""
    for line in file:
        checksum, _, body = line.rstrip(b"\n").partition(b" ")
        with suppress(ValueError):
            if line.endswith(b"\n") and int(checksum, 16) == zlib.crc32(body):
                key, record = json.loads(body)
                yield key, record

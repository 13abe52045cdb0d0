"""The record cache: what was expensive to compute, found again by key, in immutable segment files.

A batch of records becomes one segment (segments.py), so that many processes on many nodes append
without locks. Whoever adds a batch also merges small segments once there are many, so that ten
million records are some hundred files; a merged segment is there before those it replaces go. Of
two writers that merge the same segments at once both are right.

The cache is an optimisation: whatever is wrong with it costs a warning and a recomputation, never
the run.
"""

import errno
import hashlib
import json
import logging
import os
import re
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from scripts.cache.segments import (
    DIGEST_BYTES,
    CorruptSegment,
    ForeignSegment,
    Layout,
    Segment,
    open_segment,
    write_segment,
)
from scripts.core.files import is_temporary

logger = logging.getLogger(__name__)

DAY = 86_400

_KEY = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[0-9a-f]{32}\.seg")  # not the temporary names, which end alike

_JSON, _FLOAT16 = 1, 2
_VECTOR_TYPE = np.dtype("<f2")
_RECORDS_A_BLOCK = 32  # more compress better, fewer cost less to read one record
_VECTOR_BLOCK_BYTES = 65_536
_MANY_SEGMENTS = 64  # of like size are merged,
_LARGE_SEGMENT = 32_768  # and so are fewer that hold as many records together
_LOOKS = 5  # at a folder that others merge; listings of network file systems lag behind

Value = TypeVar("Value")
R = TypeVar("R", bound=Mapping[str, object])


def record_key(*parts: object) -> str:
    """Return the key of a record: the sha256 of the canonical JSON of what determines it.

    Objects need strings for keys. A tuple equals a list, 1 differs from 1.0; NaN raises ValueError.
    """
    text = json.dumps(
        parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def sweep(directory: str | os.PathLike[str], older_than: float = DAY) -> int:
    """Remove temporary files that killed writers left below a cache folder; return how many.

    Only files untouched for `older_than` seconds: a younger one may still be written to.
    """
    removed = 0
    for folder, _, names in os.walk(Path(directory)):
        for name in filter(is_temporary, names):
            path = Path(folder, name)
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > older_than:
                    path.unlink()
                    removed += 1
    return removed


class SegmentCache(Generic[Value]):
    """A folder of segments. A subclass says how values become bytes and back.

    The folder need not exist, and nothing that is wrong with it raises. Memory is bounded by the
    keys (34 bytes a record), not by the payloads.
    """

    def __init__(self, directory: str | os.PathLike[str]):
        self.directory = Path(directory)
        self._segments: dict[str, Segment] = {}
        self._ignored: set[str] = set()
        self._warned: set[str] = set()

    def _layout(self, keys: Sequence[str], values: Sequence[Value]) -> Layout:
        """Check the values and say how to lay them out."""
        raise NotImplementedError

    def _encode(self, layout: Layout, values: Sequence[Value]) -> bytes:
        """Return the bytes of one block."""
        raise NotImplementedError

    def _decode(self, layout: Layout, content: bytes, rows: np.ndarray) -> Sequence[Value]:
        """Return the values in these rows of a block."""
        raise NotImplementedError

    def _reads(self, layout: Layout) -> bool:
        """Whether segments of this layout belong to this cache."""
        raise NotImplementedError

    def get_many(self, keys: Sequence[str]) -> dict[str, Value]:
        """Return the values of those keys that the cache holds.

        When several segments hold a key, the one with the smallest name is read.
        """
        names = list(dict.fromkeys(keys))
        wanted = _packed(names)
        order = np.argsort(wanted)
        wanted = wanted[order]
        missing = np.ones(len(names), bool)
        found: dict[str, Value] = {}
        while True:
            self.refresh()
            segments = sorted(self._segments.items())
            for _, segment in segments:
                if len(found) == len(names):
                    return found
                positions, rows = _in_both(wanted, segment.keys)
                needed = missing[positions]
                positions, rows = positions[needed], rows[needed]
                # A segment that fails half-way leaves its keys missing: others may hold them.
                values = self._values(segment, rows)
                for position, value in zip(positions.tolist(), values, strict=False):
                    found[names[order[position]]] = value
                    missing[position] = False
            if all(name in self._segments for name, _ in segments):
                return found
            # One vanished under the reader: whoever merged it has left another in its place.

    def add_many(self, records: Mapping[str, Value]) -> None:
        """Write the records as one segment; an empty mapping writes nothing.

        Raises TypeError or ValueError, naming the key, for a record that the cache cannot hold.
        Where the folder cannot be written, that is said once and the records are not cached.
        """
        if records and self._write(records):
            self._merge_small()

    def _write(self, records: Mapping[str, Value]) -> Segment | None:
        """Write the records as one segment, which is used from now on; None if that fails."""
        names = list(records)
        keys = _packed(names)
        order = np.argsort(keys)
        names = [names[i] for i in order]
        values = [records[name] for name in names]
        layout = self._layout(names, values)
        size = layout.block_records
        contents = [
            self._encode(layout, values[start : start + size])
            for start in range(0, len(values), size)
        ]
        try:
            segment = write_segment(self.directory, keys[order], layout, contents)
        except OSError as error:
            self._warn_once(
                "unwritable",
                f"The record cache {self.directory} cannot be written, so what is computed now "
                f"will be computed again by later runs: {error}",
            )
            return None
        self._segments[segment.path.name] = segment
        self._ignored.discard(segment.path.name)
        return segment

    def _merge_small(self) -> None:
        """Merge segments of like size where they are many: each record moves two times or three."""
        alike = defaultdict(list)
        for segment in self._segments.values():
            if len(segment.keys) < _LARGE_SEGMENT:
                magnitude = len(segment.keys).bit_length() // 6  # a factor of 64
                alike[segment.layout, magnitude].append(segment)
        for small in alike.values():
            records = sum(len(segment.keys) for segment in small)
            if len(small) > 1 and (len(small) >= _MANY_SEGMENTS or records >= _LARGE_SEGMENT):
                self._merge(small)

    def _merge(self, small: Sequence[Segment]) -> None:
        records: dict[str, Value] = {}
        # Of a key in several segments the record in the one with the smallest name stays.
        for segment in sorted(small, key=lambda s: s.path.name, reverse=True):
            names = (key.ljust(DIGEST_BYTES, b"\0").hex() for key in segment.keys.tolist())
            values = self._values(segment, np.arange(len(segment.keys)))
            records |= dict(zip(names, values, strict=False))
        merged = self._write(records) if records else None
        if merged is None:
            return
        for segment in small:
            # One that failed half-way has been dropped, or set aside, and is not ours to remove.
            if segment.path != merged.path and segment.path.name in self._segments:
                del self._segments[segment.path.name]
                with suppress(OSError):
                    segment.path.unlink()

    def refresh(self) -> None:
        """Find the segments that others have written since, and forget those they removed."""
        for _ in range(_LOOKS):
            if self._open_new():
                return

    def _open_new(self) -> bool:
        """Open what is new in the folder; whether all of it was there.

        Whoever has merged a segment away left another in its place, maybe after the listing.
        """
        vanished = False
        try:
            names = [name for name in os.listdir(self.directory) if _NAME.fullmatch(name)]
        except FileNotFoundError:
            return True
        except OSError as error:
            self._warn_once(
                "unreadable",
                f"The record cache {self.directory} cannot be read, so nothing is taken from it: "
                f"{error}",
            )
            return True
        self._segments = {n: self._segments[n] for n in names if n in self._segments}
        for name in names:
            if name in self._segments or name in self._ignored:
                continue
            path = self.directory / name
            try:
                segment = open_segment(path)
                if not self._reads(segment.layout):
                    raise ForeignSegment("it holds another kind of record")
                self._segments[name] = segment
            except (CorruptSegment, ForeignSegment, OSError) as error:
                self._drop(path, error)
                vanished |= _vanished(error)
        return not vanished

    def segments(self) -> Iterator[tuple[Path, int, int]]:
        """Yield path, number of keys and bytes of each usable segment, by name."""
        self.refresh()
        for _, segment in sorted(self._segments.items()):
            # Another process may have removed or set aside a segment that is still indexed here.
            with suppress(OSError):
                yield segment.path, len(segment.keys), segment.path.stat().st_size

    def statistics(self) -> dict[str, int]:
        """Return the number of segments, records (a key in two segments counts twice), bytes."""
        usable = list(self.segments())
        return {
            "segments": len(usable),
            "records": sum(count for _, count, _ in usable),
            "bytes": sum(size for _, _, size in usable),
        }

    def _values(self, segment: Segment, rows: np.ndarray) -> Iterator[Value]:
        """Yield the values of ascending rows; stop at the first that cannot be read."""
        if not len(rows):
            return
        blocks, rows = np.divmod(rows, segment.layout.block_records)
        starts = np.flatnonzero(np.diff(blocks, prepend=-1))
        try:
            with open(segment.path, "rb") as file:
                for number, within in zip(blocks[starts], np.split(rows, starts[1:]), strict=True):
                    content = segment.read_block(file, int(number))
                    try:
                        values = self._decode(segment.layout, content, within)
                    except (ValueError, IndexError, zlib.error) as error:
                        raise CorruptSegment(f"block {number} is malformed: {error}") from error
                    yield from values
        except (CorruptSegment, OSError) as error:
            self._drop(segment.path, error)

    def _drop(self, path: Path, error: Exception) -> None:
        """Use a segment no more; a corrupt one is set aside for other processes too."""
        self._segments.pop(path.name, None)
        if _vanished(error):
            return
        self._ignored.add(path.name)
        if not isinstance(error, CorruptSegment):
            logger.warning("The cache segment %s is ignored: %s.", path, error)
            return
        try:
            os.replace(path, f"{path}.corrupt")
            self._ignored.discard(path.name)  # what comes under this name now is another file
            outcome = "set aside as .corrupt"
        except FileNotFoundError:
            return
        except OSError as reason:
            outcome = f"ignored (it cannot be renamed: {reason})"
        logger.warning(
            "The cache segment %s is corrupt (%s); it was %s and its records are computed again.",
            path,
            error,
            outcome,
        )

    def _warn_once(self, subject: str, sentence: str) -> None:
        if subject not in self._warned:
            self._warned.add(subject)
            logger.warning("%s", sentence)


class RecordCache(SegmentCache[R]):
    """Records that are JSON objects, such as generations and replies, of one TypedDict."""

    def _layout(self, keys: Sequence[str], values: Sequence[R]) -> Layout:
        for key, value in zip(keys, values, strict=True):
            if not isinstance(value, dict):
                raise TypeError(f"Record {key} is a {type(value).__name__}, not a dict.")
            try:
                _record_line(value)
            except (TypeError, ValueError) as error:
                raise type(error)(f"Record {key} cannot be written as JSON: {error}.") from error
        return Layout(_JSON, 0, _RECORDS_A_BLOCK)

    def _encode(self, layout: Layout, values: Sequence[R]) -> bytes:
        return zlib.compress(b"\n".join(_record_line(value) for value in values))

    def _decode(self, layout: Layout, content: bytes, rows: np.ndarray) -> list[R]:
        lines = zlib.decompress(content).split(b"\n")
        return [json.loads(lines[row].decode("utf-8", "surrogatepass")) for row in rows]

    def _reads(self, layout: Layout) -> bool:
        return layout.codec == _JSON


class VectorCache(SegmentCache[np.ndarray]):
    """Vectors of one dimension, in float16."""

    def __init__(self, directory: str | os.PathLike[str], dimension: int):
        super().__init__(directory)
        self.dimension = dimension

    def _layout(self, keys: Sequence[str], values: Sequence[np.ndarray]) -> Layout:
        for key, value in zip(keys, values, strict=True):
            if not isinstance(value, np.ndarray) or value.dtype != np.float16:
                kind = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
                raise TypeError(f"Vector {key} is {kind}, not a float16 numpy array.")
            if value.shape != (self.dimension,):
                raise ValueError(
                    f"Vector {key} has shape {value.shape}, not ({self.dimension},) as this cache."
                )
            if not np.isfinite(value).all():
                raise ValueError(f"Vector {key} holds a value that is not finite.")
        row_bytes = self.dimension * _VECTOR_TYPE.itemsize
        return Layout(_FLOAT16, self.dimension, max(1, _VECTOR_BLOCK_BYTES // row_bytes))

    def _encode(self, layout: Layout, values: Sequence[np.ndarray]) -> bytes:
        return np.stack(values).astype(_VECTOR_TYPE).tobytes()

    def _decode(self, layout: Layout, content: bytes, rows: np.ndarray) -> list[np.ndarray]:
        vectors = np.frombuffer(content, _VECTOR_TYPE)
        # Indexing copies: the caller may write to its rows, and keeps no whole block alive.
        return list(vectors.reshape(-1, layout.dimension)[rows])

    def _reads(self, layout: Layout) -> bool:
        return layout.codec == _FLOAT16 and layout.dimension == self.dimension


def _vanished(error: Exception) -> bool:
    """Whether a segment is gone: merged, pruned or set aside by another process."""
    return getattr(error, "errno", None) in (errno.ENOENT, errno.ESTALE)  # ESTALE: over NFS


def _record_line(record: Mapping[str, object]) -> bytes:
    text = json.dumps(record, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass")  # a lone surrogate comes back as it went in


def _packed(keys: Sequence[str]) -> np.ndarray:
    for key in keys:
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise ValueError(f"A record key is 64 hex digits in lower case, not {key!r}.")
    return np.frombuffer(bytes.fromhex("".join(keys)), "S32")


def _in_both(wanted: np.ndarray, held: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions in `wanted` and in `held` of the keys that both contain.

    Both ascending and without duplicates. The shorter is looked up in the longer, so that a large
    batch costs one pass over the cache's keys, not a search of every segment for every key. Keys
    are digests: their first eight bytes are compared as one number, which is much faster, unless
    two keys share them.
    """
    short, long = (held, wanted) if len(held) < len(wanted) else (wanted, held)
    heads = _heads(long)
    if (heads[1:] == heads[:-1]).any():
        at = np.searchsorted(long, short)
    else:
        at = np.searchsorted(heads, _heads(short))
    at[at == len(long)] = 0  # above the last, so equal to none
    hit = np.flatnonzero(long[at] == short)
    return (at[hit], hit) if short is held else (hit, at[hit])


def _heads(keys: np.ndarray) -> np.ndarray:
    """The first eight bytes of each key as a number, in the order of the keys."""
    return keys.view(">u8")[::4].astype(np.uint64)

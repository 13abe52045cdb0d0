"""Segments: immutable files of records, each found by its key and checked whenever it is read.

A segment is written to a temporary name, synced and renamed. It is named by its own digest and
holds, all little-endian,

    header   magic, version, codec, records, dimension, records a block, bytes of payload
    keys     32 bytes each, ascending
    blocks   for each block of the payload: where it ends, sha256 of its bytes
    digest   sha256 of all of the above
    payload  blocks, in the order of the keys

Header to digest are checked when a segment is opened and kept in memory; a block is checked
whenever it is read, so every byte is checked before a record made from it is returned.
"""

import hashlib
import math
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from scripts.core.files import replacing

MAGIC = b"AICACHE\n"
VERSION = 1

_START = struct.Struct("<8sI")  # magic and version stay here in every version
_HEADER = struct.Struct("<8sIIQIIQ")
_BLOCK = np.dtype([("end", "<u8"), ("digest", "V32")])
DIGEST_BYTES = 32


class CorruptSegment(Exception):
    """A segment whose bytes are not those that were written."""


class ForeignSegment(Exception):
    """A segment that may be sound but that this cache cannot use."""


class Layout(NamedTuple):
    """How the payload of a segment is laid out."""

    codec: int
    dimension: int  # of a vector; 0 for records
    block_records: int


@dataclass(frozen=True)
class Segment:
    """The index of one segment file, without its payload."""

    path: Path
    layout: Layout
    keys: np.ndarray  # S32: all are 32 bytes long, so numpy's padding with NUL changes nothing
    blocks: np.ndarray
    payload_start: int

    def read_block(self, file: BinaryIO, number: int) -> bytes:
        start = int(self.blocks["end"][number - 1]) if number else 0
        file.seek(self.payload_start + start)
        content = file.read(int(self.blocks["end"][number]) - start)
        if hashlib.sha256(content).digest() != self.blocks["digest"][number].tobytes():
            raise CorruptSegment(f"block {number} does not match its checksum")
        return content


def write_segment(
    directory: Path, keys: np.ndarray, layout: Layout, contents: Sequence[bytes]
) -> Segment:
    """Write one segment of ascending `keys` and the `contents` of its blocks; return its index."""
    blocks = np.empty(len(contents), _BLOCK)
    blocks["end"] = np.cumsum([len(content) for content in contents])
    blocks["digest"] = [np.void(hashlib.sha256(content).digest()) for content in contents]
    header = _HEADER.pack(MAGIC, VERSION, layout.codec, len(keys), *layout[1:], blocks["end"][-1])
    index = header + keys.tobytes() + blocks.tobytes()
    digest = hashlib.sha256(index).digest()
    path = directory / f"{digest.hex()[:32]}.seg"
    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.writelines([index, digest, *contents])
    return Segment(path, layout, keys, blocks, len(index) + DIGEST_BYTES)


def open_segment(path: Path) -> Segment:
    """Read and check the index of a segment; raises CorruptSegment or ForeignSegment."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size or not header.startswith(MAGIC):
            raise CorruptSegment("it does not start like a segment")
        version = _START.unpack_from(header)[1]
        if version != VERSION:
            raise ForeignSegment(f"its format is version {version}, this program reads {VERSION}")
        _, _, codec, count, dimension, block_records, payload = _HEADER.unpack(header)
        if not count or not block_records:
            raise CorruptSegment("its header holds no records")
        block_count = math.ceil(count / block_records)
        index_size = _HEADER.size + count * 32 + block_count * _BLOCK.itemsize
        # Sizes are compared before anything is read: a flipped bit must not ask for terabytes.
        if size != index_size + DIGEST_BYTES + payload:
            raise CorruptSegment(f"it is {size} bytes long, not what its header says")
        rest = file.read(index_size - _HEADER.size + DIGEST_BYTES)
    index, digest = rest[:-DIGEST_BYTES], rest[-DIGEST_BYTES:]
    if hashlib.sha256(header + index).digest() != digest:
        raise CorruptSegment("its index does not match its checksum")
    return Segment(
        path,
        Layout(codec, dimension, block_records),
        np.frombuffer(index, "S32", count),
        np.frombuffer(index, _BLOCK, block_count, offset=count * 32),
        index_size + DIGEST_BYTES,
    )

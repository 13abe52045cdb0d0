"""Chance by hash: numbers and pools that belong to a prompt and do not move when others do."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

POOLS = ("explore", "screen", "confirm")


def hash_unit(*parts: Any) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    return int.from_bytes(_hash(parts)[:8], "big") / 2**64


def hash_generator(*parts: Any) -> np.random.Generator:
    """A random generator that depends on the parts alone (counter-based, Philox 4x64)."""
    return np.random.Generator(np.random.Philox(key=np.frombuffer(_hash(parts)[:16], np.uint64)))


def pool_of(seed: int, unit: str, shares: Mapping[str, float]) -> str:
    """The pool of a prompt (or of its group): by hash of (seed, unit), equal for both subjects."""
    place, edge = hash_unit("pool", seed, unit), 0.0
    for pool in POOLS:
        edge += shares[pool]
        if place < edge:
            return pool
    return POOLS[-1]


def _hash(parts) -> bytes:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).digest()

"""Chance by hash: numbers and pools that belong to a prompt and do not move when others do."""

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np

POOLS = ("explore", "screen", "confirm")
FEW = 200  # prompts of a bank; below, pools have the sizes that their shares say


def hash_unit(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    return int.from_bytes(_hash(parts)[:8], "big") / 2**64


def hash_generator(*parts: object) -> np.random.Generator:
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


def pools_of(
    seed: int, units: Iterable[str], shares: Mapping[str, float], few: int = FEW
) -> dict[str, str]:
    """The pool of each prompt or group of a bank, or of each draw of a prompt.

    Where there are so few that pools by hash alone would miss their shares by much, by the place in
    the order of hashes: 23 prompts have 10 to confirm on, not 5 or 15. There a prompt more or less
    moves others next to an edge.
    """
    ordered = sorted(set(units), key=lambda unit: hash_unit("pool", seed, unit))
    if len(ordered) >= few:
        return {unit: pool_of(seed, unit, shares) for unit in ordered}
    edges, edge = [], 0.0
    for pool in POOLS:
        edge += shares[pool]
        edges.append((round(edge * len(ordered)), pool))
    return {
        unit: next((pool for edge, pool in edges if place < edge), POOLS[-1])
        for place, unit in enumerate(ordered)
    }


def _hash(parts: Iterable[object]) -> bytes:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).digest()

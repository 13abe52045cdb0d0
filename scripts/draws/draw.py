"""Names of draws and their place in the record cache; imports no torch."""

import hashlib
from dataclasses import dataclass

import numpy as np

from scripts.cache.records import record_key

# Bumped whenever the sampled distribution changes: cached generations carry it in their key.
SAMPLER_VERSION = 1


@dataclass(frozen=True)
class Draw:
    """One (side, pool, prompt, sample index) of a subject."""

    side: str
    pool: str
    prompt: str
    sample: int

    @property
    def id(self) -> str:
        return f"{self.side}/{self.pool}/{self.prompt[:16]}/{self.sample}"

    def cache_key(self, subject: str, seed: int, *formatted: str) -> str:
        """Record-cache key of this draw's generation by a subject; `formatted` says how its prompt
        is given to the subject, where that has changed since there are caches."""
        return record_key(
            "generation", SAMPLER_VERSION, subject, seed,
            self.side, self.pool, self.prompt, self.sample, *formatted,
        )  # fmt: skip

    def uniforms(self, seed: int, steps: int) -> np.ndarray:
        """Numbers in [0, 1), one for each step; shape (steps,), float64.

        A counter-based stream (Philox 4x64, Salmon et al. 2011) keyed by the draw alone: batch
        size, shard, order and neighbours cannot change it.
        """
        key = np.frombuffer(self._hash(seed)[:16], dtype=np.uint64)
        return np.random.Generator(np.random.Philox(key=key)).random(steps)

    def number(self, seed: int) -> int:
        """The seed of this draw for a server that samples by itself: a whole number below 2**31."""
        return int.from_bytes(self._hash(seed)[16:20]) >> 1

    def _hash(self, seed: int) -> bytes:
        name = f"{seed}\0{self.side}\0{self.pool}\0{self.prompt}\0{self.sample}"
        return hashlib.sha256(name.encode()).digest()

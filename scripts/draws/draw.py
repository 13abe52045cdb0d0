"""Draws: their names, their place in the record cache, and how they are planned; no torch."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, NamedTuple

import numpy as np

from scripts.cache.records import record_key
from scripts.core.rows import ROW

# Bumped whenever the sampled distribution changes: cached generations carry it in their key.
SAMPLER_VERSION = 1
SHORT = 16  # characters of a prompt's id that name it in the id of a draw


class DrawName(NamedTuple):
    """What the id of a draw says of it; of its prompt the first SHORT characters."""

    side: str
    pool: str
    prompt: str
    sample: int


@dataclass(frozen=True)
class Draw:
    """One (side, pool, prompt, sample index) of a subject."""

    side: str
    pool: str
    prompt: str
    sample: int

    @property
    def id(self) -> str:
        return f"{self.side}/{self.pool}/{self.prompt[:SHORT]}/{self.sample}"

    @staticmethod
    def parse(name: str) -> DrawName:
        """What an `id` says."""
        side, pool, prompt, sample = name.split("/")
        return DrawName(side, pool, prompt, int(sample))

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


class Reason(StrEnum):
    """Why a draw is taken."""

    PILOT = "pilot"
    ACQUISITION = "acquisition"
    READY = "ready"
    SCREEN = "screen"
    CONFIRM = "confirm"
    PROBE = "probe"
    EXHAUSTIVE = "exhaustive"


@dataclass(frozen=True, slots=True)
class PlannedDraw:
    """A line of results/plan/<key>/<step>.jsonl: one draw that both subjects take."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 1

    pool: str
    """explore, screen, confirm, or probe of written prompts; exhaustive in the protocol that active
    audits are compared to."""
    prompt: str
    """Id of the prompt."""
    sample: int
    """Which sample of the prompt it is, from 0."""
    region: str
    """Id of the prompt's region."""
    reason: Reason
    """Why it is taken: pilot and acquisition in rounds, ready where the responses are recorded."""
    probability: float
    """Inclusion probability of the unit within its region, this step counted, 0 to 1."""
    unit: str | None = None
    """Name of the unit of evidence where that is the draw; none where it is the prompt."""

    @property
    def unit_name(self) -> str:
        """The unit of evidence: the draw's name, or its prompt's id."""
        return self.unit or self.prompt

    def of(self, side: str) -> Draw:
        """The draw as one subject takes it."""
        return Draw(side, self.pool, self.prompt, self.sample)

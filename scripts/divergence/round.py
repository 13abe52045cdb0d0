"""Rounds of the explore pool: what each saw, and whether another follows."""

from dataclasses import dataclass
from typing import ClassVar

from scripts.core.rows import ROW


@dataclass(frozen=True, slots=True)
class Round:
    """results/measure/<key>/<step>/round.json: what a round saw, and whether another follows."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 1

    round: int
    """From 0."""
    draws: int
    """Draws of each subject up to here."""
    new_draws: int
    """Draws of each subject in this round."""
    silhouette: float
    """Silhouette of the texts' clusters, -1 to 1."""
    silhouette_error: float
    """Its standard error."""
    ari: float | None
    """Adjusted Rand index of the texts that the round before has, too; none in round 0."""
    promising: list[str]
    """Ids of regions that deserve a closer look, most divergent first; no claim."""
    stop: bool
    """Whether no round follows."""
    reason: str | None
    """Why: budget, rounds, convergence or exhausted, then a detail; none where a round follows."""


@dataclass(frozen=True, slots=True)
class ReportedRound(Round):
    """A line of results/audits/<audit>/rounds.jsonl: a round and what it took, as from empty."""

    tokens: int
    """Tokens that its draws took to decode, of both subjects."""
    seconds: float
    """Wall seconds of its jobs."""

"""Rounds of the explore pool: what each saw, and whether another follows."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from scripts.core.rows import ROW


class Ending(StrEnum):
    """Why no further round is taken."""

    EXHAUSTED = "exhausted"  # every draw of the explore pool is taken
    BUDGET = "budget"
    ROUNDS = "rounds"  # as many as `measure.rounds` asks for
    CONVERGENCE = "convergence"  # promising regions, clusters and silhouette are stable


@dataclass(frozen=True, slots=True)
class Round:
    """results/measure/<key>/<step>/round.json: what a round saw, and whether another follows."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 2

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
    stop: Ending | None
    """Why no round follows; none where one does."""


@dataclass(frozen=True, slots=True)
class ReportedRound(Round):
    """A line of results/audits/<audit>/rounds.jsonl: a round and what it took, as from empty."""

    tokens: int
    """Tokens that its draws took to decode, of both subjects."""
    seconds: float
    """Wall seconds of its jobs."""

"""How alike validated findings and what was planted are, as a language model says."""

from dataclasses import dataclass
from typing import ClassVar

from scripts.core.rows import ROW


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """How far a finding describes a planted behaviour."""

    __pydantic_config__: ClassVar = ROW
    behaviour: str
    """The behaviour's name, as the plant file has it."""
    finding: str
    """The finding's id."""
    score: int
    """1, another change, to 100, the same one."""


@dataclass(frozen=True, kw_only=True)
class Similarities:
    """What similarities.json holds: each planted behaviour with each validated finding."""

    __pydantic_config__: ClassVar = ROW
    SCHEMA: ClassVar[int] = 1
    asked: str | None = None
    """The language model that was asked; none where nothing was planted, or none judges."""
    scores: tuple[Similarity, ...] = ()
    """Behaviours in the order of the plant file."""
    unscored: int = 0
    """Pairs without a score: the budget had ended, or the reply could not be used."""


NOT_COMPARED = Similarities()

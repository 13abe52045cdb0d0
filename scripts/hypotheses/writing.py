"""Where a hypothesis that a language model wrote comes from, and what became of all it wrote."""

from dataclasses import dataclass
from typing import ClassVar

from scripts.core.rows import ROW


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a language model gave as its reason to write a hypothesis. It chose and orders, and is
    no evidence: that comes from other prompts."""

    __pydantic_config__: ClassVar = ROW
    prompts: tuple[str, ...]
    """Explored prompts, or draws where those are the unit, whose pairs show it."""
    quote: str | None = None
    """Words that it copied from one of their texts."""
    occurs: bool = False
    """Whether they stand in one; those whose quote does not are the last to be tested."""
    specificity: int | None = None
    """How specific the model finds the statement, 1 to 5; none where it was not asked."""
    interest: int | None = None
    """Of what interest to whoever decides about the intervention, 1 to 5."""


@dataclass(frozen=True, kw_only=True)
class Writing:
    """What became of all differences that a language model wrote."""

    __pydantic_config__: ClassVar = ROW
    SCHEMA: ClassVar[int] = 1
    written: int = 0
    """Differences in its replies; `kept`, `repeated`, `without_pairs` and `beyond` add up to it."""
    kept: int = 0
    """Hypotheses."""
    repeated: int = 0
    """Said what another one says."""
    without_pairs: int = 0
    """Cited no pair that shows them, and were left out."""
    beyond: int = 0
    """More than `propose.hypotheses`: the last by rank."""
    not_quoted: int = 0
    """Quoted words that stand in no text of the pairs they cited; ranked last."""
    reworded: int = 0
    """Hypotheses that the model put into other words before they were tested."""

    def __add__(self, other: "Writing") -> "Writing":
        mine, theirs = vars(self), vars(other)
        return Writing(**{name: mine[name] + theirs[name] for name in mine})


NOTHING_WRITTEN = Writing()

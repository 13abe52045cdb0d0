"""Generations: what the subjects said, a row a draw."""

from dataclasses import dataclass
from typing import ClassVar

from scripts.core.rows import ROW


@dataclass(frozen=True, slots=True)
class Generation:
    """A line of results/decode/<key>/<side>/<plan>/<step>/shard-<s>-of-<n>.jsonl."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 1

    draw: str
    """Id of the draw: side, pool, the first 16 characters of the prompt's id, sample."""
    pool: str
    """As in the plan."""
    prompt: str
    """Id of the prompt."""
    sample: int
    """Which sample of the prompt it is, from 0."""
    region: str
    """Id of the prompt's region."""
    text: str | None
    """The response; none where the subject gave none."""
    tokens: int | None = None
    """Tokens of the response without the one that stops it; none if it was recorded."""
    finished: bool | None = None
    """Whether the subject stopped by itself; none if that is not known."""
    unit: str | None = None
    """Name of the unit of evidence where that is the draw; none where it is the prompt."""
    log_probability: float | None = None
    """Of all its tokens and the one that stops it, in nats at temperature 1; if asked for."""
    thoughts: str | None = None
    """What a subject that thinks said before it answered, where that is not compared itself."""
    reason: str | None = None
    """Why there is no text (scripts/draws/absence.py)."""

    @property
    def unit_name(self) -> str:
        """The unit of evidence: the draw's name, or its prompt's id."""
        return self.unit or self.prompt

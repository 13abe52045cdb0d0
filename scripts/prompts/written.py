"""Prompts of a bank that a language model has written: its rows, and what became of the request."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal

from scripts.core.rows import ROW

NAMED = 3  # topics with few prompts that a notice names


class Shortfall(StrEnum):
    """Why fewer prompts were written than were asked for."""

    PASSES = "passes"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class AuthoredPrompt:
    """A line of results/write/<key>/prompts.jsonl: a prompt that a language model has written."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 1

    prompt: str
    """The text, in normal form."""
    category: str
    """The topic that it was written on."""
    asked: str
    """Id of the request that brought it, in interactions.jsonl."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authored:
    """results/write/<key>/written.json: what a language model was to write, and what it wrote."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 1

    by: str
    """The model."""
    description: str | None
    """What the prompts are, in the user's words; none where only topics were given."""
    topics: dict[str, int]
    """Prompts of each topic."""
    topics_by: Literal["user", "author"]
    """Who named the topics."""
    wanted: int
    """Prompts that were asked for."""
    prompts: int
    """Prompts that there are."""
    repeated: int
    """Prompts left out since an earlier one has the same words."""
    alike: int
    """Prompts left out since an earlier one has nearly the same telling words."""
    empty: int
    """Prompts left out since they say nothing."""
    unanswered: int
    """Requests that brought no prompts: refused, unreadable, cut off or lost."""
    short: Shortfall | None
    """Why there are fewer than were asked for: no more `passes`, or the `budget` was spent."""

    @property
    def told(self) -> str:
        """Who wrote them and from what, as a sentence."""
        topics = _plural(len(self.topics), "topic")
        given = [f"the description “{self.description}”"] if self.description else []
        given += [f"{topics} of the configuration"] if self.topics_by == "user" else []
        named = f", on {topics} that it named itself" if self.topics_by == "author" else ""
        return (
            f"{_plural(self.prompts, 'prompt')} of the bank were written by the model "
            f"`{self.by}` from {' and '.join(given)}{named}."
        )

    @property
    def notice(self) -> str | None:
        """That there are fewer prompts than were asked for, as a sentence."""
        if self.short is None:
            return None
        why = {
            Shortfall.PASSES: "more was asked for as often as `passes` allows",
            Shortfall.BUDGET: "its `budget` ended the writing",
        }
        share = self.wanted // len(self.topics)
        by_count = sorted(self.topics, key=lambda topic: self.topics[topic])
        few = [f"“{topic}”" for topic in by_count if self.topics[topic] < share]
        of = f", fewest on {', '.join(few[:NAMED])}" if len(few) < len(self.topics) and few else ""
        return (
            f"The model `{self.by}` wrote {self.prompts:,} of the {self.wanted:,} prompts that the "
            f"bank asks for{of}: {why[self.short]}. Left out: {self.left_out}."
        )

    @property
    def left_out(self) -> str:
        """What was left out, in words."""
        counts = {
            "repeated": self.repeated,
            "nearly repeated": self.alike,
            "empty": self.empty,
            "replies without prompts": self.unanswered,
        }
        return ", ".join(f"{n:,} {what}" for what, n in counts.items() if n) or "nothing"


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"

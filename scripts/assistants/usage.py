"""What an assistant is asked, as numbers: an amount of it, and what a job has used by role, which
is results/<stage>/<key>/usage.json."""

import operator
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from scripts.core.rows import ROW

NOTABLE = 0.05  # of a model's replies, from which it is said that they needed more than reading


@dataclass(frozen=True)
class Amount:
    """Requests with their tokens and US dollars: spent, set aside, allowed or foreseen."""

    requests: float = 0
    input_tokens: float = 0
    output_tokens: float = 0
    dollars: float = 0.0

    def __add__(self, other: "Amount") -> "Amount":
        return self._with(other, operator.add)

    def __sub__(self, other: "Amount") -> "Amount":
        return self._with(other, operator.sub)

    def times(self, factor: float) -> "Amount":
        """So many times as much."""
        return self._with(self, lambda one, _: factor * one)

    def at_most(self, limit: "Amount") -> "Amount":
        """As far as a limit allows, each number by itself."""
        return self._with(limit, min)

    def within(self, limit: "Amount") -> bool:
        """Whether no number exceeds the limit's."""
        return self.at_most(limit) == self

    def _with(self, other: "Amount", combine: Callable[[float, float], float]) -> "Amount":
        mine, theirs = vars(self), vars(other)
        return Amount(*(combine(mine[name], theirs[name]) for name in mine))


@dataclass
class RoleCost:
    """What the model in one role was asked, and what became of it."""

    __pydantic_config__ = ROW
    model: str = ""
    """The model's name."""
    title: str = ""
    """What it is called in judgements: the model's name, or what tells several roles of one model
    apart."""
    requests: int = 0
    """Requests that were answered."""
    cache_hits: int = 0
    """Further requests that the cache answered."""
    input_tokens: int = 0
    """Tokens of the requests."""
    output_tokens: int = 0
    """Tokens of the replies."""
    dollars: float = 0.0
    """US dollars at the prices of the day."""
    retries: int = 0
    """Attempts after one that brought no reply."""
    clean: int = 0
    """Answers in the form that was asked for."""
    mended: int = 0
    """Answers in another form, read all the same."""
    second_chances: int = 0
    """Requests asked again because the reply could not be used."""
    refused: int = 0
    """Requests that the model refused."""
    unparsable: int = 0
    """Requests whose reply does not say what was asked."""
    truncated: int = 0
    """Requests whose reply reached the limit of its tokens."""
    lost: int = 0
    """Requests given up after all attempts."""
    without: dict[str, int] = field(default_factory=dict)
    """Replies by the fields of requests that the model does not take, where its own default stood
    in for what the role says."""

    @property
    def asked(self) -> int:
        """Requests that were answered, by the provider or by the cache."""
        return self.requests + self.cache_hits

    def count(self, outcome: str) -> None:
        """Count what became of a request, by the name of its field."""
        setattr(self, outcome, getattr(self, outcome) + 1)

    def count_without(self, left_out: Sequence[str]) -> None:
        """Count a reply by the fields that were left out of its request, if any were."""
        if names := " ".join(left_out):
            self.without = added(self.without, {names: 1})


@dataclass
class RoleUsage(RoleCost):
    """What a job asked of one role. What begins with `saved_` is of the requests that the cache
    answered, the rest of those that the provider did."""

    saved_input_tokens: int = 0
    """Tokens of requests that the cache answered."""
    saved_output_tokens: int = 0
    """Tokens of replies from the cache."""
    saved_dollars: float = 0.0
    """US dollars that these would cost."""

    @property
    def amount(self) -> Amount:
        """What it comes to as from empty, cached replies included."""
        return Amount(
            self.asked,
            self.input_tokens + self.saved_input_tokens,
            self.output_tokens + self.saved_output_tokens,
            self.dollars + self.saved_dollars,
        )


@dataclass(frozen=True)
class Usage:
    """results/<stage>/<key>/usage.json: what a job's assistant has used."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 2

    stage: str
    """The job's stage."""
    call: str
    """Which call of Snakemake ran the job."""
    roles: dict[str, RoleUsage] = field(default_factory=dict)
    """By the role's name: `author`, `judge 1`, `cheap`, `themes`, `bank author`; empty for the
    local assistant."""


def added(one: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Counts by name, put together."""
    return dict(Counter(one) + Counter(more))


def notices_of_replies(role: str, counted: RoleCost) -> list[str]:
    """A sentence each for replies that were mended or asked for again, for those cut off, and for
    those that were asked for without a field."""
    found, replies = [], counted.asked
    who = f"the assistant's {role} (`{counted.title}`)"
    if max(counted.mended, counted.second_chances) > NOTABLE * replies:
        found.append(
            f"Of {replies} replies of {who}, {counted.mended} "
            f"({counted.mended / replies:.0%}) were in another form than asked for and read all "
            f"the same, and {counted.second_chances} ({counted.second_chances / replies:.0%})"
            " brought no answer and were asked for again: it follows the form badly, or its server "
            "ignores the schema."
        )
    if counted.truncated:
        found.append(
            f"{counted.truncated} of {replies} replies of {who} ended at "
            "their limit of tokens before they had answered, and count for nothing: raise its "
            "`thinking_tokens`, or have the model think less."
        )
    for names, times in counted.without.items():
        told = " and ".join(f"`{name}`" for name in names.split())
        found.append(
            f"The model of {who} takes no {told}: its own default stood in for what the role says "
            f"in {times} of {replies} replies."
        )
    return found

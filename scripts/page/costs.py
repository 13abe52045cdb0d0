"""costs.json: what an audit took, by stage, from the ledgers of its jobs and their assistants."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import ClassVar

from scripts.assistants.usage import RoleCost, RoleUsage, Usage, added
from scripts.core.ledger import Ledger
from scripts.core.rows import ROW


@dataclass(kw_only=True)
class Cost:
    """What jobs took."""

    __pydantic_config__ = ROW
    wall_seconds: float = 0.0
    """Of all jobs together."""
    texts: int = 0
    """Texts decoded, embedded or looked up."""
    tokens: int = 0
    """Tokens of decoded texts."""
    cache_hits: int = 0
    """Draws or texts that the record cache had."""
    cache_misses: int = 0
    """Draws or texts that it lacked."""
    requests: dict[str, int] = field(default_factory=dict)
    """A language model's requests by its name."""
    roles: dict[str, RoleCost] = field(default_factory=dict)
    """What each role of the assistant was asked."""
    input_tokens: int = 0
    """Tokens of requests, over all roles."""
    output_tokens: int = 0
    """Tokens of replies, over all roles."""
    dollars: float = 0.0
    """US dollars, over all roles."""

    def add_usage(self, role: str, usage: RoleUsage, *, cached: bool) -> None:
        """Add a job's requests to one role; with `cached`, those that the cache answered as
        requests, too."""
        paid = RoleCost(**{of.name: getattr(usage, of.name) for of in fields(RoleCost)})
        if cached:
            paid.requests, paid.cache_hits = usage.asked, 0
            paid.input_tokens += usage.saved_input_tokens
            paid.output_tokens += usage.saved_output_tokens
            paid.dollars += usage.saved_dollars
        self._add_role(role, paid)
        self.input_tokens += paid.input_tokens
        self.output_tokens += paid.output_tokens
        self.dollars = round(self.dollars + paid.dollars, 6)

    def _add_role(self, role: str, more: RoleCost) -> None:
        if role in self.roles and self.roles[role].title != more.title:  # of two authors of a bank
            role = f"{role} ({more.title})"
        known = self.roles.setdefault(role, RoleCost(more.model, more.title))
        for of in fields(RoleCost):
            if of.name == "without":
                known.without = added(known.without, more.without)
            elif of.type is not str:
                total = getattr(known, of.name) + getattr(more, of.name)
                setattr(known, of.name, round(total, 6))
        self.requests[more.model] = self.requests.get(more.model, 0) + more.requests

    def add(self, more: "Cost") -> None:
        """Add what other jobs took."""
        self.wall_seconds = round(self.wall_seconds + more.wall_seconds, 6)
        self.texts += more.texts
        self.tokens += more.tokens
        self.cache_hits += more.cache_hits
        self.cache_misses += more.cache_misses
        self.input_tokens += more.input_tokens
        self.output_tokens += more.output_tokens
        self.dollars = round(self.dollars + more.dollars, 6)
        for role, of_role in more.roles.items():
            self._add_role(role, of_role)


@dataclass(frozen=True)
class StageCosts:
    """What a stage took, or all of them."""

    __pydantic_config__ = ROW
    spent: Cost = field(default_factory=Cost)
    """What the call that wrote the report computed itself."""
    full: Cost = field(default_factory=Cost)
    """What it takes from empty."""


@dataclass(frozen=True)
class Costs:
    """results/audits/<audit>/costs.json: what an audit took."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 2

    stages: dict[str, StageCosts]
    """By the stage's name."""
    total: StageCosts
    """Of all stages; the report's own job is not among them."""


def costs_of(ledgers: Iterable[Ledger], call: str, usage: Sequence[Usage] = ()) -> Costs:
    """Costs of each stage and in total. usage: of the assistants.

    Wall seconds of all jobs of a stage together; `full` counts what cache hits cost when they were
    computed.
    """
    stages: dict[str, StageCosts] = {}
    for ledger in ledgers:
        stage = stages.setdefault(ledger.stage, StageCosts())
        stage.full.add(_from_empty(ledger))
        if ledger.call == call:
            stage.spent.add(_computed(ledger))
    for used in usage:
        stage = stages[used.stage]
        for role, of_role in used.roles.items():
            stage.full.add_usage(role, of_role, cached=True)
            if used.call == call:
                stage.spent.add_usage(role, of_role, cached=False)
    return Costs(stages, _total(stages))


def _from_empty(ledger: Ledger) -> Cost:
    return Cost(
        wall_seconds=ledger.wall_seconds + ledger.saved_seconds,
        texts=ledger.texts + ledger.cache_hits,
        tokens=ledger.tokens + ledger.saved_tokens,
        cache_misses=ledger.cache_hits + ledger.cache_misses,
    )


def _computed(ledger: Ledger) -> Cost:
    return Cost(
        wall_seconds=ledger.wall_seconds,
        texts=ledger.texts,
        tokens=ledger.tokens,
        cache_hits=ledger.cache_hits,
        cache_misses=ledger.cache_misses,
    )


def _total(stages: Mapping[str, StageCosts]) -> StageCosts:
    total = StageCosts()
    for stage in stages.values():
        for cost, of_all in ((stage.spent, total.spent), (stage.full, total.full)):
            cost.wall_seconds = round(cost.wall_seconds, 2)
            of_all.add(cost)
    return total

"""What servers did with an audit's draws that a reader has to know: draws without a text, another
server than before, fields that were not taken."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from scipy.stats import fisher_exact

from scripts.core.ledger import Ledger
from scripts.core.vocabulary import SIDES
from scripts.draws.absence import Absence, in_words, remedies
from scripts.page.numbers import count

CUT_LOUD = 0.02  # of a side's draws that were cut while thinking, from which it stands first
CHANCE = 0.05  # p-value below which the sides' shares of missing texts are not told apart by chance


class _Side(NamedTuple):
    """What decode's ledgers count of one side."""

    name: str
    draws: int
    missing: Counter[str]
    answered_by: Counter[str]
    without: Counter[str]

    @property
    def lost(self) -> int:
        return self.missing.total()


def notices_of_servers(ledgers: Iterable[Ledger]) -> list[str]:
    """A sentence for each of these, from the ledgers of an audit's jobs."""
    everything = list(ledgers)
    base, intervention = (_side(everything, name) for name in SIDES)
    found = [_cut(base), _cut(intervention), _missing(base, intervention, everything)]
    for side in (base, intervention):
        found += [_answered_by(side), _without(side)]
    return [sentence for sentence in found if sentence]


def _side(ledgers: Iterable[Ledger], name: str) -> _Side:
    draws, counts = 0, [Counter[str]() for _ in range(3)]
    for ledger in ledgers:
        if ledger.stage != "decode" or ledger.side != name:
            continue
        draws += ledger.texts + ledger.cache_hits
        for counter, field in zip(counts, ("missing", "answered_by", "without"), strict=True):
            counter.update(getattr(ledger, field))
    return _Side(name, draws, *counts)


def _cut(side: _Side) -> str | None:
    cut = side.missing[Absence.CUT]
    if cut <= CUT_LOUD * side.draws:
        return None
    return (
        f"The {side.name} was cut while thinking in {count(cut)} of {count(side.draws)} draws "
        f"({cut / side.draws:.0%}), before it had answered: nothing below is about these; "
        f"{Absence.CUT.remedy}."
    )


def _missing(base: _Side, intervention: _Side, ledgers: Iterable[Ledger]) -> str | None:
    sides = (base, intervention)
    if not any(side.lost for side in sides):
        return None
    told = "; ".join(
        f"the {side.name}'s in {count(side.lost)} of {count(side.draws)} draws"
        + (f" ({in_words(side.missing)})" if side.lost else "")
        for side in sides
    )
    left_out = sum(ledger.left_out for ledger in ledgers)
    table = [[side.lost, side.draws - side.lost] for side in sides]
    differ = fisher_exact(table).pvalue < CHANCE
    more = (
        " One side's is missing more often than chance explains, so that all below is about the "
        "draws that both answered."
        if differ
        else ""
    )
    return (
        f"A text is missing, {told}. A draw without one of its texts is left out on both sides, "
        f"which costs {count(left_out)} pairs.{more} What can be done: "
        f"{remedies(base.missing | intervention.missing)}."
    )


def _answered_by(side: _Side) -> str | None:
    if len(side.answered_by) < 2:
        return None
    told = ", ".join(f"`{name}` ({count(n)} texts)" for name, n in side.answered_by.most_common())
    return (
        f"The {side.name} was answered by more than one version of its server within this audit: "
        f"{told}. If another model stood behind the name, set another `server.identity` and run "
        "again."
    )


def _without(side: _Side) -> str | None:
    if not side.without:
        return None
    fields = " and ".join(f"`{name}`" for name in sorted(set(" ".join(side.without).split())))
    return (
        f"The {side.name}'s server takes no {fields}: its own default stood in for what "
        f"`sampling` says in {count(side.without.total())} texts."
    )

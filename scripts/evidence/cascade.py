"""Two judges in turn: a cheap one first, a strong one on fresh prompts for what stays borderline.

    outcomes = cascade(regions, prompts, cheap, strong, share=share)

A judge is what race.drive takes: it is called with {region: (hypothesis, ...)} and returns
{region: {hypothesis: (s, s') or None}} for one prompt of each region; {} when its budget has ended.
The cheap judge is asked about the first share[region] prompts of a region at most, in order, one a
call. The strong judge's first call on a region is about prompt number share[region], counted from
0, and no call of either is about a prompt of the other: the same pair judged twice is no new
evidence. Both legs are races (race.Race) of the same K hypotheses. Evidence multiplies over the
legs, since each leg's e-value has mean at most 1 under the null given all that came before, and
e-BH runs on the products; so whatever rule chooses who goes on, the error control is the same.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from scripts.evidence.race import Awaited, Delta, OfPrompt, Race, Standing, Wanted, drive
from scripts.evidence.reasons import Stop
from scripts.evidence.request_counts import requests

Judge = Callable[[Wanted], Awaited[OfPrompt]]
Escalate = Literal["borderline", "band"]

BAND = (0.4, 0.6)


class Outcome(NamedTuple):
    """Where a hypothesis stands after both judges."""

    e: float  # products over the judges
    e_prime: float
    in_set: bool  # min(e, e_prime) is in the e-BH set of all hypotheses
    stopped: Stop | None  # why its last judge left it
    cheap: Standing  # of the cheap judge's leg; e and in_set as they were at its end
    strong: Standing | None  # of the strong judge's own prompts; its e and e_prime are products


def cascade(
    regions: Mapping[str, Sequence[str]],
    prompts: Mapping[str, int],
    cheap: Judge,
    strong: Judge,
    *,
    share: Mapping[str, int],
    q: float = 0.05,
    delta: tuple[Delta, Delta] = (0.1, 0.1),
    hypotheses: int | None = None,
    escalate: Escalate = "borderline",
    ahead: int = 0,
    tell: Callable[[int], None] | None = None,
) -> dict[str, Outcome]:
    """Judge the hypotheses and return the outcome of each.

    regions, prompts, q and hypotheses are those of race.Race, ahead and tell of race.drive; delta
    holds one for each judge.
    share: of each region's prompts, how many are the cheap judge's, fixed beforehand
    (choice.choose); 0 leaves all to the strong one.

    escalate: "borderline" goes on with what the cheap judge left neither validated nor futile nor
    hopeless, where hope counts the strong judge's prompts. "band" is the simple rule: the cheap
    judge reads its whole share, without futility, and what it scores 0.4 to 0.6, (wins + ties / 2)
    / prompts, goes on.

    Raises ValueError where Race does, and when a share exceeds the prompts of its region.
    """
    rest = {region: n - share[region] for region, n in prompts.items()}
    if min(rest.values(), default=0) < 0:
        raise ValueError(f"The cheap judge's share {dict(share)} exceeds the prompts {prompts}.")
    K = len(regions) if hypotheses is None else hypotheses
    first = Race(
        regions,
        {region: share[region] for region in prompts},
        q=q,
        delta=None if escalate == "band" else delta[0],
        hypotheses=K,
        later=rest,
    )
    # Until the second race is lined up, its bound is that everybody goes on.
    after = sum(
        n * requests(sum(region in own for own in regions.values())) for region, n in rest.items()
    )
    earlier = drive(first, cheap, ahead, tell and (lambda left: tell(left + after)))
    goes_on = {"borderline": _is_borderline, "band": _is_in_band}[escalate]
    second = Race(
        {name: own for name, own in regions.items() if goes_on(earlier[name])},
        rest,
        q=q,
        delta=delta[1],
        hypotheses=K,
        carried={name: (standing.e, standing.e_prime) for name, standing in earlier.items()},
    )
    later = drive(second, strong, ahead, tell)
    return {
        name: Outcome(
            e=later[name].e,
            e_prime=later[name].e_prime,
            in_set=later[name].in_set,
            stopped=later[name].stopped if goes_on(before) else before.stopped,
            cheap=before,
            strong=later[name] if goes_on(before) else None,
        )
        for name, before in earlier.items()
    }


def _is_borderline(standing: Standing) -> bool:
    return standing.stopped == Stop.EXHAUSTED and not standing.in_set


def _is_in_band(standing: Standing) -> bool:
    if standing.in_set or not standing.judged:
        return not standing.in_set
    wins, ties, _ = standing.counts
    return BAND[0] <= (wins + ties / 2) / standing.judged <= BAND[1]

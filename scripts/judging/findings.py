"""One hypothesis with its decision: status, evidence, rates, quoted pairs.

The formulas are those of docs/statistics.md; the modules beside this one name their sources.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import zip_longest
from operator import attrgetter
from statistics import fmean
from typing import NamedTuple

from scripts.checks.check import (
    Check,
    FeatureCheck,
    MeasureCheck,
    Text,
    compare,
    graded,
    value,
)
from scripts.checks.features import quality
from scripts.checks.measures import MEASURES
from scripts.core.randomness import hash_unit
from scripts.evidence.betting import e_value
from scripts.evidence.ebh import e_threshold
from scripts.evidence.power import minimum_detectable_effect
from scripts.evidence.race import Standing
from scripts.evidence.reasons import Gate, Status, Stop
from scripts.evidence.status import decide
from scripts.hypotheses.finding import (
    BankRate,
    Effect,
    Finding,
    FindingRegion,
    OverBank,
    Quote,
    Rate,
    WinRate,
)
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.judgement import Judgement, sign
from scripts.hypotheses.pairs import Pair, pair_score
from scripts.judging.reach import (
    ALPHA,
    Look,
    auc_of,
    difference_of,
    effect_of,
    rate_of,
    share_of,
    sign_test,
    transfer,
    win_rate,
)
from scripts.judging.schedule import Bench
from scripts.prompts.region import Region

SHOWN_AT = 20.0  # a region's own e-value from which it is "shown here"


class Evidence(NamedTuple):
    """The judgements of a hypothesis: all of them; those at a number that was fixed beforehand, by
    judge, on which rates and tests at a fixed number rest; and those that the race took."""

    all: Sequence[Judgement]
    rated: Sequence[Sequence[Judgement]]
    raced: Sequence[Judgement]


class Control(NamedTuple):
    """The error control of an audit: how many hypotheses are tested, how many of them are in the
    e-BH set, and the false discovery rate."""

    tested: int
    validated: int
    q: float

    @property
    def threshold(self) -> float:
        """The e-value that each of the validated ones must reach."""
        return e_threshold(self.tested, max(1, self.validated), self.q)


def untested(hypothesis: Hypothesis, regions: Mapping[str, Region], stopped: Stop) -> Finding:
    """The finding of a hypothesis that nobody judged, with the reason."""
    return Finding(
        id=hypothesis.id,
        statement=hypothesis.statement,
        direction=hypothesis.direction,
        source=hypothesis.source,
        check=hypothesis.check,
        behaviour=hypothesis.behaviour,
        written=hypothesis.written,
        regions=tuple(_region(regions[r]) for r in hypothesis.regions),
        stopped=stopped,
    )


def finding_of(
    hypothesis: Hypothesis,
    standing: Standing,
    evidence: Evidence,
    gates: Sequence[Gate],
    regions: Mapping[str, Region],
    control: Control,
    unit: str = "prompt",
) -> Finding:
    """The decision on a hypothesis that was judged, and the numbers behind it."""
    wins, ties, losses = standing.counts
    stopped = standing.stopped or Stop.EXHAUSTED
    available = standing.judged + standing.remaining
    status = decide(
        standing.e,
        standing.e_prime,
        in_set=standing.in_set,
        net=wins - losses,
        judged=standing.judged,
        hypotheses=control.tested,
        q=control.q,
        validated=control.validated,
        gates_failed=gates,
        available=available,
        stopped=Stop.EXHAUSTED if stopped == Stop.BUDGET else stopped,
    )
    if stopped == Stop.BUDGET and status == Status.UNSUPPORTED:
        status = Status.UNTESTED
    effect = None
    if status == Status.UNSUPPORTED:
        share = losses / standing.judged if standing.judged else 0.0
        effect = minimum_detectable_effect(available, control.threshold, share)
    e = min(standing.e, standing.e_prime)
    found = replace(
        untested(hypothesis, regions, stopped),
        regions=tuple(
            _region(
                regions[r],
                [j for j in evidence.all if j.region == r],
                sum(standing.by_region[r][0]) if r in standing.by_region else 0,
            )
            for r in hypothesis.regions
        ),
        status=status,
        e_value=rounded(e),
        e_value_plain=rounded(standing.e),
        e_value_against_placebos=rounded(standing.e_prime),
        win_rate=_win_rate(wins, losses, status, control),
        judged=standing.judged,
        available=available,
        wins=wins,
        losses=losses,
        ties=ties,
        missing=standing.missing,
        refused=sum(j.refused for j in evidence.all),
        unparsable=sum(j.unparsable for j in evidence.all),
        inapplicable=sum(j.inapplicable for j in evidence.all),
        in_set=standing.in_set,
        placebos=len(evidence.raced[0].placebos) if evidence.raced else 0,
        gates_failed=tuple(gates),
        minimum_detectable_effect=effect and round(effect, 4),
        p_anytime=float(f"{min(1.0, 1 / max(1e-300, e)):.4g}"),
    )
    return _looked_at(found, hypothesis, evidence.rated, regions, unit)


def _win_rate(wins: int, losses: int, status: Status, control: Control) -> WinRate:
    alpha = ALPHA
    if status == Status.VALIDATED:
        alpha = ALPHA * max(1, control.validated) / control.tested
    return win_rate(wins, losses, alpha)


def _looked_at(
    finding: Finding,
    hypothesis: Hypothesis,
    rated: Sequence[Sequence[Judgement]],
    regions: Mapping[str, Region],
    unit: str,
) -> Finding:
    """With what judgements at a number that was fixed beforehand say, whereas the race may end
    early: rates and their difference, and of the judge that decides the sign test (draws of unlike
    prompts do not allow it), the AUC of the paired score, the effect in units of a measure, what is
    left on texts cut to equal length, and how well the check agrees with people.

    Of a behaviour that the intervention shows less often, rates are those of the behaviour, not of
    its absence."""
    check, judged = hypothesis.check, rated[-1]
    less = hypothesis.direction == "less" and not graded(check)
    by_judge = [
        [
            Look(
                j.region,
                j.prompt,
                1 - j.base if less else j.base,
                1 - j.intervention if less else j.intervention,
                j.difference,
            )
            for j in of_judge
            if not (j.refused or j.unparsable)
        ]
        for of_judge in rated
    ]
    looks = by_judge[-1]
    weights = {region: regions[region].weight for region in hypothesis.regions}
    if not graded(check):
        finding = replace(
            finding,
            rate_base=_plain(rate_of(by_judge, weights, attrgetter("base"))),
            rate_intervention=_plain(rate_of(by_judge, weights, attrgetter("intervention"))),
            difference=difference_of(by_judge, weights),
        )
    signs = [sign(look.score) for look in looks]
    tested_by_sign = looks and unit != "draw"
    p_sign = sign_test(signs.count(1), signs.count(-1)) if tested_by_sign else None
    cuts = list(zip(*(j.cut for j in judged if j.cut is not None), strict=True))
    return replace(
        finding,
        p_sign=None if p_sign is None else float(f"{p_sign:.4g}"),
        auc=auc_of(looks, weights),
        effect=effect_in_units(check, looks, weights),
        cut=(round(fmean(cuts[0]), 4), round(fmean(cuts[1]), 4)) if cuts else None,
        uncut=round(fmean(look.score for look in looks), 4) if looks else None,
        agreement=quality(check.feature) if isinstance(check, FeatureCheck) else None,
    )


def _plain(rate: BankRate | None) -> Rate | None:
    if rate is None:
        return None
    return Rate(estimate=rate.estimate, low=rate.low, high=rate.high, prompts=rate.prompts)


def effect_in_units(
    check: Check | None, looks: Sequence[Look], weights: Mapping[str, float]
) -> Effect | None:
    """The effect of a measure (reach.effect_of) with its unit; None for other checks."""
    if not isinstance(check, MeasureCheck) or not looks:
        return None
    return effect_of(looks, weights, MEASURES[check.measure])


def with_reach(
    finding: Finding, check: Check, looks: Sequence[Look], weights: Mapping[str, float]
) -> Finding:
    """A finding with how far it reaches (reach.py). looks: at every confirm prompt, of whatever
    region, whose weights in the bank are given; of a behaviour that the intervention shows less
    often they are on the behaviour."""
    bank = OverBank(effect=effect_in_units(check, looks, weights))
    if not graded(check):
        bank = replace(
            bank,
            rate_base=share_of(looks, weights, attrgetter("base")),
            rate_intervention=share_of(looks, weights, attrgetter("intervention")),
            difference=difference_of([looks], weights),
        )
    own = [region.id for region in finding.regions]
    return replace(finding, transfer=transfer(looks, own), bank=bank)


def look_at(check: Check, pairs: Sequence[Pair]) -> Look:
    """What a check sees of a prompt's pairs; of one that is absent, the thing that is absent."""
    plain = replace(check, absent=False)
    base, intervention = zip(*(pair.sides for pair in pairs), strict=True)
    return Look(
        pairs[0].region,
        pairs[0].prompt,
        fmean(value(plain, text) for text in base),
        fmean(value(plain, text) for text in intervention),
        mean_score(check, base, intervention),
    )


def looks_at(check: Check, bench: Bench) -> list[Look]:
    """What a check sees of every confirm prompt, of all regions, in the order of judging."""
    return [
        look_at(check, bench.by_region[region][prompt])
        for region, prompts in sorted(bench.order.items())
        for prompt in prompts
    ]


def mean_score(check: Check, base: Sequence[Text], intervention: Sequence[Text]) -> float:
    """The mean over all pairs of samples of a prompt of their pair score."""
    if not graded(check):
        return fmean(value(check, t) for t in intervention) - fmean(value(check, t) for t in base)
    return fmean(compare(check, a, b) for a in base for b in intervention)


def _region(region: Region, judged: Sequence[Judgement] = (), used: int = 0) -> FindingRegion:
    """A region's own record over what was judged of its confirm prompts; `used` of them had been
    when the hypothesis left the race."""
    signs = [j.signs[0] for j in judged]
    wins, losses = signs.count(1), signs.count(-1)
    e = float(e_value(wins, losses))
    return FindingRegion(
        id=region.id,
        name=region.name,
        category=region.category,
        weight=region.weight,
        prompts=len(signs),
        used=used,
        wins=wins,
        losses=losses,
        e_value=rounded(e),
        shown=e >= SHOWN_AT,
    )


def quotes_of(
    hypothesis: Hypothesis,
    by_region: Mapping[str, Mapping[str, Sequence[Pair]]],
    judged: Sequence[Judgement],
    count: int,
) -> tuple[Quote, ...]:
    """Quoted pairs from prompts that were won, a region in turn, those that show it most first."""
    won: dict[str, list[Judgement]] = defaultdict(list)
    for judgement in sorted(
        (j for j in judged if j.signs[0] > 0),
        key=lambda j: hash_unit("evidence", hypothesis.id, j.prompt),
    ):
        won[judgement.region].append(judgement)
    often = sorted(won, key=lambda r: (-len(won[r]) / len(by_region[r]), r))
    turns = [j for turn in zip_longest(*(won[r] for r in often)) for j in turn if j is not None]
    found = list[Quote]()
    for judgement in turns[:count]:
        pairs = by_region[judgement.region][judgement.prompt]
        best, check = pairs[judgement.telling], hypothesis.check
        if check and judgement.judge == "local":
            best = max(pairs, key=partial(pair_score, check))
        found.append(
            Quote(
                prompt=best.prompt,
                base=best.base,
                intervention=best.intervention,
                base_thoughts=best.base_thoughts,
                intervention_thoughts=best.intervention_thoughts,
                asked=judgement.asked[judgement.telling] if judgement.asked else None,
            )
        )
    return tuple(found)


def rounded(e: float) -> float:
    """Four significant digits; an infinite e-value is written as the largest number."""
    return float(f"{min(e, 1e300):.4g}")

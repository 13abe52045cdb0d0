"""How far a finding reaches: beyond its own regions, over the whole bank, and in its own units.

All of it rests on confirm prompts whose number was fixed before any of their texts was seen; none
of it is a claim under the audit's error control.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.stats import binom, t

from scripts.checks.measures import Measure
from scripts.evidence import rates
from scripts.evidence.betting import win_rate_interval
from scripts.evidence.prediction_powered import corrected_rate
from scripts.evidence.rates import stratified_rate
from scripts.hypotheses.finding import BankRate, Effect, Transfer, WinRate
from scripts.hypotheses.judgement import sign

ALPHA = 0.05  # an interval misses in this share of the cases at most


class Look(NamedTuple):
    """One prompt as a check sees it, samples averaged: what it reads off either side, and the pair
    score in [-1, 1]."""

    region: str
    prompt: str
    base: float
    intervention: float
    score: float


def sign_test(wins: int, losses: int) -> float:
    """One-sided p-value of the sign test at a fixed number of prompts, ties left out."""
    return float(binom.sf(wins - 1, wins + losses, 0.5))


def win_rate(wins: int, losses: int, alpha: float = ALPHA) -> WinRate:
    """Wins of wins and losses, with the interval that holds wherever counting ends."""
    low, high = map(float, win_rate_interval(wins, losses, alpha))
    return WinRate(
        estimate=round(wins / (wins + losses), 4) if wins + losses else None,
        low=round(low, 4),
        high=round(high, 4),
        confidence=round(1 - alpha, 6),
    )


def transfer(looks: Sequence[Look], own: Iterable[str]) -> Transfer | None:
    """Wins and losses on the prompts of regions that are not a finding's own, with the interval of
    its win rate; None where there are none."""
    own = set(own)
    signs = [sign(look.score) for look in looks if look.region not in own]
    if not signs:
        return None
    wins, losses = signs.count(1), signs.count(-1)
    rate = win_rate(wins, losses)
    return Transfer(
        prompts=len(signs),
        wins=wins,
        losses=losses,
        estimate=rate.estimate,
        low=rate.low,
        high=rate.high,
    )


def share_of(
    looks: Sequence[Look], weights: Mapping[str, float], value: Callable[[Look], float]
) -> BankRate | None:
    """The mean of a value in [0, 1] over the regions of the looks, by their weights, with its
    interval by prompt (rates.stratified_rate); regions with one prompt are left out, and `share`
    says what the others weigh of the bank. None where no region has two."""
    values: dict[str, list[float]] = {}
    for look in looks:
        values.setdefault(look.region, []).append(value(look))
    values = {region: of_one for region, of_one in values.items() if len(of_one) > 1}
    if not values:
        return None
    rate = stratified_rate({region: weights[region] for region in values}, values)
    share = min(1.0, sum(weights[r] for r in values) / sum(weights.values()))
    return _bank_rate(rate, round(share, 4))


def _bank_rate(rate: rates.Rate, share: float) -> BankRate:
    return BankRate(
        estimate=round(rate.estimate, 4),
        low=round(rate.low, 4),
        high=round(rate.high, 4),
        prompts=rate.prompts,
        share=share,
    )


def rate_of(
    looks: Sequence[Sequence[Look]],
    weights: Mapping[str, float],
    value: Callable[[Look], float],
) -> BankRate | None:
    """As `share_of`, of the looks of each judge, of whom the last one's are what it is of. Where a
    judge before it read the same prompts and others, its verdicts on the others, corrected by those
    on the same, make the interval narrower (prediction_powered.py)."""
    *before, last = looks
    found = share_of(last, weights, value)
    if found is None:
        return None
    strong = _by_prompt(last, value)
    strong = {region: of_one for region, of_one in strong.items() if len(of_one) > 1}
    for of_judge in before:
        cheap = _by_prompt(of_judge, value)
        both = {
            region: [(cheap[region][p], v) for p, v in of_one.items() if p in cheap[region]]
            for region, of_one in strong.items()
        }
        alone = {r: [v for p, v in cheap[r].items() if p not in strong[r]] for r in strong}
        if all(len(both[r]) > 1 and len(alone[r]) > 1 for r in strong):
            rate = corrected_rate({region: weights[region] for region in strong}, alone, both)
            found = _bank_rate(rate, found.share)
    return found


def _by_prompt(
    looks: Sequence[Look], value: Callable[[Look], float]
) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for look in looks:
        found[look.region][look.prompt] = value(look)
    return found


def difference_of(looks: Sequence[Sequence[Look]], weights: Mapping[str, float]) -> BankRate | None:
    """The mean paired difference of the two sides' rates in [-1, 1], with its interval, as
    `rate_of`."""
    found = rate_of(looks, weights, lambda look: (1 + look.intervention - look.base) / 2)
    if found is None:
        return None
    low, high = (round(2 * end - 1, 4) for end in (found.low, found.high))
    return replace(found, estimate=round(2 * found.estimate - 1, 4), low=low, high=high)


def auc_of(looks: Sequence[Look], weights: Mapping[str, float]) -> BankRate | None:
    """The area under the curve of the paired score, within prompts: the chance that of two texts to
    one prompt the intervention's shows more, ties counted half."""
    return share_of(looks, weights, lambda look: (1 + look.score) / 2)


def effect_of(
    looks: Sequence[Look], weights: Mapping[str, float], measure: Measure
) -> Effect | None:
    """The effect of a measure in its own units: the median of the prompts' ratios, or the mean of
    their differences by region weights, with 95 % intervals, and the mean of either side by region
    weights. At least one look.

    The median's interval is that of the sign test (order statistics; Conover 1999, section 3.2),
    the mean's that of the stratified estimate with Satterthwaite's degrees of freedom. Ratios are
    those of prompts where neither value is 0. None with fewer than two prompts.
    """
    base, intervention = np.array([(look.base, look.intervention) for look in looks]).T
    if measure.told == "ratio":
        both = (base > 0) & (intervention > 0)
        found = _median(intervention[both] / base[both])
    else:
        found = _mean(looks, weights)
    if found is None:
        return None
    estimate, low, high, prompts = found
    inside = Counter(look.region for look in looks)
    share = [weights[look.region] / inside[look.region] for look in looks]
    return Effect(
        unit=measure.unit,
        told=measure.told,
        estimate=_figures(estimate),
        low=_figures(low),
        high=_figures(high),
        prompts=prompts,
        base=_figures(float(np.average(base, weights=share))),
        intervention=_figures(float(np.average(intervention, weights=share))),
    )


def _median(values: np.ndarray) -> tuple[float, float, float, int] | None:
    n = len(values)
    if n < 2:
        return None
    ordered = np.sort(values)
    below = int(binom.ppf(ALPHA / 2, n, 0.5))
    low, high = ordered[max(0, below - 1)], ordered[min(n - 1, n - below)]
    return float(np.median(ordered)), float(low), float(high), n


def _mean(
    looks: Sequence[Look], weights: Mapping[str, float]
) -> tuple[float, float, float, int] | None:
    values: dict[str, list[float]] = {}
    for look in looks:
        values.setdefault(look.region, []).append(look.intervention - look.base)
    values = {region: of_one for region, of_one in values.items() if len(of_one) > 1}
    if not values:
        return None
    share = np.array([weights[region] for region in values])
    share = share / share.sum()
    count = np.array([len(of_one) for of_one in values.values()])
    estimate = float(share @ [np.mean(of_one) for of_one in values.values()])
    part = share**2 * np.array([np.var(v, ddof=1) for v in values.values()]) / count
    half = 0.0
    if part.sum() > 0:
        freedom = part.sum() ** 2 / (part**2 / (count - 1)).sum()
        half = float(t.isf(ALPHA / 2, freedom) * np.sqrt(part.sum()))
    return estimate, estimate - half, estimate + half, int(count.sum())


def _figures(value: float) -> float:
    """Four significant digits."""
    return float(f"{value:.4g}")

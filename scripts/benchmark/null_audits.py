"""Simulated audits: how often the tests are wrong under each null, and what they find.

Every simulated judge sees prompts that all hypotheses share, with effects of the prompt common to
them, and requests whose position bias hits all of them at once; so the hypotheses depend strongly.
"""

from collections.abc import Hashable
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import betaln, expit

from scripts.evidence.betting import log_e_value, prompt_sign
from scripts.evidence.ebh import e_bh
from scripts.evidence.prediction_powered import corrected_rate
from scripts.evidence.rates import stratified_rate

Null = Literal["exchangeable", "symmetric-prompt-effects", "reversed"]
Bet = Literal["prompt-sign", "product-over-pairs", "two-sided"]

AT_ONCE = 100
# Chance that the judge, in one request, names the first text for every hypothesis. The order coin
# makes this symmetric, but common to the hypotheses of the request.
LAZY = 0.15
COMMON = BASE_SPREAD = OWN = 1.0


class Power(NamedTuple):
    """Mean false discovery proportion, and mean share of the true hypotheses that are found."""

    fdr: float
    power: float


class Coverage(NamedTuple):
    """Share of intervals that contain the truth, mean width, and mean estimate minus truth."""

    coverage: float
    width: float
    bias: float


def null_audits(
    audits: int = 1000,
    hypotheses: int = 40,
    prompts: int = 25,
    samples: int = 8,
    null: Null = "exchangeable",
    bet: Bet = "prompt-sign",
    seed: int = 0,
) -> int:
    """Return how many audits discover anything although nothing is true, stopped at the worst time.

    Worst time: after each prompt, 1 to `prompts`, e-BH (q = 0.05) runs on the e-values as they then
    are, all at the same prompt; the audit counts when any of these times has a discovery. The first
    such time is a stopping time, so that at most 5 % may count. It is also the race in which
    everyone leaves up at once and nobody leaves down. It is not the running maximum of each
    hypothesis, at times of its own, for which e-BH promises nothing (arXiv 2501.19360).

    null: "exchangeable", the two subjects' texts have one distribution; "symmetric-prompt-effects",
    they differ on each prompt, in a direction that is + or - with equal chance; "reversed", every
    sentence is the opposite of the truth. bet: the audit's own, or a control that must fail:
    "product-over-pairs" takes every pair for a unit, "two-sided" mixes over lambda in [-1, 1].

    Raises ValueError for an unknown null or bet.
    """
    lean = {"exchangeable": 0.0, "symmetric-prompt-effects": 0.0, "reversed": -1.5}
    spread = {"exchangeable": 0.0, "symmetric-prompt-effects": 1.5, "reversed": 0.0}
    if null not in lean:
        raise ValueError(f"null is {null!r}; known are {sorted(lean)}.")
    found = 0
    for size, rng in _batches(audits, seed):
        effect = np.full(hypotheses, lean[null])
        scores = _pair_scores(rng, size, prompts, samples, effect, spread[null])
        found += int(e_bh(_e_over_time(scores, bet)).any(axis=(1, 2)).sum())
    return found


def power_audits(
    audits: int = 1000,
    hypotheses: int = 40,
    true: int = 8,
    prompts: int = 25,
    samples: int = 8,
    effect: float = 1.5,
    seed: int = 0,
) -> Power:
    """Return the false discovery rate and the power with `true` hypotheses true among the others.

    A true hypothesis raises the intervention's log-odds of showing it by `effect` and lowers the
    base's by as much, on every prompt. Half of the false ones are exchangeable, half have symmetric
    prompt effects. As in the race, a member of the e-BH set is frozen after the prompt that put it
    there while the others go on; the last e-BH on the stopped values decides.

    Raises ValueError when `true` exceeds hypotheses.
    """
    if not 0 < true <= hypotheses:
        raise ValueError(f"{true} of {hypotheses} hypotheses cannot be true; give at least 1.")
    is_true = np.arange(hypotheses) < true
    spread = np.where(~is_true & (np.arange(hypotheses) % 2 == 0), 1.5, 0.0)
    false_share, found_share = [], []
    for size, rng in _batches(audits, seed):
        scores = _pair_scores(rng, size, prompts, samples, np.where(is_true, effect, 0.0), spread)
        found = e_bh(stopped_when_found(_e_over_time(scores, "prompt-sign")))
        false_share.extend((found & ~is_true).sum(axis=1) / np.maximum(found.sum(axis=1), 1))
        found_share.extend(found[:, is_true].mean(axis=1))
    return Power(fdr=float(np.mean(false_share)), power=float(np.mean(found_share)))


def stopped_when_found(e_over_time: np.ndarray, q: float = 0.05) -> np.ndarray:
    """Return the e-values of a race without leaving down, (audits, times, K) to (audits, K).

    Each is frozen at the first time that finds it in the e-BH set of stopped and current values.
    """
    stopped = e_over_time[:, 0]
    left = e_bh(stopped, q)
    for now in np.moveaxis(e_over_time[:, 1:], 1, 0):
        stopped = np.where(left, stopped, now)
        left |= e_bh(stopped, q)
    return stopped


def rate_coverage(
    mean: float = 0.3,
    agreement: float = 0.3,
    prompts_by_region: tuple[int, ...] = (6, 10, 24, 24),
    weights: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4),
    samples: int = 8,
    repeats: int = 2000,
    alpha: float = 0.05,
    seed: int = 0,
) -> Coverage:
    """Return how often rates.stratified_rate covers the true rate.

    Region rates spread around `mean` (half to one and a half times); a prompt's own rate is beta
    with that mean and intraclass correlation `agreement`; its value is the mean of `samples` draws.
    """
    rng = np.random.default_rng(seed)
    weights = np.asarray(weights) / np.sum(weights)
    rates = np.clip(mean * np.linspace(0.5, 1.5, len(weights)), 0, 1)
    truth = float(weights @ rates)
    concentration = 1 / agreement - 1
    shares: dict[Hashable, float] = dict(enumerate(weights))
    intervals = []
    for _ in range(repeats):
        values: dict[Hashable, np.ndarray] = {}
        for region, (rate, count) in enumerate(zip(rates, prompts_by_region, strict=True)):
            own = rng.beta(rate * concentration, (1 - rate) * concentration, count)
            values[region] = rng.binomial(samples, own) / samples
        intervals.append(stratified_rate(shares, values, alpha)[:3])
    estimate, low, high = np.array(intervals).T
    covered = (low <= truth) & (truth <= high)
    return Coverage(
        float(covered.mean()), float((high - low).mean()), float(estimate.mean() - truth)
    )


def corrected_coverage(
    mean: float = 0.3,
    agreement: float = 0.9,
    cheap_only: int = 60,
    both: int = 12,
    samples: int = 2,
    weights: tuple[float, ...] = (0.2, 0.3, 0.5),
    repeats: int = 400,
    seed: int = 0,
) -> dict[str, Coverage]:
    """Return how often intervals cover the rate that the strong judge would report.

    Region rates spread around `mean` (half to one and a half times); a prompt's own rate is beta
    with intraclass correlation 0.3. Each region has cheap_only prompts that the cheap judge alone
    reads and `both` that both do; on each sample it agrees with the strong judge with chance
    `agreement`. Keys: "corrected" (prediction_powered.corrected_rate), "cheap" (the cheap
    judge's verdicts on all prompts) and "strong" (the strong one's on its own), both by
    rates.stratified_rate.
    """
    rng = np.random.default_rng(seed)
    share = np.asarray(weights) / np.sum(weights)
    rates = mean * np.linspace(0.5, 1.5, len(share))
    truth = float(share @ rates)
    shares: dict[Hashable, float] = dict(enumerate(share))
    concentration = 1 / 0.3 - 1
    intervals: dict[str, list[tuple[float, float, float]]] = {
        "corrected": [], "cheap": [], "strong": [],
    }  # fmt: skip
    for _ in range(repeats):
        verdicts: dict[Hashable, np.ndarray] = {}
        for region, rate in enumerate(rates):
            own = rng.beta(rate * concentration, (1 - rate) * concentration, cheap_only + both)
            strong = rng.random((len(own), samples)) < own[:, None]
            agrees = rng.random(strong.shape) < agreement
            verdicts[region] = np.c_[(strong == agrees).mean(axis=1), strong.mean(axis=1)]
        only = {region: v[:cheap_only, 0] for region, v in verdicts.items()}
        pairs = {region: v[cheap_only:] for region, v in verdicts.items()}
        intervals["corrected"].append(corrected_rate(shares, only, pairs)[:3])
        cheap = {region: v[:, 0] for region, v in verdicts.items()}
        intervals["cheap"].append(stratified_rate(shares, cheap)[:3])
        alone = {region: v[:, 1] for region, v in pairs.items()}
        intervals["strong"].append(stratified_rate(shares, alone)[:3])
    found = {}
    for name, rows in intervals.items():
        estimate, low, high = np.array(rows).T
        covered = ((low <= truth) & (truth <= high)).mean()
        bias = estimate.mean() - truth
        found[name] = Coverage(float(covered), float((high - low).mean()), float(bias))
    return found


def _batches(audits: int, seed: int):
    """Yield (size, generator) so that memory stays bounded and each batch has its own stream."""
    starts = range(0, audits, AT_ONCE)
    streams = np.random.SeedSequence(seed).spawn(len(starts))
    for start, stream in zip(starts, streams, strict=True):
        yield min(AT_ONCE, audits - start), np.random.default_rng(stream)


def _pair_scores(rng, audits: int, prompts: int, samples: int, effect, spread) -> np.ndarray:
    """Pair scores, shape (audits, prompts, K, samples), int8.

    effect (K,) is half the log-odds by which the intervention exceeds the base on every prompt,
    spread (scalar or (K,)) the deviation of that half-difference over prompts, symmetric about it.
    """
    effect, shape = np.asarray(effect), (audits, prompts, len(effect))
    # The order of prompts by difficulty is one for all hypotheses; so is, up to its sign, the
    # order by the intervention's effect.
    level = -1 + BASE_SPREAD * rng.normal(size=(audits, prompts, 1)) + OWN * rng.normal(size=shape)
    common = COMMON * rng.normal(size=(audits, prompts, 1))
    loading = rng.choice([-1, 1], size=(audits, 1, shape[2]))
    swing = (common * loading + OWN * rng.normal(size=shape)) / np.hypot(COMMON, OWN)
    half = effect + np.asarray(spread) * swing
    intervention, base = expit(level + half), expit(level - half)
    draws = rng.random((2, *shape, samples), dtype=np.float32)
    scores = (draws[0] < intervention[..., None]).astype(np.int8)
    scores -= draws[1] < base[..., None]
    request = (audits, prompts, 1, samples)
    coin = rng.choice(np.array([-1, 1], np.int8), size=request)
    return np.where(rng.random(request) < LAZY, coin, scores)


def _e_over_time(scores: np.ndarray, bet: Bet) -> np.ndarray:
    """E-values after each prompt, shape (audits, prompts, K)."""
    if bet == "product-over-pairs":
        wins, losses = (scores == 1).sum(axis=-1), (scores == -1).sum(axis=-1)
    else:
        signs = prompt_sign(scores)
        wins, losses = signs == 1, signs == -1
    wins, losses = np.cumsum(wins, axis=1), np.cumsum(losses, axis=1)
    w, v = np.ogrid[: wins.max() + 1, : losses.max() + 1]
    if bet == "two-sided":
        table = np.exp((w + v) * np.log(2) + betaln(w + 0.5, v + 0.5) - np.log(np.pi))
    elif bet in ("prompt-sign", "product-over-pairs"):
        table = np.exp(log_e_value(w, v))
    else:
        raise ValueError(f"bet is {bet!r}; known are prompt-sign, product-over-pairs, two-sided.")
    return table[wins, losses]

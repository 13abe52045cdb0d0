"""Prediction-powered rates: a cheap judge on many prompts, corrected by a strong one on a few.

A frequency that a cheap judge reports is biased by its mistakes, however many prompts it reads.
Where a random share of the prompts is judged by both, the difference of the two on that share
corrects the rest (Angelopoulos et al. 2023, arXiv 2301.09633; weight of the cheap judge tuned after
arXiv 2311.01453; strata as in arXiv 2406.04291). Written out, because ppi-python (0.2.3), which
knows no strata, needs numba and statsmodels, some 270 MB; the tests hold its results.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t

from scripts.evidence.rates import Rate, Region


def corrected_rate(
    weights: Mapping[Region, float],
    cheap_only: Mapping[Region, ArrayLike],
    both: Mapping[Region, ArrayLike],
    alpha: float = 0.05,
) -> Rate:
    """Return the rate that the strong judge would report over the given regions.

    weights: each region's share of the bank, scaled to sum to 1. cheap_only: per region, shape
    (N_r,), N_r >= 2, the per-prompt means in [0, 1] of prompts that the cheap judge alone read.
    both: per region, shape (n_r, 2), n_r >= 2, columns cheap and strong, of prompts that both read.
    Which prompts both read is chosen at random, never by a verdict, and all numbers beforehand.

    p = sum W_r (mean y_r + c (mean of cheap_only - mean f_r)), f and y the columns of both, with
    the c in [0, 1] that makes V = sum W_r^2 (var(y - c f)_r / n_r + c^2 var(cheap)_r / N_r) least:
    0 for a cheap judge that says nothing of the strong one's verdict. The interval is
    p +- t_nu sqrt(V), cut to [0, 1], nu by Satterthwaite as in rates.stratified_rate. V counts two
    observations more of y - c f, one of each sign: else a few prompts without any disagreement
    would promise that there is none (in the spirit of Agresti and Caffo 2000, The American
    Statistician 54:280).

    Raises ValueError when regions differ, a region has fewer than 2 prompts of either kind, a
    weight is not positive, a value is outside [0, 1], or alpha is not in (0, 1).
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}; it must lie in (0, 1).")
    if not weights or not set(weights) == set(cheap_only) == set(both):
        raise ValueError("Weights and the prompts of both kinds are needed for the same regions.")
    many = [np.asarray(cheap_only[region], float) for region in weights]
    few = [np.asarray(both[region], float) for region in weights]
    for region, x, pairs in zip(weights, many, few, strict=True):
        if x.ndim != 1 or x.size < 2 or pairs.ndim != 2 or pairs.shape[1] != 2 or len(pairs) < 2:
            raise ValueError(
                f"Region {region!r} has shapes {x.shape} and {pairs.shape}; a corrected rate needs "
                "at least 2 prompts that the cheap judge alone read, and 2 that both did."
            )
        if not all(np.all((v >= 0) & (v <= 1)) for v in (x, pairs)):
            raise ValueError(f"Region {region!r} has a per-prompt mean outside [0, 1].")
        if not 0 < weights[region] < np.inf:
            raise ValueError(f"Region {region!r} has weight {weights[region]}, not above 0.")
    share = np.array(list(weights.values()), float)
    share /= share.sum()
    n, N = np.array([len(pairs) for pairs in few]), np.array([x.size for x in many])

    moments = np.array([np.cov(pairs.T) for pairs in few])  # (regions, 2, 2): cheap, strong
    spread = np.array([x.var(ddof=1) for x in many])
    gain = (share**2 * moments[:, 0, 1] / n).sum()
    price = (share**2 * (moments[:, 0, 0] / n + spread / N)).sum()
    c = float(np.clip(gain / price, 0, 1)) if price > 0 else 0.0

    rest = [pairs[:, 1] - c * pairs[:, 0] for pairs in few]
    means = [r.mean() + c * x.mean() for r, x in zip(rest, many, strict=True)]
    centre = float(share @ means)
    variance = np.array([r.var(ddof=1) for r in rest]) + 2 / n.sum()
    part = np.concatenate([share**2 * variance / n, share**2 * c**2 * spread / N])
    freedom = part.sum() ** 2 / (part**2 / (np.concatenate([n, N]) - 1)).sum()
    half = t.isf(alpha / 2, freedom) * np.sqrt(part.sum())
    estimate, low, high = np.clip([centre, centre - half, centre + half], 0, 1).tolist()
    return Rate(estimate, low, high, int(n.sum() + N.sum()))

"""Prevalence: the rate of a behaviour over regions, with an interval that respects prompts."""

from collections.abc import Hashable, Mapping
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, t

Region = TypeVar("Region", bound=Hashable)


class Rate(NamedTuple):
    """A share of responses in [0, 1], its interval, and the number of prompts behind it."""

    estimate: float
    low: float
    high: float
    prompts: int


def stratified_rate(
    weights: Mapping[Region, float],
    values_by_region: Mapping[Region, ArrayLike],
    alpha: float = 0.05,
) -> Rate:
    """Return the rate over the given regions, each prompt's samples averaged beforehand.

    weights gives each region's share of the bank; values_by_region the per-prompt means in [0, 1],
    shape (n_r,), n_r >= 2, from the confirm pool with n_r fixed beforehand. Weights are scaled to
    sum to 1, so that the target is prompts like those of the given regions; call a rate bank-wide
    only when every region was judged.

    p = sum W_r mean_r, V = sum W_r^2 s_r^2 / n_r, nu by Satterthwaite, then a Wilson interval (z of
    alpha) with the effective size n = p (1-p) / V (z / t_nu)^2 (after Korn and Graubard 1998,
    Survey Methodology 24:193); if V = 0, n = 1 / sum(W_r^2 / n_r).

    Raises ValueError when regions differ, a region has fewer than 2 prompts, a weight is not
    positive, a value is outside [0, 1], or alpha is not in (0, 1).
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}; it must lie in (0, 1).")
    if not weights or set(weights) != set(values_by_region):
        raise ValueError(
            f"Weights are given for regions {sorted(map(str, weights))} and values for "
            f"{sorted(map(str, values_by_region))}; a rate needs both for the same regions."
        )
    values = {region: np.asarray(values_by_region[region], float) for region in weights}
    for region, v in values.items():
        if v.ndim != 1 or v.size < 2:
            raise ValueError(f"Region {region!r} has {v.size} prompt(s); a rate needs at least 2.")
        if not np.all((v >= 0) & (v <= 1)):
            raise ValueError(f"Region {region!r} has a per-prompt mean outside [0, 1].")
        if not 0 < weights[region] < np.inf:
            raise ValueError(f"Region {region!r} has weight {weights[region]}, not above 0.")

    share = np.array([weights[region] for region in values], float)
    share /= share.sum()
    count = np.array([v.size for v in values.values()])
    estimate = float(np.clip(share @ [v.mean() for v in values.values()], 0, 1))
    # A constant region has variance 0; v.var() of equal fractions may leave rounding behind.
    variance = np.array([0.0 if np.ptp(v) == 0 else v.var(ddof=1) for v in values.values()])
    part = share**2 * variance / count
    z = norm.isf(alpha / 2)
    if part.sum() > 0:
        freedom = part.sum() ** 2 / (part**2 / (count - 1)).sum()
        size = estimate * (1 - estimate) / part.sum() * (z / t.isf(alpha / 2, freedom)) ** 2
    else:
        size = 1 / (share**2 / count).sum()
    low, high = _wilson(estimate, size, z)
    return Rate(estimate, low, high, int(count.sum()))


def _wilson(p: float, n: float, z: float) -> tuple[float, float]:
    """The score interval of a proportion p from n draws (Wilson 1927, JASA 22:209)."""
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return float(np.clip(centre - half, 0, p)), float(np.clip(centre + half, p, 1))

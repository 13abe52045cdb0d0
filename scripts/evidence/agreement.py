"""How far two judges agree on what both have read, beyond what guessing would give."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy.stats import t

LEVEL = 0.95
TIE = 1  # place of a tie among the signs -1, 0 and +1


class Kappa(NamedTuple):
    """Cohen's kappa with its 95 % interval; no estimate where chance alone would always agree."""

    estimate: float | None
    low: float
    high: float


class Agreement(NamedTuple):
    """Two judges on the same prompts: verdicts that both gave and how many are the same; those in
    which both chose a side, and how many chose the same one; kappa over all, and over these."""

    prompts: int
    verdicts: int
    same: int
    decided: int
    same_side: int
    kappa: Kappa
    kappa_of_sides: Kappa


def agreement(verdicts: Iterable[tuple[str, int, int]]) -> Agreement:
    """Return how two judges agree. verdicts: of a prompt, one judge's sign and the other's.

    Kappa is (p - c) / (1 - c), with the share p of like verdicts and the share c that chance gives
    (Cohen 1960, doi 10.1177/001316446002000104). Chance is a judge that ties as often as each does
    and otherwise chooses a side by coin, since which response is whose is decided by coin:
    c = t1 t2 + d1 d2 / 2, of their shares of ties and of sides. From the shares of wins and losses
    themselves the kappa of two judges that are nearly always right about true statements would be
    nearly 0.

    Verdicts on one prompt are not independent, so the interval is that of the jackknife over
    prompts (Fleiss & Davies 1982, doi 10.1093/oxfordjournals.aje.a113371) with Student's t. Where
    all verdicts are alike, which it would take for certain, the lower end is that of the exact
    interval of a share that was seen on every one of so many prompts.
    """
    tables: dict[str, np.ndarray] = defaultdict(lambda: np.zeros((3, 3)))
    for prompt, one, other in verdicts:
        tables[prompt][one + 1, other + 1] += 1
    by_prompt = np.array(list(tables.values())) if tables else np.zeros((0, 3, 3))
    sides = by_prompt.copy()
    sides[:, TIE, :] = sides[:, :, TIE] = 0
    sides = sides[sides.sum(axis=(1, 2)) > 0]
    return Agreement(
        len(by_prompt),
        int(by_prompt.sum()),
        int(np.trace(by_prompt.sum(axis=0))),
        int(sides.sum()),
        int(np.trace(sides.sum(axis=0))),
        _kappa(by_prompt),
        _kappa(sides),
    )


def _kappa(by_prompt: np.ndarray) -> Kappa:
    """Kappa of the verdicts on each prompt, by both judges' signs."""
    prompts, total = len(by_prompt), by_prompt.sum(axis=0)
    estimate = float(_estimates(total)) if prompts else np.nan
    if np.isnan(estimate):
        return Kappa(None, -1.0, 1.0)
    if prompts < 2:
        return Kappa(estimate, -1.0, 1.0)
    if np.trace(total) == total.sum():
        chance = float(_chance(total))
        surely = ((1 - LEVEL) / 2) ** (1 / prompts)
        return Kappa(estimate, max(-1.0, (surely - chance) / (1 - chance)), 1.0)
    without = _estimates(total - by_prompt)
    without = np.where(np.isnan(without), estimate, without)
    error = np.sqrt((prompts - 1) / prompts * np.sum((without - without.mean()) ** 2))
    half = float(t.ppf((1 + LEVEL) / 2, prompts - 1) * error)
    return Kappa(estimate, max(-1.0, estimate - half), min(1.0, estimate + half))


def _estimates(tables: np.ndarray) -> np.ndarray:
    """Kappa of each table; nan where chance always agrees, or nothing is in it."""
    with np.errstate(invalid="ignore", divide="ignore"):
        same = np.trace(tables, axis1=-2, axis2=-1) / tables.sum(axis=(-2, -1))
        chance = _chance(tables)
        return np.asarray((same - chance) / (1 - chance))


def _chance(tables: np.ndarray) -> np.ndarray:
    number = tables.sum(axis=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        one, other = (tables.sum(axis=axis)[..., TIE] / number for axis in (-1, -2))
    return np.asarray(one * other + (1 - one) * (1 - other) / 2)

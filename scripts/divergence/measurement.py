"""Measure where the subjects differ and decide whether another round pays.

Divergence is cross-fitted by prompt: a linear classifier tells intervention from base texts, each
text is scored by a classifier that has not seen its prompt, and a region's evidence is the paired
score difference of its prompts, with a sign-flip test whose unit is the prompt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import with_config
from scipy.spatial.distance import cdist
from typing_extensions import TypedDict

from scripts.core.randomness import hash_unit
from scripts.core.settings import SETTINGS
from scripts.divergence.clusters import Assigned, assign, silhouette
from scripts.divergence.space import Space, fit_space
from scripts.draws.draw import PlannedDraw
from scripts.prompts.region import Region, RegionDivergence

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

FOLDS = 5
# What the squared distance of a text to its own region's centre counts: at 1 the prompt tells
# nothing, at 0 all. In between, more of a text's neighbours agree between few texts and all.
STAY = 0.88


class Measuring(TypedDict):
    """Divergence, and when to stop, as the configuration describes them."""

    rounds: int
    budget: int
    permutations: int
    promising: float
    ari: float
    silhouette: float
    kinds: int


@with_config(SETTINGS)
class MeasureSettings(Measuring):
    """Of the measure stage; with the audit's seed."""

    seed: int


def cross_fitted_scores(
    base: np.ndarray, intervention: np.ndarray, folds: np.ndarray, regions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Out-of-fold classifier scores of both sides, positive for intervention-like texts.

    base, intervention (n, d): paired rows; folds, regions (n,). Vectors are centred by region over
    both sides, which takes the topic out and tells nothing of the side. Returns two (n,) arrays.
    """
    both = _centred(base, intervention, regions)
    scores = np.zeros(both.shape[:2])
    for fold in np.unique(folds):
        train, test = folds != fold, folds == fold
        if not train.any():
            continue
        samples = np.concatenate([both[0, train], both[1, train]])
        labels = np.repeat([0, 1], train.sum())
        if np.allclose(both[0, train], both[1, train]):
            continue
        model = _classifier(samples, labels)
        for side in (0, 1):
            scores[side, test] = model.decision_function(both[side, test])
    return scores[0], scores[1]


def direction_between(
    base: np.ndarray, intervention: np.ndarray, regions: np.ndarray
) -> np.ndarray:
    """The direction (d,) towards the intervention's texts, of the classifier that
    `cross_fitted_scores` fits, on all of them; 0 where the texts are the same."""
    both = _centred(base, intervention, regions)
    if np.allclose(both[0], both[1]):
        return np.zeros(base.shape[1])
    labels = np.repeat([0, 1], both.shape[1])
    return _classifier(np.concatenate(both), labels).coef_[0]


def _classifier(samples: np.ndarray, labels: np.ndarray) -> "LogisticRegression":
    from sklearn.linear_model import LogisticRegression  # who only reads rounds need not wait

    return LogisticRegression(C=0.02, max_iter=500).fit(samples, labels)


def _centred(base: np.ndarray, intervention: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Both sides (2, n, d), centred by region over both and scaled as a whole."""
    both = np.stack([base, intervention]).astype(np.float64)
    for region in np.unique(regions):
        rows = regions == region
        both[:, rows] -= both[:, rows].mean(axis=(0, 1))
    return both / (both.std() or 1.0)


def sign_flip_p(differences: np.ndarray, permutations: int, seed: int) -> float:
    """One-sided p-value of a mean difference under random signs; the unit is the prompt.

    All sign vectors are enumerated up to 12 prompts, else `permutations` are drawn, the observed
    one counted among them (Phipson & Smyth 2010).
    """
    n = len(differences)
    observed = differences.sum() - 1e-12
    if n <= 12:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return float((signs @ differences >= observed).mean())
    rng = np.random.default_rng(seed)
    signs = rng.integers(0, 2, size=(permutations, n)) * 2 - 1
    return float((1 + (signs @ differences >= observed).sum()) / (1 + permutations))


def energy_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Energy distance 2E|X-Y| - E|X-X'| - E|Y-Y'| (Székely & Rizzo 2013), unbiased in the within
    terms; rows are texts."""
    if min(len(first), len(second)) < 2:
        return 0.0

    def within(x):
        return cdist(x, x).sum() / (len(x) * (len(x) - 1))

    return float(2 * cdist(first, second).mean() - within(first) - within(second))


def region_centres(vectors: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Mean vector of each region's texts, in the order of the regions' names; (regions, d)."""
    return np.stack([vectors[regions == region].mean(axis=0) for region in np.unique(regions)])


def cluster_texts(vectors: np.ndarray, regions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cluster labels (n,) and boundary closeness (n,), nearest over second-nearest distance.

    vectors (n, d), regions (n,): a text's region. Centres are the regions' mean texts; a text
    belongs to its prompt's region unless another is nearer by more than STAY allows. Few texts give
    nearly the clusters of all, which converged k-means does not (docs/benchmarks.md).
    """
    own = np.unique(regions, return_inverse=True)[1]
    found = near_own(vectors, own, region_centres(vectors, regions))
    return found.labels, found.boundary


def near_own(vectors: np.ndarray, own: np.ndarray, centres: np.ndarray) -> Assigned:
    """Assign texts (n, d) to the nearest centre, their own (n,) a little preferred."""
    return assign([vectors], centres, own, STAY)


def region_rows(
    regions: Sequence[Region],
    of_text: Mapping[str, np.ndarray],
    base: np.ndarray,
    intervention: np.ndarray,
    settings: MeasureSettings,
) -> list[RegionDivergence]:
    """A row a region: prompts, draws, divergence with error and p-value, energy, boundary.

    Divergence is the mean paired score difference in units of its standard deviation over all
    prompts; the error uses that pooled deviation, so that a lucky pair of texts is not certainty.
    """
    prompts, first = np.unique(of_text["prompt"], return_index=True)
    difference = of_text["intervention"] - of_text["base"]
    by_prompt = np.array([difference[of_text["prompt"] == p].mean() for p in prompts])
    region_of = of_text["region"][first]
    inside = [by_prompt[region_of == r] for r in np.unique(region_of)]
    residual = np.concatenate([values - values.mean() for values in inside])
    freedom = max(1, len(residual) - len(inside))
    deviation = float(np.sqrt((residual**2).sum() / freedom)) or 1.0
    rows = []
    for number, region in enumerate(regions):
        at, texts = region_of == region.id, of_text["region"] == region.id
        n = int(at.sum())
        rows.append(
            RegionDivergence(
                region=region.id,
                prompts=n,
                draws=int(texts.sum()),
                divergence=round(float(by_prompt[at].mean() / deviation), 5) if n else 0.0,
                error=round(float(1 / np.sqrt(n)), 5) if n else 1.0,
                p=sign_flip_p(by_prompt[at], settings["permutations"], settings["seed"] + number)
                if n
                else 1.0,
                deviation=round(float(by_prompt[at].std() / deviation), 5) if n else 0.0,
                peak=round(float(by_prompt[at].max() / deviation), 5) if n else 0.0,
                energy=round(energy_distance(base[texts], intervention[texts]), 5),
                boundary=round(float(of_text["boundary"][texts].mean()), 5) if n else 0.0,
            )
        )
    return rows


def promising(rows: Sequence[RegionDivergence], level: float) -> list[str]:
    """Regions that deserve a closer look, most divergent first: a selection, not a claim."""
    chosen = [row for row in rows if row.p <= level and row.divergence > 0]
    return [row.region for row in sorted(chosen, key=lambda r: (-r.divergence, r.region))]


def worth_a_look(rows: Sequence[RegionDivergence], level: float) -> list[str]:
    """All regions, promising ones first, then by divergence: where hypotheses are looked for."""
    first = promising(rows, level)
    rest = sorted(rows, key=lambda r: (-r.divergence, r.region))
    return first + [row.region for row in rest if row.region not in first]


@dataclass(frozen=True)
class Measured:
    """What a round measured: a row a region; per draw the scores of both sides; per text (base's,
    then intervention's) cluster and kind; the silhouette and its error; the space in which later
    texts are placed."""

    regions: list[RegionDivergence]
    scores: tuple[np.ndarray, np.ndarray]
    labels: np.ndarray
    kinds: np.ndarray
    space: Space
    silhouette: float
    silhouette_error: float


def measure_draws(
    regions: Sequence[Region],
    draws: Sequence[PlannedDraw],
    base: np.ndarray,
    intervention: np.ndarray,
    settings: MeasureSettings,
    before: Space | None = None,
) -> Measured:
    """Measure all draws so far; the draws and the vectors (n, d) are in one order. What this module
    says of prompts holds of draws where they are the `unit`.

    before: the space of the round before, which this one's goes on from.
    """
    prompt = np.array([draw.unit_name for draw in draws])
    region = np.array([draw.region for draw in draws])
    seed = settings["seed"]
    folds = np.array([int(hash_unit("fold", seed, p) * FOLDS) for p in prompt])
    scores = cross_fitted_scores(base, intervention, folds, region)
    vectors = np.concatenate([base, intervention])
    labels, boundary = cluster_texts(vectors, np.tile(region, 2))
    of_text = {
        "prompt": prompt,
        "region": region,
        "base": scores[0],
        "intervention": scores[1],
        "boundary": boundary.reshape(2, -1).mean(axis=0),
    }
    found = region_rows(regions, of_text, base, intervention, settings)
    direction = direction_between(base, intervention, region)
    space = fit_space(base, intervention, region, direction, settings["kinds"], seed, before)
    kinds = space.kinds(vectors, np.tile(region, 2))
    return Measured(found, scores, labels, kinds, space, *silhouette(vectors, labels, seed))

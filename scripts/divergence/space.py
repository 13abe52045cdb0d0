"""The space of the explored texts: their kinds, and the direction in which the subjects differ.

Both are fitted on explored texts alone and frozen before the screen, so that a later text is placed
without having had a part in them. Vectors are centred by region over both sides first: what a
prompt is about is no difference between subjects.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scripts.checks.check import Placed
from scripts.core.arrays import read_array, read_names, write_arrays
from scripts.divergence.clusters import assign, k_means, steps_from
from scripts.divergence.explored import ExploredTexts
from scripts.draws.entailed import Entailed
from scripts.draws.vectors import Vectors

TEXTS_A_KIND = 25  # of both sides: fewer are no kind
STARTS, STEPS = 4, 15
NUMBERS = ("means", "centres", "direction")


@dataclass(frozen=True)
class Space:
    """Regions (r,) by name with their mean vectors (r, d), centres of the kinds (k, d), and the
    direction (d,) towards the intervention."""

    regions: tuple[str, ...]
    means: np.ndarray
    centres: np.ndarray
    direction: np.ndarray

    def centred(self, vectors: np.ndarray, regions: Iterable[str]) -> np.ndarray:
        """Vectors (n, d) without their region's mean; a region that nobody explored has that of
        all."""
        place = {region: row for row, region in enumerate(self.regions)}
        means = np.vstack([self.means, self.means.mean(axis=0)])
        return vectors - means[[place.get(region, -1) for region in regions]]

    def kinds(self, vectors: np.ndarray, regions: Iterable[str]) -> np.ndarray:
        """The nearest kind of each text; (n,) int."""
        return assign([self.centred(vectors, regions)], self.centres).labels

    def placed(self, vectors: np.ndarray, regions: Sequence[str]) -> list[Placed]:
        """Where texts lie that had no part in the space."""
        along = self.centred(vectors, regions) @ self.direction
        return [
            Placed(int(kind), float(score))
            for kind, score in zip(self.kinds(vectors, regions), along, strict=True)
        ]

    def write(self, path: str | Path) -> None:
        """Write it as HDF5, whole or not at all."""
        numbers = {name: getattr(self, name).astype(np.float32) for name in NUMBERS}
        write_arrays(path, region=self.regions, **numbers)

    @classmethod
    def read(cls, path: str | Path) -> "Space":
        """Read what `write` has written."""
        return cls(tuple(read_names(path, "region")), *(read_array(path, name) for name in NUMBERS))


def fit_space(
    base: np.ndarray,
    intervention: np.ndarray,
    regions: np.ndarray,
    direction: np.ndarray,
    most: int,
    seed: int,
    before: Space | None = None,
) -> Space:
    """The space of all texts drawn so far.

    base, intervention (n, d): paired rows; regions (n,); direction (d,): see
    measurement.direction_between; most: kinds at most, fewer where a kind would have fewer than
    TEXTS_A_KIND texts. k-means goes on from the centres of the round before while their number
    stays.
    """
    names = np.unique(regions)
    both = np.concatenate([base, intervention]).astype(np.float32)
    of_text = np.tile(regions, 2)
    means = np.stack([both[of_text == name].mean(axis=0) for name in names])
    space = Space(tuple(map(str, names)), means, np.zeros((1, both.shape[1])), direction)
    centred = space.centred(both, of_text).astype(np.float32)
    count = max(1, min(most, len(centred) // TEXTS_A_KIND))
    if before is not None and len(before.centres) == count:
        centres = steps_from(centred, before.centres, STEPS).cluster_centers_
    else:
        centres = k_means([centred], count, STARTS, seed)
    return Space(space.regions, means, centres, direction)


Places = Mapping[str, Placed]  # by the name of a draw


def explored_places(path: str | Path) -> Places:
    """Where the explored texts lie: their kinds, and the scores of classifiers that have not seen
    their prompts (texts.h5 of a measured round)."""
    texts = ExploredTexts.read(path)
    entailed = _entailed(texts.entailed, len(texts.draws))
    return {
        draw: Placed(int(kind), float(score), holding)
        for draw, kind, score, holding in zip(
            texts.draws, texts.kinds, texts.scores, entailed, strict=True
        )
    }


def fresh_places(space: str | Path, vectors: str | Path, regions: Mapping[str, str]) -> Places:
    """Where the texts of a later pool lie. regions: by the name of a draw, those of `vectors`."""
    found = Vectors.read(vectors)
    if not found.draws:
        return {}
    placed = Space.read(space).placed(found.vectors, [regions[draw] for draw in found.draws])
    entailed = _entailed(found.entailed, len(placed))
    return {
        draw: at._replace(entailed=holding)
        for draw, at, holding in zip(found.draws, placed, entailed, strict=True)
    }


def _entailed(found: Entailed | None, count: int) -> list[frozenset[str]]:
    return found.holding() if found else [frozenset()] * count

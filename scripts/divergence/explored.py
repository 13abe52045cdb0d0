"""Explored texts: where a round has placed each text that it measured."""

from dataclasses import dataclass
from os import PathLike

import numpy as np

from scripts.core.arrays import read_array, read_names, write_arrays
from scripts.draws.entailed import Entailed


@dataclass(frozen=True)
class ExploredTexts:
    """The texts of all rounds so far, the base's first, then the intervention's in the same order.

    draws: ids (n,); regions: ids (n,); clusters, kinds: numbers (n,); scores (n,): of a classifier
    that has not seen the prompt, positive for texts like the intervention's; what the texts entail,
    where the audit asks.
    """

    draws: list[str]
    regions: list[str]
    clusters: np.ndarray
    kinds: np.ndarray
    scores: np.ndarray
    entailed: Entailed | None = None

    def write(self, path: str | PathLike) -> None:
        """Write results/measure/<key>/<step>/texts.h5."""
        write_arrays(
            path,
            draw=self.draws,
            region=self.regions,
            cluster=self.clusters,
            kind=self.kinds,
            score=self.scores.astype(np.float32),
            **(self.entailed.arrays() if self.entailed else {}),
        )

    @classmethod
    def read(cls, path: str | PathLike) -> "ExploredTexts":
        """Read what `write` has written."""
        clusters, kinds, scores = (read_array(path, n) for n in ("cluster", "kind", "score"))
        draws, regions = (read_names(path, n) for n in ("draw", "region"))
        return cls(draws, regions, clusters, kinds, scores, Entailed.read(path))

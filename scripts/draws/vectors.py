"""Embeddings of texts, by the ids of their draws."""

from dataclasses import dataclass
from os import PathLike

import numpy as np

from scripts.core.arrays import read_array, read_names, write_arrays
from scripts.draws.entailed import Entailed


@dataclass(frozen=True)
class Vectors:
    """Ids of draws (n,) and the unit vectors of their texts (n, d) float32, float16 in the file;
    what the texts entail, where the audit asks."""

    draws: list[str]
    vectors: np.ndarray
    entailed: Entailed | None = None

    def write(self, path: str | PathLike[str]) -> None:
        """Write results/embed/<key>/<side>/<step>.h5."""
        more = self.entailed.arrays() if self.entailed else {}
        write_arrays(path, draw=self.draws, vector=self.vectors.astype(np.float16), **more)

    @classmethod
    def read(cls, *paths: str | PathLike[str]) -> "Vectors":
        """Of all files, in their order."""
        draws = [draw for path in paths for draw in read_names(path, "draw")]
        vectors = np.concatenate([read_array(path, "vector") for path in paths])
        return cls(draws, vectors.astype(np.float32), Entailed.read(*paths))

    def by_draw(self) -> "Vectors":
        """In the order of the ids."""
        order = sorted(range(len(self.draws)), key=self.draws.__getitem__)
        return Vectors(
            [self.draws[place] for place in order],
            self.vectors[order],
            self.entailed and self.entailed.rows(order),
        )

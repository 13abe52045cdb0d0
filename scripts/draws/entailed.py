"""What texts entail, of statements that were asked about, by the rows of their draws."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

import h5py
import numpy as np

from scripts.core.arrays import read_array, read_names

HOLDS = 0.5  # probability from which a text counts as entailing a statement


@dataclass(frozen=True)
class Entailed:
    """Statements (s,), and the probability that each text entails them (n, s); float16 in files."""

    statements: tuple[str, ...]
    chances: np.ndarray

    def arrays(self) -> dict[str, np.ndarray | Sequence[str]]:
        """The datasets that a file of draws holds of it."""
        return {"statement": self.statements, "entailed": self.chances.astype(np.float16)}

    @classmethod
    def read(cls, *paths: str | PathLike[str]) -> "Entailed | None":
        """Of all files, in their order; None where nothing was asked about."""
        with h5py.File(paths[0]) as file:
            if "statement" not in file:
                return None
        chances = np.concatenate([read_array(path, "entailed") for path in paths])
        return cls(tuple(read_names(paths[0], "statement")), chances.astype(np.float32))

    def rows(self, order: Sequence[int]) -> "Entailed":
        """Those rows, in that order."""
        return Entailed(self.statements, self.chances[order])

    def holding(self) -> list[frozenset[str]]:
        """For each text the statements that it entails."""
        return [
            frozenset(s for s, holds in zip(self.statements, row, strict=True) if holds)
            for row in self.chances >= HOLDS
        ]


def together(first: Entailed | None, second: Entailed | None) -> Entailed | None:
    """The rows of the first, then those of the second."""
    if first is None or second is None:
        return None
    return Entailed(first.statements, np.concatenate([first.chances, second.chances]))

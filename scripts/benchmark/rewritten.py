"""Vectors of rewritten texts, by behaviour, place of the prompt in the bank, and sample."""

from collections.abc import Sequence
from os import PathLike

import numpy as np

from scripts.core.arrays import read_array, read_names, write_arrays

Rewritten = tuple[str, int, int]


def write_rewritten(path: str | PathLike, texts: Sequence[Rewritten], vectors: np.ndarray) -> None:
    """Write results/rewrite/<key>/vectors.h5: of each text its vector (texts, d), as float16."""
    behaviours, prompts, samples = zip(*texts, strict=True)
    write_arrays(
        path,
        behaviour=behaviours,
        prompt=np.array(prompts),
        sample=np.array(samples),
        vector=vectors.astype(np.float16),
    )


def read_rewritten(path: str | PathLike) -> dict[Rewritten, np.ndarray]:
    """The vector of each text, (d,) float16."""
    places = (read_array(path, name).tolist() for name in ("prompt", "sample"))
    texts = zip(read_names(path, "behaviour"), *places, strict=True)
    return dict(zip(texts, read_array(path, "vector"), strict=True))

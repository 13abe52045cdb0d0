"""e-BH: which hypotheses are validated, with the false discovery rate under control.

Valid under any dependence between the e-values (arXiv 2009.02824), hence for hypotheses that share
prompts, requests and order coins. Feed it stopped values, never running maxima (arXiv 2501.19360).
"""

import numpy as np
from numpy.typing import ArrayLike


def e_threshold(K: int, k: int, q: float = 0.05) -> float:
    """Return K / (q k), the e-value that each of k validated hypotheses of K must reach.

    Raises ValueError unless 1 <= k <= K and 0 < q < 1.
    """
    if not 0 < q < 1:
        raise ValueError(f"q is {q}; the false discovery rate must lie in (0, 1).")
    if not 1 <= k <= K:
        raise ValueError(f"k is {k} of K = {K}; it must lie between 1 and K.")
    return K / (q * k)


def e_bh(e_values: ArrayLike, q: float = 0.05, hypotheses: int | None = None) -> np.ndarray:
    """Return the mask of the e-BH set: the largest k whose k-th largest e >= K / (q k).

    e_values has shape (..., n), one e-BH for each leading index, and may hold inf. K is
    `hypotheses`, the number frozen before the first confirm draw, by default n; it exceeds n when
    some went untested. Shape (..., n), bool. False discovery rate at most q (arXiv 2009.02824).

    Raises ValueError when an e-value is negative or not a number, when K < n, or q not in (0, 1).
    """
    e = np.asarray(e_values, dtype=float)
    if e.ndim == 0:
        raise ValueError("e_values must be a sequence with one e-value a hypothesis.")
    if not np.all(e >= 0):
        raise ValueError("An e-value is negative or not a number; it must be >= 0.")
    if not 0 < q < 1:
        raise ValueError(f"q is {q}; the false discovery rate must lie in (0, 1).")
    n = e.shape[-1]
    K = n if hypotheses is None else hypotheses
    if n > K:
        raise ValueError(f"{n} e-values but only {K} hypotheses; K counts all that were frozen.")
    descending = -np.sort(-e, axis=-1)
    thresholds = K / (q * np.arange(1, n + 1))
    ranks = np.arange(1, n + 1) * (descending >= thresholds)
    size = ranks.max(axis=-1, initial=0, keepdims=True)
    return (size > 0) & (e >= K / (q * np.maximum(size, 1)))

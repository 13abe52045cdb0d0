"""k-means of more vectors than fit into memory: fitted on a shuffled part, one pass labels all.

Vectors come as parts, arrays or open HDF5 datasets of shape (rows, d) each, which are read a block
at a time. Memory is bounded by the part that is fitted on, some 20 bytes a row, and two blocks a
thread with their distances to all centres.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

if TYPE_CHECKING:
    from sklearn.cluster import KMeans

BLOCK = 8192  # rows read, converted and labelled at once
ROWS_A_CENTRE = 256  # to fit on; more gain little (as many as faiss takes, arXiv 2401.08281)
FEWEST_ROWS = 65_536  # up to here all rows are fitted on
START_ROWS_A_CENTRE, FEWEST_START_ROWS = 16, 2048  # to try a start on
START_STEPS, STEPS = 10, 15
SILHOUETTE_TEXTS, SILHOUETTE_TEXTS_A_CLUSTER = 2000, 50

Parts = Sequence[np.ndarray]  # or open HDF5 datasets


class Assigned(NamedTuple):
    """For each row of all parts, in order: its nearest centre, the squared distance to it, and
    boundary closeness, the nearest distance over the second-nearest (0 with one centre)."""

    labels: np.ndarray  # (n,) int32
    squared: np.ndarray  # (n,) float32
    boundary: np.ndarray  # (n,) float32


def blocks(parts: Parts) -> Iterator[tuple[int, np.ndarray]]:
    """The place of each block's first row among all rows, and the block."""
    place = 0
    for part in parts:
        for start in range(0, len(part), BLOCK):
            yield place + start, part[start : start + BLOCK]
        place += len(part)


def some_rows(parts: Parts, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` random rows of all parts (or all), in random order; (rows, d) float32."""
    total = sum(len(part) for part in parts)
    chosen = np.sort(rng.permutation(total)[:count])
    found = [
        block[chosen[slice(*np.searchsorted(chosen, [place, place + len(block)]))] - place]
        for place, block in blocks(parts)
    ]
    return rng.permutation(np.concatenate(found)).astype(np.float32)


def steps_from(rows: np.ndarray, centres: np.ndarray, most: int) -> "KMeans":
    """At most so many steps of k-means on the rows from these centres: a warm start."""
    from sklearn.cluster import KMeans  # a second, which who only reads clusters need not wait

    return KMeans(len(centres), init=centres, n_init=1, max_iter=most).fit(rows)


def random_starts(
    rows: np.ndarray, count: int, starts: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Centres (count, d) by k-means++ and a few steps, each on a few other rows."""
    from sklearn.cluster import kmeans_plusplus

    few = min(len(rows), max(FEWEST_START_ROWS, START_ROWS_A_CENTRE * count))
    for _ in range(starts):
        tried = rows[rng.choice(len(rows), few, replace=False)]
        # In float64, because float32 is converted to it anew for each centre.
        wide = tried.astype(np.float64)
        centres, _ = kmeans_plusplus(wide, count, random_state=int(rng.integers(2**31)))
        yield steps_from(tried, centres.astype(np.float32), START_STEPS).cluster_centers_


def k_means(parts: Parts, count: int, starts: int, seed: int) -> np.ndarray:
    """Centres (count, d) float32: of several starts the best on a shuffled part, carried on there.

    Fitted on 256 rows a centre but at least 65,536, or on all where there are fewer.
    """
    rng = np.random.default_rng(seed)
    rows = some_rows(parts, max(FEWEST_ROWS, ROWS_A_CENTRE * count), rng)
    best = min(
        random_starts(rows, count, starts, rng),
        key=lambda centres: assign([rows], centres).squared.sum(dtype=np.float64),
    )
    return steps_from(rows, best, STEPS).cluster_centers_


def assign(
    parts: Parts, centres: np.ndarray, own: np.ndarray | None = None, share: float = 1.0
) -> Assigned:
    """Label every row of the parts in one pass of matrix products.

    |x - c|² = |x|² - 2 x·c + |c|²: in float32, so that distances below about a thousandth of the
    vectors' length are rounding. `own` (n,), where given, is a centre of each row whose squared
    distance counts that `share` of it.
    """
    centres = np.asarray(centres, np.float32)
    total = sum(len(part) for part in parts)
    found = Assigned(
        np.empty(total, np.int32), np.empty(total, np.float32), np.zeros(total, np.float32)
    )
    twice, norms = -2 * centres.T, (centres**2).sum(axis=1)

    def assign_block(place: int, block: np.ndarray) -> None:
        rows, within = slice(place, place + len(block)), np.arange(len(block))
        block = np.asarray(block, np.float32)
        distances = block @ twice
        distances += norms
        length = np.einsum("ij,ij->i", block, block)
        if own is not None:
            distances[within, own[rows]] -= (1 - share) * (distances[within, own[rows]] + length)
        found.labels[rows] = nearest = distances.argmin(axis=1)
        found.squared[rows] = first = np.maximum(distances[within, nearest] + length, 0)
        if len(centres) > 1:
            distances[within, nearest] = np.inf
            second = np.maximum(distances.min(axis=1) + length, 1e-12)
            found.boundary[rows] = np.sqrt(np.minimum(first / second, 1))

    # A block a thread: products by several threads each would leave all the rest to one of them.
    workers = _threads()
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(workers) as pool:
        running: deque[Future] = deque()
        for place, block in blocks(parts):
            running.append(pool.submit(assign_block, place, block))
            if len(running) > workers:
                running.popleft().result()
        for future in running:
            future.result()
    return found


def _threads() -> int:
    """As many as the libraries for matrix products were allowed to use."""
    return max((pool["num_threads"] for pool in threadpool_info()), default=1)


def silhouette(vectors: np.ndarray, labels: np.ndarray, seed: int) -> tuple[float, float]:
    """Mean silhouette (Rousseeuw 1987) of a random sample of texts within it, and its error.

    The sample has 2,000 texts, or 50 a cluster where that is more. The error is the standard error
    of the mean over the sample. Both are 0 where the silhouette is not defined.
    """
    clusters = len(np.unique(labels))
    size = max(SILHOUETTE_TEXTS, SILHOUETTE_TEXTS_A_CLUSTER * clusters)
    sample = np.sort(np.random.default_rng(seed).permutation(len(labels))[:size])
    if not 2 <= len(np.unique(labels[sample])) < len(sample):
        return 0.0, 0.0
    from sklearn.metrics import silhouette_samples

    values = silhouette_samples(vectors[sample], labels[sample])
    return float(values.mean()), float(values.std() / np.sqrt(len(values)))

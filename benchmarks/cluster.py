"""k-means of two million vectors from HDF5 in bounded memory, beside scikit-learn's in memory.

    python -m benchmarks.cluster VECTORS...

VECTORS are files of embeddings, results/embed/<key>/<side>/round-<r>.h5. Two million rows are made
of them: rows drawn at random, each with Gaussian noise of half its length, of unit norm, float16,
in a temporary file in cache/ (1.5 GB). Ours, `k_means` with three starts and one pass of `assign`,
runs from that file in a process of its own, whose peak memory is reported with interpreter and
libraries; the file lies in the page cache. Theirs is `MiniBatchKMeans(300, max_iter=10).fit` of the
same rows as one float32 array in memory, everything else at scikit-learn's defaults (k-means++,
batch 1024, stopped after 10 steps without improvement, labels computed); its default of 100 epochs
takes several times as long.
Neither side's time includes imports. The floor is the products of the labelling pass alone at the
rate of a square product in float32.
"""

import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median

import h5py
import numpy as np
from sklearn.cluster import MiniBatchKMeans

from benchmarks.speed import REPEATS, record, seconds
from scripts.core.job import peak_mib
from scripts.divergence.clusters import assign, k_means

ROWS, CENTRES, STARTS = 2_000_000, 300, 3
EPOCHS = 10
NOISE = 0.5
PART = 50_000


def make_vectors(path: Path, sources: list[str]) -> None:
    """Write the rows to `path`, dataset `vector`."""
    parts = []
    for source in sources:
        with h5py.File(source) as file:
            parts.append(file["vector"][:])
    real, rng = np.concatenate(parts), np.random.default_rng(0)
    width = real.shape[1]
    with h5py.File(path, "w") as file:
        vector = file.create_dataset("vector", (ROWS, width), np.float16, chunks=(1024, width))
        for start in range(0, ROWS, PART):
            noise = rng.standard_normal((PART, width), np.float32) * (NOISE / np.sqrt(width))
            rows = real[rng.integers(len(real), size=PART)] + noise
            vector[start : start + PART] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    print(f"{ROWS} rows made of {len(real)} real ones", flush=True)


def ours(path: str, seed: int) -> None:
    """Cluster the file; print seconds of the fit and of the pass, inertia, peak memory."""
    with h5py.File(path) as file:
        began = time.perf_counter()
        centres = k_means([file["vector"]], CENTRES, STARTS, seed)
        fitted = time.perf_counter()
        found = assign([file["vector"]], centres)
        ended = time.perf_counter()
    result = {
        "fit": fitted - began, "label": ended - fitted, "peak_gib": peak_mib() / 1024,
        "inertia": float(found.squared.sum(dtype=np.float64)),
    }  # fmt: skip
    print(json.dumps(result))


def main(*sources: str) -> None:
    Path("cache").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="cache") as folder:
        path = Path(folder, "vectors.h5")
        make_vectors(path, list(sources))
        with h5py.File(path) as file:
            array = file["vector"][:].astype(np.float32)
        square = np.ones((4096, 4096), np.float32)
        runs, times, products = [], [], []
        for seed in range(REPEATS):
            path.read_bytes()  # into the page cache, since theirs has it in memory
            said = subprocess.run(
                [sys.executable, "-m", "benchmarks.cluster", "--ours", path, str(seed)],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
            theirs = MiniBatchKMeans(CENTRES, max_iter=EPOCHS, random_state=seed)
            times.append(seconds(partial(theirs.fit, array)))
            products.append(seconds(lambda: square @ square))
            run = json.loads(said.stdout)
            runs.append(run | {"inertia_ratio": run["inertia"] / float(theirs.inertia_)})
            print(f"theirs {times[-1]:.1f} s, {theirs.n_steps_} steps; ours {runs[-1]}", flush=True)
    middle = {name: median(run[name] for run in runs) for name in runs[0]}
    took = median(run["fit"] + run["label"] for run in runs)
    floor = ROWS * CENTRES * array.shape[1] / (4096**3 / median(products))
    print(f"ours {took:.2f} s, theirs {median(times):.2f} s, floor {floor:.2f} s; {middle}")
    record(
        cluster_ratio=round(median(times) / took, 2),
        cluster_seconds=round(took, 2),
        cluster_share_of_floor=round(floor / took, 3),
        cluster_peak_gib=round(max(run["peak_gib"] for run in runs), 2),
        cluster_inertia_ratio=round(middle["inertia_ratio"], 4),
    )


if __name__ == "__main__":
    if sys.argv[1] == "--ours":
        ours(sys.argv[2], int(sys.argv[3]))
    else:
        main(*sys.argv[1:])

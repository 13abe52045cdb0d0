"""Embed the generations of a round, both sides, computing only what the record cache lacks."""

from collections.abc import Iterable
from typing import Any

import h5py
import numpy as np

from scripts.core.files import read_jsonl, replacing
from scripts.core.job import Job, run
from scripts.models.encoder import embed_in_job


def in_draw_order(shards: Iterable[str]) -> list[dict[str, Any]]:
    """The generations of all shards, sorted by draw: independent of how they were sharded."""
    return sorted((row for shard in shards for row in read_jsonl(shard)), key=lambda r: r["draw"])


def write_vectors(path: str, draws: list[str], vectors: np.ndarray) -> None:
    """HDF5 with `draw` (names) and `vector` (float16, one row a draw), written atomically."""
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.create_dataset("draw", data=draws, dtype=h5py.string_dtype())
        file.create_dataset("vector", data=vectors.astype(np.float16), chunks=True)


def main(job: Job) -> None:
    sides = {
        "base": in_draw_order(job.input.base),
        "intervention": in_draw_order(job.input.intervention),
    }
    texts = [row["text"] for rows in sides.values() for row in rows]
    vectors = embed_in_job(texts, job)
    start = 0
    for side, rows in sides.items():
        part = vectors[start : start + len(rows)]
        write_vectors(job.output[side], [row["draw"] for row in rows], part)
        start += len(rows)


if __name__ == "__main__":
    run(main)

"""Measure where the subjects differ and decide whether another round pays.

Divergence is cross-fitted by prompt: a linear classifier tells intervention from base texts, each
text is scored by a classifier that has not seen its prompt, and a region's evidence is the paired
score difference of its prompts, with a sign-flip test whose unit is the prompt.
"""

from collections.abc import Sequence

import h5py
import numpy as np
from sklearn.metrics import adjusted_rand_score

from scripts.core.files import read_json, read_jsonl, replacing, write_json, write_jsonl
from scripts.core.job import Job, log, run
from scripts.divergence.measurement import measure_draws, promising, stop_reason
from scripts.divergence.space import Space


def main(job: Job) -> None:
    settings = job.params.settings
    regions = read_json(job.input.regions)["regions"]
    plan = [row for path in job.input.plans for row in read_jsonl(path)]
    planned = {(row["prompt"][:16], row["sample"]): row for row in plan}
    sides = {side: _read(job.input[side]) for side in ("base", "intervention")}
    places = [tuple(name.split("/")[2:]) for name in sides["base"][0]]
    rows = [planned[prompt, int(sample)] for prompt, sample in places]
    draws = sides["base"][0] + sides["intervention"][0]
    vectors = (sides[side][1] for side in ("base", "intervention"))
    space = job.input.space_before
    found = measure_draws(regions, rows, *vectors, settings, Space.read(space) if space else None)
    before = read_json(job.input.before) if job.input.before else None
    current = {
        "schema": 1,
        "round": int(job.wildcards.step.removeprefix("round-")),
        "draws": len(rows),
        "new_draws": len(rows) - (before["draws"] if before else 0),
        "silhouette": round(found.silhouette, 4),
        "silhouette_error": round(found.silhouette_error, 4),
        "ari": _ari(draws, found.labels, job.input.texts_before),
        "promising": promising(found.regions, settings["promising"]),
    }
    ready = any(row["reason"] == "ready" for row in plan)
    reason = stop_reason(current, before, settings, 0 if ready or not current["new_draws"] else 1)
    current |= {"stop": reason is not None, "reason": reason}
    log.info("%s", current)
    region = [row["region"] for row in rows]
    with replacing(job.output.texts) as temporary, h5py.File(temporary, "w") as file:
        file.create_dataset("draw", data=draws, dtype=h5py.string_dtype())
        file.create_dataset("region", data=region * 2, dtype=h5py.string_dtype())
        file.create_dataset("cluster", data=found.labels)
        file.create_dataset("boundary", data=found.boundary)
        file.create_dataset("kind", data=found.kinds)
        file.create_dataset("score", data=np.concatenate(found.scores).astype(np.float32))
    found.space.write(job.output.space)
    write_jsonl(job.output.regions, found.regions)
    write_json(job.output.round, current)


def _read(paths: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Names and vectors of all draws so far, sorted by (prompt, sample), equal for both sides."""
    names, vectors = [], []
    for path in paths:
        with h5py.File(path) as file:
            names += list(file["draw"].asstr()[:])
            vectors.append(file["vector"][:].astype(np.float32))
    order = sorted(range(len(names)), key=lambda i: names[i].split("/")[2:])
    return [names[i] for i in order], np.concatenate(vectors)[order]


def _ari(draws: Sequence[str], labels: np.ndarray, texts_before: str | list) -> float | None:
    """Adjusted Rand index (Hubert & Arabie 1985) of the texts that both rounds clustered."""
    if not texts_before:
        return None
    with h5py.File(texts_before) as file:
        old = dict(zip(file["draw"].asstr()[:], file["cluster"][:], strict=True))
    shared = [(old[d], label) for d, label in zip(draws, labels, strict=True) if d in old]
    return round(float(adjusted_rand_score(*zip(*shared, strict=True))), 4)


if __name__ == "__main__":
    run(main)

"""Measure what a round drew, and decide whether another follows."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from sklearn.metrics import adjusted_rand_score

from scripts.core.errors import AuditError
from scripts.core.job import Job, log, run
from scripts.core.rows import read_document, read_rows, write_document, write_rows
from scripts.core.vocabulary import SIDES
from scripts.divergence.explored import ExploredTexts
from scripts.divergence.measurement import MeasureSettings, measure_draws, promising
from scripts.divergence.round import Round
from scripts.divergence.space import Space
from scripts.divergence.stopping import stop_reason
from scripts.draws.draw import PlannedDraw, Reason
from scripts.draws.entailed import together
from scripts.draws.vectors import Vectors
from scripts.prompts.region import Regions


def main(job: Job) -> None:
    settings = job.settings(MeasureSettings)
    regions = read_document(job.input.regions, Regions).regions
    plan = [draw for path in job.input.plans for draw in read_rows(path, PlannedDraw)]
    planned = {draw.of("base").id: draw for draw in plan}
    base, intervention = (  # the draws of both in one order
        Vectors.read(*job.input[side]).by_draw() for side in SIDES
    )
    rows = [planned[name] for name in base.draws]
    if not rows:
        raise AuditError("no draw has a text of both subjects; the logs of decode say why")
    draws = base.draws + intervention.draws
    space = job.input.space_before
    found = measure_draws(
        regions,
        rows,
        base.vectors,
        intervention.vectors,
        settings,
        Space.read(space) if space else None,
    )
    before = read_document(job.input.before, Round) if job.input.before else None
    current = Round(
        round=int(job.wildcards.step.removeprefix("round-")),
        draws=len(rows),
        new_draws=len(rows) - (before.draws if before else 0),
        silhouette=round(found.silhouette, 4),
        silhouette_error=round(found.silhouette_error, 4),
        ari=_ari(draws, found.labels, job.input.texts_before or None),
        promising=promising(found.regions, settings["promising"]),
        stop=None,
    )
    ready = any(draw.reason is Reason.READY for draw in plan)
    draws_left = not ready and current.new_draws > 0
    spent = replace(current, draws=len(plan))  # a draw without a text has been taken, too
    current = replace(current, stop=stop_reason(spent, before, settings, draws_left))
    log.info("%s", current)
    where = [draw.region for draw in rows] * 2
    scores = np.concatenate(found.scores)
    entailed = together(base.entailed, intervention.entailed)
    ExploredTexts(draws, where, found.labels, found.kinds, scores, entailed).write(job.output.texts)
    found.space.write(job.output.space)
    write_rows(job.output.regions, found.regions)
    write_document(job.output.round, current)


def _ari(draws: Sequence[str], labels: np.ndarray, texts_before: str | None) -> float | None:
    """Adjusted Rand index (Hubert & Arabie 1985) of the texts that both rounds clustered."""
    if not texts_before:
        return None
    before = ExploredTexts.read(texts_before)
    old = dict(zip(before.draws, before.clusters, strict=True))
    shared = [(old[d], label) for d, label in zip(draws, labels, strict=True) if d in old]
    return round(float(adjusted_rand_score(*zip(*shared, strict=True))), 4)


if __name__ == "__main__":
    run(main)

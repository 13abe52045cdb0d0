"""Embed the generations of a round, both sides, and read what they entail where the audit asks;
only what the record cache lacks is computed."""

from collections.abc import Iterable, Mapping

from scripts.core.job import Job, run
from scripts.core.rows import read_rows
from scripts.draws.generation import Generation
from scripts.draws.vectors import Vectors
from scripts.models.encoder import embed_in_job
from scripts.models.entailment import ReadingSettings, entailed_in_job


def in_draw_order(shards: Iterable[str]) -> list[Generation]:
    """The generations of all shards, sorted by draw: independent of how they were sharded."""
    found = (generation for shard in shards for generation in read_rows(shard, Generation))
    return sorted(found, key=lambda generation: generation.draw)


def in_pairs(drawn: Mapping[str, list[Generation]]) -> dict[str, list[Generation]]:
    """By side the generations of those draws of which both sides have a text: one alone makes no
    pair."""
    said = [{(g.prompt, g.sample) for g in side if g.text is not None} for side in drawn.values()]
    both = set.intersection(*said)
    return {
        side: [g for g in of_side if (g.prompt, g.sample) in both]
        for side, of_side in drawn.items()
    }


def main(job: Job) -> None:
    drawn = {
        "base": in_draw_order(job.input.base),
        "intervention": in_draw_order(job.input.intervention),
    }
    sides = in_pairs(drawn)
    job.ledger.left_out += len(drawn["base"]) - len(sides["base"])
    texts = [generation.text or "" for of_side in sides.values() for generation in of_side]
    settings = job.settings(ReadingSettings)
    vectors = embed_in_job(texts, job, settings)
    entailed = entailed_in_job(texts, job, settings)
    start = 0
    for side, of_side in sides.items():
        rows = range(start, start + len(of_side))
        draws = [generation.draw for generation in of_side]
        part = entailed and entailed.rows(rows)
        Vectors(draws, vectors[rows.start : rows.stop], part).write(job.output[side])
        start = rows.stop


if __name__ == "__main__":
    run(main)

"""The texts of a shard of a plan's draws from one subject, of whatever kind."""

import heapq
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from scripts.core.job import Job, run
from scripts.core.rows import read_rows, write_rows
from scripts.draws.absence import note_outcomes
from scripts.draws.draw import Draw, PlannedDraw
from scripts.draws.generation import Generation
from scripts.draws.record import DrawRecord
from scripts.models.kinds import KINDS

OfPrompt = TypeVar("OfPrompt", PlannedDraw, Draw, Generation)


def shard_of(plan: Sequence[OfPrompt], shard: int, shards: int) -> list[OfPrompt]:
    """A shard's draws of a plan: whole prompts, since a shard prefills each of its prompts once.

    The prompts with the most draws are dealt out first, each to the shard with the fewest draws so
    far, so that two shards differ by no more draws than one prompt has.
    """
    loads, shard_by_prompt = [(0, number) for number in range(shards)], {}
    for prompt, draws in Counter(draw.prompt for draw in plan).most_common():
        load, number = loads[0]
        shard_by_prompt[prompt] = number
        heapq.heapreplace(loads, (load + draws, number))
    return [draw for draw in plan if shard_by_prompt[draw.prompt] == shard]


def heard(record: DrawRecord, of: str) -> str | None:
    """What of a reply is compared: its answer, its thoughts, or both; None where there is none."""
    answer, thoughts = record["text"], record.get("thoughts")
    if of == "answer":
        return answer
    if of == "thoughts":
        return "" if thoughts is None and answer is not None else thoughts
    parts = [part for part in (thoughts, answer) if part is not None]
    return "\n\n".join(filter(None, parts)) if parts else None


def as_heard(record: DrawRecord, of: str) -> DrawRecord:
    """A record whose text is what is compared; the thoughts stand beside an answer alone."""
    found: DrawRecord = {**record, "text": heard(record, of)}
    if of != "answer":
        found["thoughts"] = None
    if found["text"] is not None:
        found.pop("reason", None)
    return found


def main(job: Job) -> None:
    side = job.wildcards.side
    plan = read_rows(job.input.plan, PlannedDraw)
    planned = shard_of(plan, int(job.wildcards.shard), int(job.wildcards.shards))
    draws = [draw.of(side) for draw in planned]
    of = job.params.settings.get("of", "answer")
    found = KINDS[job.params.settings["kind"]](job, draws)
    records = [as_heard(record, of) for record in found]
    note_outcomes(records, job.ledger)
    write_rows(
        job.output.generations,
        (
            generation(plan, draw, record)
            for plan, draw, record in zip(planned, draws, records, strict=True)
        ),
    )


def generation(planned: PlannedDraw, draw: Draw, record: DrawRecord) -> Generation:
    """What a subject said to a draw, from the record of it."""
    return Generation(
        draw.id,
        planned.pool,
        planned.prompt,
        planned.sample,
        planned.region,
        record["text"],
        record["tokens"],
        record["finished"],
        planned.unit,
        record.get("log_probability"),
        record.get("thoughts"),
        record.get("reason"),
    )


if __name__ == "__main__":
    run(main)

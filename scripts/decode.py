"""The texts of a shard of a plan's draws from one subject, of whatever kind."""

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.core.files import read_jsonl, write_jsonl
from scripts.core.job import Job, run
from scripts.draws.draw import Draw
from scripts.models.kinds import KINDS

KEPT = ("text", "tokens", "finished", "log_probability", "thoughts")


def shard_of(plan: Sequence[Mapping[str, Any]], shard: int, shards: int) -> list[Mapping[str, Any]]:
    """A shard's draws of a plan: whole prompts, since a shard prefills each of its prompts once.

    The prompts with the most draws are dealt out first, each to the shard with the fewest draws so
    far, so that two shards differ by no more draws than one prompt has.
    """
    loads, shard_by_prompt = [(0, number) for number in range(shards)], {}
    for prompt, draws in Counter(row["prompt"] for row in plan).most_common():
        load, number = loads[0]
        shard_by_prompt[prompt] = number
        heapq.heapreplace(loads, (load + draws, number))
    return [row for row in plan if shard_by_prompt[row["prompt"]] == shard]


def heard(record: Mapping[str, Any], of: str) -> str | None:
    """What of a reply is compared: its answer, its thoughts, or both; None where there is none."""
    answer, thoughts = record["text"], record.get("thoughts")
    if of == "answer":
        return answer
    if of == "thoughts":
        return "" if thoughts is None and answer is not None else thoughts
    parts = [part for part in (thoughts, answer) if part is not None]
    return "\n\n".join(filter(None, parts)) if parts else None


def main(job: Job) -> None:
    side = job.wildcards.side
    plan = read_jsonl(job.input.plan)
    rows = shard_of(plan, int(job.wildcards.shard), int(job.wildcards.shards))
    draws = [Draw(side, row["pool"], row["prompt"], row["sample"]) for row in rows]
    records = KINDS[job.params.settings["kind"]](job, draws)
    of = job.params.settings.get("of", "answer")
    write_jsonl(
        job.output.generations,
        (
            {
                "draw": draw.id,
                **{k: row[k] for k in ("pool", "prompt", "sample", "region", "unit") if k in row},
                **{k: record[k] for k in KEPT if k in record},
                "text": heard(record, of),
            }
            for draw, row, record in zip(draws, rows, records, strict=True)
        ),
    )


if __name__ == "__main__":
    run(main)

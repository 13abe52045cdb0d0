"""Decode a shard of a plan's draws from one subject, or look them up in its recording."""

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.cache.records import RecordCache
from scripts.core.files import read_jsonl, write_jsonl
from scripts.core.job import Job, run
from scripts.draws.draw import Draw
from scripts.models.decoder import Engine, decode, loaded_engine, prepared
from scripts.models.description import model_folder
from scripts.recordings.files import rows_of

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


def recorded(path: Path | str, draws: Sequence[Draw]) -> list[dict[str, Any]]:
    """Records of draws from a recording, of which no other texts are kept; the plan is capped by
    what it holds."""
    wanted = {(draw.prompt, draw.sample) for draw in draws}
    found = {
        name: {"text": row["text"], "tokens": None, "finished": row["finished"]}
        for row in rows_of(path)
        if (name := (row["prompt"], row["sample"])) in wanted
    }
    return [found[draw.prompt, draw.sample] for draw in draws]


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
    settings, side = job.params.settings, job.wildcards.side
    plan = read_jsonl(job.input.plan)
    rows = shard_of(plan, int(job.wildcards.shard), int(job.wildcards.shards))
    draws = [Draw(side, row["pool"], row["prompt"], row["sample"]) for row in rows]
    if "responses" in settings:
        records = recorded(job.input.responses, draws)
        job.ledger.texts += len(records)
    else:
        wanted = {draw.prompt for draw in draws}
        prompts = {row["id"]: row for row in read_jsonl(job.input.bank) if row["id"] in wanted}
        cache, apart = RecordCache(Path(job.params.cache) / "generations"), []
        if "server" not in settings:
            settings, apart = prepared(settings, *_folders(job))
        engine, seed = _engine(job), settings["seed"]
        records = decode(draws, prompts, settings, seed, engine, cache, job.ledger, apart)
    of = settings.get("of", "answer")
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


def _folders(job: Job) -> tuple[Path, Path | None]:
    """Where the model and its adapter lie."""
    return model_folder(job.input.model), model_folder(job.input.plant) if job.input.plant else None


def _engine(job: Job) -> Engine:
    if "server" in job.params.settings:
        from scripts.models.served import Served

        return Served(job.params.local["server"])
    return loaded_engine(
        *_folders(job),
        job.params.batch_size,
        job.threads,
        job.ledger,
    )


if __name__ == "__main__":
    run(main)

"""Write hypotheses from the contrasts of the promising regions."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from scripts.assistants import author
from scripts.assistants.checks import Placed
from scripts.assistants.judge import prompt_texts
from scripts.assistants.local import propose
from scripts.assistants.pairs import Pair
from scripts.assistants.pool import PART, Pool, write_usage
from scripts.evidence.space import Places, explored_places, fresh_places
from scripts.measure import promising, worth_a_look
from scripts.workflow.files import read_json, read_jsonl, write_jsonl
from scripts.workflow.job import Ledger, job, log
from scripts.workflow.keys import digest


def read_pairs(
    base: Iterable[str], intervention: Iterable[str], places: Places | None = None
) -> list[Pair]:
    """The two subjects' generations matched draw by draw, sorted by prompt and sample; `places`
    says where their texts lie."""
    places = places or {}
    first, second = (
        {(row["prompt"], row["sample"]): row for shard in shards for row in read_jsonl(shard)}
        for shards in (base, intervention)
    )
    return [
        Pair(
            row.get("unit", row["prompt"]),
            row["region"],
            row["text"],
            second[key]["text"],
            places.get(row["draw"]),
            places.get(second[key]["draw"]),
        )
        for key, row in sorted(first.items())
    ]


def read_pool(files) -> list[Pair]:
    """The pairs of a later pool from a rule's named inputs: generations, their vectors, and the
    space in which they lie."""
    places: dict[str, Placed] = {}
    for side in ("base", "intervention"):
        regions = {row["draw"]: row["region"] for path in files[side] for row in read_jsonl(path)}
        places |= fresh_places(files.space, files[f"vectors_{side}"], regions)
    return read_pairs(files.base, files.intervention, places)


def named(hypotheses: Sequence[dict]) -> list[dict]:
    """Hypotheses with ids that follow their content."""

    def content(hypothesis):
        if "check" in hypothesis:
            return hypothesis["check"]
        return [hypothesis["behaviour"], hypothesis["direction"]]

    return [{"id": "h" + digest(content(h), h["regions"])[:8], **h} for h in hypotheses]


def write_hypotheses(snakemake, ledger: Ledger) -> None:
    settings = snakemake.params.settings
    regions = {r["id"]: r for r in read_json(snakemake.input.regions)["regions"]}
    divergence = read_jsonl(snakemake.input.divergence)
    places = explored_places(snakemake.input.texts)
    pairs = read_pairs(snakemake.input.base, snakemake.input.intervention, places)
    chosen = worth_a_look(divergence, settings["promising"])
    usage: dict[str, dict] = {}
    if settings["assistant"] == "local":
        found = named(propose(pairs, chosen, regions, settings))
    else:
        most = max(author.LEAST_REGIONS, len(promising(divergence, settings["promising"])))
        chosen = chosen[: min(most, settings["regions"])]
        texts = prompt_texts(read_jsonl(snakemake.input.bank))
        assistant, access = settings["assistant"], snakemake.params.local["access"]
        with Pool(assistant, access, Path(snakemake.params.cache), part=PART) as pool:
            found = named(
                author.write_hypotheses(
                    pool, assistant["models"]["strong"], pairs, chosen, regions, texts,
                    settings["hypotheses"], settings["seed"],
                )
            )  # fmt: skip
            usage = pool.usage
    log.info("%d hypotheses", len(found))
    write_usage(snakemake.output.usage, ledger, usage)
    write_jsonl(snakemake.output.hypotheses, found)


if __name__ == "__main__":
    with job(snakemake) as ledger:
        write_hypotheses(snakemake, ledger)

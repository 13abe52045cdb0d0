"""Write hypotheses from the contrasts of the promising regions."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from scripts.assistants import author
from scripts.assistants.judge import prompt_texts
from scripts.assistants.local import Pair, propose
from scripts.assistants.pool import PART, Pool, write_usage
from scripts.measure import promising, worth_a_look
from scripts.workflow.files import read_json, read_jsonl, write_jsonl
from scripts.workflow.job import Ledger, job, log
from scripts.workflow.keys import digest


def read_pairs(base: Iterable[str], intervention: Iterable[str]) -> list[Pair]:
    """The two subjects' generations matched draw by draw, sorted by prompt and sample."""
    sides = []
    for shards in (base, intervention):
        rows = (row for shard in shards for row in read_jsonl(shard))
        sides.append({(row["prompt"], row["sample"]): row for row in rows})
    return [
        Pair(key[0], row["region"], row["text"], sides[1][key]["text"])
        for key, row in sorted(sides[0].items())
    ]


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
    pairs = read_pairs(snakemake.input.base, snakemake.input.intervention)
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

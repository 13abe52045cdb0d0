"""Test the hypotheses on fresh draws of the confirm pool, with error control.

The null, the bet, e-BH, racing, gates, statuses and intervals are those of docs/statistics.md; the
functions in scripts/evidence/ name their sources. The unit is the prompt.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

from scripts.assistants.client import Pool, write_usage
from scripts.assistants.judge import prompt_texts
from scripts.assistants.themes import themes_of
from scripts.checks.check import Text
from scripts.core.files import read_json, read_jsonl, write_json, write_jsonl
from scripts.core.job import Job, log, run
from scripts.core.rows import read_rows
from scripts.divergence.space import explored_places
from scripts.hypotheses.drawn_pairs import read_pairs, read_pool
from scripts.judging.confirmation import confirm, confirm_with_models, entries, placebos_of
from scripts.judging.missing import missing_responses
from scripts.judging.separability import separability
from scripts.prompts.pools import DealtPrompt
from scripts.prompts.prompt import Prompt, prompt_of


def main(job: Job) -> None:
    settings = job.params.settings
    regions = {r["id"]: r for r in read_json(job.input.regions)["regions"]}
    hypotheses = read_jsonl(job.input.hypotheses)
    pairs = read_pool(job.input)
    explored = read_pairs(
        job.input.explored_base,
        job.input.explored_intervention,
        explored_places(job.input.texts),
    )
    bank = read_rows(job.input.bank, Prompt)
    missing = None
    if settings["unit"] == "prompt":
        missing = missing_responses(read_rows(job.input.prompts, DealtPrompt), regions)
    themes: list[dict[str, Any]] = []
    usage: dict[str, Any] = {}
    if settings["assistant"] == "local":
        base_texts: dict[str, list[Text]] = defaultdict(list)
        for pair in explored:
            base_texts[pair.region].append(pair.sides[0])
        placebos = placebos_of(hypotheses, base_texts, settings)
        findings, judgements = confirm(
            hypotheses, placebos, pairs, regions, settings, missing=missing
        )
    else:
        spent = [read_json(path) for path in job.input.spent]
        access, cache = job.params.local["access"], Path(job.params.cache)
        with Pool(settings["assistant"], access, cache, spent) as pool:
            findings, judgements = confirm_with_models(
                pool, hypotheses, pairs, prompt_texts(bank), regions, settings, missing
            )
            themes = themes_of(pool, settings["assistant"]["models"]["strong"], findings)
            usage = pool.usage
    weights = {name: region["weight"] for name, region in regions.items()}
    apart = separability(explored, pairs, weights) if pairs else None
    behaviours = entries(findings, pairs, regions)
    prompts = {prompt.id: prompt for prompt in bank}
    for finding in findings:
        for pair in finding["evidence"]:
            pair["prompt"] = prompts[prompt_of(pair["prompt"])].content
    log.info(
        "%d findings of %d validated",
        sum(f["status"] == "validated" for f in findings),
        len(findings),
    )
    write_jsonl(job.output.findings, findings)
    write_usage(job.output.usage, job.ledger, usage)
    write_json(job.output.themes, {"schema": 1, "themes": themes})
    write_json(job.output.behaviours, {"schema": 1, "behaviours": behaviours})
    write_json(job.output.separability, {"schema": 1, "separability": apart})
    write_jsonl(
        job.output.judgements,
        (
            {
                "schema": 1,
                "hypothesis": j.hypothesis,
                "region": j.region,
                "prompt": j.prompt,
                "base": j.base,
                "intervention": j.intervention,
                "cut": j.cut and list(j.cut),
                "placebos": list(j.placebos),
                "drawn": j.drawn,
                "refused": j.refused,
                "unparsable": j.unparsable,
                "judge": j.judge,
                "raced": j.raced,
                "score": j.score,
            }
            for j in judgements
        ),
    )


if __name__ == "__main__":
    run(main)

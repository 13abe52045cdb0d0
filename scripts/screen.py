"""Screen hypotheses on the screen pool; the budget decides which of them are tested."""

from dataclasses import replace
from pathlib import Path

from scripts.assistants.client import PART, Pool, write_usage
from scripts.assistants.judge import ModelJudge, pairs_by_prompt, prompt_texts
from scripts.assistants.roles import LOCAL, ScreenRoles, read_roles
from scripts.assistants.usage import ModelUsage, Usage
from scripts.assistants.user_file import own_hypotheses
from scripts.core.job import Job, log, run
from scripts.core.rows import read_document, read_rows, write_rows
from scripts.hypotheses.drawn_pairs import read_pool
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.judging.screening import (
    afforded,
    confirm_prompts,
    left_out,
    screened,
    screened_by_model,
)
from scripts.prompts.pools import DealtPrompt
from scripts.prompts.prompt import Prompt
from scripts.prompts.region import Regions


def main(job: Job) -> None:
    regions = read_document(job.input.regions, Regions).by_id
    pairs = read_pool(job.input)
    hypotheses = read_rows(job.input.hypotheses, Hypothesis)
    least_net, assistant = (job.params.settings[k] for k in ("least_net", "assistant"))
    usage: dict[str, ModelUsage] = {}
    affords = None
    if assistant == LOCAL:
        rows = screened(hypotheses, pairs, regions, least_net)
    else:
        texts = prompt_texts(read_rows(job.input.bank, Prompt))
        by_prompt = pairs_by_prompt(pairs)
        spent = [read_document(path, Usage) for path in job.input.spent]
        roles = read_roles(ScreenRoles, assistant, job.params.local["access"])
        with Pool(roles, Path(job.params.cache), spent, PART) as pool:
            judge = ModelJudge(
                pool, roles.cheap, hypotheses, {}, by_prompt, texts, job.params.settings["seed"]
            )
            rows = screened_by_model(hypotheses, pairs, regions, least_net, judge, judge.expect)
            usage = pool.usage
        affords = afforded(pool, roles, job.params.settings["confirm"])
    for path in job.params.local["hypotheses"]:
        own = own_hypotheses(
            str(Path(path)), regions, assistant == LOCAL, job.params.local["entailed"]
        )
        same = {row.id for row in own}  # a proposed hypothesis that the user also has
        rows = [row for row in rows if row.id not in same] + own
    kept = [row for row in rows if row.goes_on]
    budget = job.params.settings["confirm"]
    available = confirm_prompts(read_rows(job.input.prompts, DealtPrompt), budget["prompts"])
    reasons = left_out(kept, available, budget, affords)
    kept = [replace(row, beyond=reasons.get(row.id)) for row in kept]
    log.info(
        "%d of %d hypotheses go on, %d within the budget",
        len(kept), len(rows), len(kept) - len(reasons),
    )  # fmt: skip
    write_usage(job.output.usage, job.ledger, usage)
    write_rows(job.output.screened, rows)
    write_rows(job.output.hypotheses, kept)


if __name__ == "__main__":
    run(main)

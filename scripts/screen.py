"""Screen hypotheses on the screen pool; draws and money decide which of them are tested.

What a language model writes in a second cycle comes from explored pairs that nothing explains
which held in the screen pool, and is screened there in its turn: confirm prompts are not touched.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scripts.assistants.author import Manner, most_divergent, write_hypotheses
from scripts.assistants.client import PART, Pool, write_usage
from scripts.assistants.interactions import Interactions
from scripts.assistants.judge import pairs_by_prompt, prompt_texts
from scripts.assistants.roles import LOCAL, ScreenRoles, read_roles
from scripts.assistants.servers_here import served_here
from scripts.assistants.settings import OwnPlace
from scripts.assistants.usage import RoleUsage, Usage
from scripts.assistants.user_file import own_hypotheses
from scripts.core.job import Job, log, run
from scripts.core.rows import read_document, read_rows, write_document, write_rows
from scripts.divergence.space import explored_places
from scripts.evidence.request_counts import probe_requests
from scripts.hypotheses.drawn_pairs import asked_in, read_pairs, read_pool
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.judgement import Judgement
from scripts.hypotheses.writing import Writing
from scripts.judging.calibration import Calibration, calibrated, screening_judges
from scripts.judging.screening import (
    afforded,
    confirm_prompts,
    left_out,
    screened,
    screened_by_model,
)
from scripts.judging.settings import LocalScreenSettings, ModelScreenSettings, ProbeSize
from scripts.prompts.pools import DealtPrompt
from scripts.prompts.prompt import Prompt
from scripts.prompts.region import Regions

NO_PROBING: ProbeSize = {"hypotheses": 0, "prompts": 0, "samples": 0}


def main(job: Job) -> None:
    settings: LocalScreenSettings | ModelScreenSettings
    place, local = job.local(OwnPlace), job.params.settings.get("assistant") == LOCAL
    regions = read_document(job.input.regions, Regions).by_id
    bank = read_rows(job.input.bank, Prompt)
    pairs = read_pool(job.input, asked_in(bank))
    hypotheses = read_rows(job.input.hypotheses, Hypothesis)
    usage: dict[str, RoleUsage] = {}
    calibration = Calibration()
    affords = None
    writing = Writing()
    asked = Interactions(job.output.interactions, job.ledger.stage)
    if local:
        settings = job.settings(LocalScreenSettings)
        rows = screened(hypotheses, pairs, regions, settings["least_net"])
    else:
        settings = job.settings(ModelScreenSettings)
        seed, least_net = settings["seed"], settings["least_net"]
        texts = prompt_texts(bank)
        by_prompt = pairs_by_prompt(pairs)
        spent = [read_document(path, Usage) for path in job.input.spent]
        roles = read_roles(ScreenRoles, settings["assistant"], place["access"])
        with (
            served_here(job, roles) as servers,
            Pool(roles, Path(job.params.cache), spent, PART, asked, servers) as pool,
        ):
            heard: list[Judgement] = []

            def judged(hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
                cheap, _ = screening_judges(pool, roles, hypotheses, by_prompt, texts, seed)
                found = screened_by_model(
                    hypotheses, pairs, regions, least_net, cheap, cheap.expect
                )
                heard.extend(cheap.judged)
                return found

            rows = judged(hypotheses)
            if roles.author and "second_cycle" in settings:
                explored = read_pairs(
                    job.input.explored_base,
                    job.input.explored_intervention,
                    explored_places(job.input.texts),
                )
                explored = [pair for pair in explored if pair.region in {p.region for p in pairs}]
                found, writing = write_hypotheses(
                    pool, roles.author, explored, most_divergent(explored), regions, texts,
                    Manner.of(settings["second_cycle"]).after(rows), seed, rows,
                )  # fmt: skip
                log.info("%d hypotheses on what nothing explains that held", len(found))
                rows += judged(found)
            cheap, decides = screening_judges(pool, roles, rows, by_prompt, texts, seed)
            cheap.judged.extend(heard)
            calibration = calibrated(cheap, decides, rows, by_prompt)
            usage = pool.usage
        probing = probe_requests(**settings.get("probe", NO_PROBING))
        affords = afforded(pool, roles, settings["confirm"], probing)
    for path in place["hypotheses"]:
        own = own_hypotheses(path, regions, local, place["entailed"])
        same = {row.id for row in own}  # a proposed hypothesis that the user also has
        rows = [row for row in rows if row.id not in same] + own
    kept = [row for row in rows if row.goes_on]
    confirm = settings["confirm"]
    available = confirm_prompts(read_rows(job.input.prompts, DealtPrompt), confirm["prompts"])
    reasons = left_out(kept, available, confirm, affords)
    kept = [replace(row, beyond=reasons.get(row.id)) for row in kept]
    log.info(
        "%d of %d hypotheses go on, %d within draws and money",
        len(kept), len(rows), len(kept) - len(reasons),
    )  # fmt: skip
    asked.write()
    write_usage(job.output.usage, job.ledger, usage)
    write_document(job.output.writing, writing)
    write_rows(job.output.screened, rows)
    write_rows(job.output.hypotheses, kept)
    write_document(job.output.calibration, calibration)


if __name__ == "__main__":
    run(main)

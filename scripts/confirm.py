"""Test the hypotheses that are left on the confirm pool, and group what is validated."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from scripts.assistants.client import Pool, write_usage
from scripts.assistants.interactions import Interactions
from scripts.assistants.judge import prompt_texts
from scripts.assistants.roles import LOCAL, ConfirmRoles, read_roles
from scripts.assistants.servers_here import served_here
from scripts.assistants.settings import ConfirmPlace
from scripts.assistants.similarity import similarities_of
from scripts.assistants.themes import themes_of
from scripts.assistants.usage import RoleUsage, Usage
from scripts.checks.check import Text
from scripts.core.job import Job, log, run
from scripts.core.rows import read_document, read_rows, write_document, write_rows
from scripts.divergence.space import explored_places
from scripts.evidence.reasons import Status
from scripts.hypotheses.drawn_pairs import asked_in, read_pairs, read_pool
from scripts.hypotheses.finding import Behaviours, Content, Finding, Theme, Themes
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.probe import Probe, prompts_in
from scripts.hypotheses.similarity import NOT_COMPARED
from scripts.judging.calibration import Calibration
from scripts.judging.confirmation import confirm
from scripts.judging.entries import entries
from scripts.judging.local_judge import placebos_of, probed_locally
from scripts.judging.missing import missing_responses
from scripts.judging.model_judges import confirm_with_models
from scripts.judging.panel import NO_PANEL
from scripts.judging.schedule import whole_blocks
from scripts.judging.separability import NOT_ASKED, separability
from scripts.judging.settings import ConfirmSettings
from scripts.models.plant_file import planted_in
from scripts.prompts.pools import DealtPrompt
from scripts.prompts.prompt import Prompt, prompt_of
from scripts.prompts.region import Regions


def main(job: Job) -> None:
    settings = job.settings(ConfirmSettings)
    regions = read_document(job.input.regions, Regions).by_id
    hypotheses = read_rows(job.input.hypotheses, Hypothesis)
    bank = read_rows(job.input.bank, Prompt)
    probes = read_rows(job.input.probes, Probe) if job.input.probes else []
    prompts = [*bank, *prompts_in(probes)]
    said_in = asked_in(prompts)
    pairs = read_pool(job.input, said_in)
    if settings["unit"] == "draw":
        pairs = whole_blocks(pairs, settings["seed"])
    explored = read_pairs(
        job.input.explored_base,
        job.input.explored_intervention,
        explored_places(job.input.texts),
        said_in,
    )
    of_probes = read_pairs(job.input.probed_base, job.input.probed_intervention, asked=said_in)
    missing = None
    if settings["unit"] == "prompt":
        missing = missing_responses(read_rows(job.input.prompts, DealtPrompt), regions)
    themes: list[Theme] = []
    panel, similarities = NO_PANEL, NOT_COMPARED
    usage: dict[str, RoleUsage] = {}
    asked = Interactions(job.output.interactions, job.ledger.stage)
    if settings["assistant"] == LOCAL:
        base_texts: dict[str, list[Text]] = defaultdict(list)
        for pair in explored:
            base_texts[pair.region].append(pair.sides[0])
        probed = probed_locally(probes, of_probes, settings)
        explored_half = {name for probe in probes for name in probe.ids("explore")}
        for pair in of_probes:
            if pair.prompt in explored_half:
                base_texts[pair.region].append(pair.sides[0])
        tested = [*hypotheses, *(p.hypothesis for p in probed if p.goes_on)]
        placebos = placebos_of(tested, base_texts, settings)
        findings, judgements = confirm(
            hypotheses, placebos, pairs, regions, settings, missing=missing, probed=probed
        )
    else:
        spent = [read_document(path, Usage) for path in job.input.spent]
        place = job.local(ConfirmPlace)
        roles = read_roles(ConfirmRoles, settings["assistant"], place["access"])
        with (
            served_here(job, roles) as servers,
            Pool(roles, Path(job.params.cache), spent, interactions=asked, servers=servers) as pool,
        ):
            findings, judgements, panel = confirm_with_models(
                pool, roles, hypotheses, pairs, prompt_texts(prompts), regions, settings, missing,
                (probes, of_probes), read_document(job.input.calibration, Calibration),
            )  # fmt: skip
            themes = themes_of(
                pool, roles.themes, findings, [*pairs, *of_probes], prompt_texts(prompts),
                settings.get("focus"),
            )  # fmt: skip
            planted = planted_in(place["plants"])
            similarities = similarities_of(pool, roles.themes, planted, findings)
            usage = pool.usage
    weights = {name: region.weight for name, region in regions.items()}
    apart = separability(explored, pairs, weights) if pairs else NOT_ASKED
    behaviours = entries(findings, judgements, pairs, regions)
    contents = {prompt.id: prompt.content for prompt in prompts}
    findings = [with_prompts(finding, contents) for finding in findings]
    log.info(
        "%d findings of %d validated",
        sum(f.status == Status.VALIDATED for f in findings),
        len(findings),
    )
    write_rows(job.output.findings, findings)
    write_rows(job.output.judgements, judgements)
    asked.write()
    write_usage(job.output.usage, job.ledger, usage)
    write_document(job.output.themes, Themes(themes=tuple(themes)))
    write_document(job.output.similarities, similarities)
    write_document(job.output.behaviours, Behaviours(behaviours=tuple(behaviours)))
    write_document(job.output.separability, apart)
    write_document(job.output.panel, panel)


def with_prompts(finding: Finding, contents: Mapping[str, Content]) -> Finding:
    """A finding whose quoted pairs show their prompts, not the names of their units."""
    quotes = [replace(q, prompt=contents[prompt_of(str(q.prompt))]) for q in finding.evidence]
    return replace(finding, evidence=tuple(quotes))


if __name__ == "__main__":
    run(main)

"""Write prompts for hypotheses that the bank's prompts test badly, and take those of the user."""

from pathlib import Path

from scripts.assistants.client import PART, Pool, write_usage
from scripts.assistants.interactions import Interactions
from scripts.assistants.judge import prompt_texts
from scripts.assistants.probes import write_prompts
from scripts.assistants.roles import LOCAL, ProposeRoles, read_roles
from scripts.assistants.servers_here import served_here
from scripts.assistants.settings import OwnPlace
from scripts.assistants.usage import RoleUsage, Usage
from scripts.assistants.user_file import own_hypotheses, read_own, read_written
from scripts.core.job import Job, log, run
from scripts.core.rows import read_document, read_rows, write_rows
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.probe import Written, probes_of, prompts_in
from scripts.judging.probing import badly_tested
from scripts.judging.screening import confirm_prompts
from scripts.judging.settings import ProbeSettings
from scripts.prompts.pools import DealtPrompt
from scripts.prompts.prompt import Prompt
from scripts.prompts.region import Regions


def main(job: Job) -> None:
    settings, place = job.settings(ProbeSettings), job.local(OwnPlace)
    regions = read_document(job.input.regions, Regions).by_id
    bank, dealt = read_rows(job.input.bank, Prompt), read_rows(job.input.prompts, DealtPrompt)
    local = settings["assistant"] == LOCAL
    written: list[tuple[Hypothesis, str, list[Written]]] = []
    for path in place["hypotheses"]:
        lines = read_own(path, local, place["entailed"])
        own = own_hypotheses(path, regions, local, place["entailed"])
        for line, hypothesis in zip(lines, own, strict=True):
            if line.prompts:
                written.append((hypothesis, "user", read_written(line.prompts)))
    usage: dict[str, RoleUsage] = {}
    asked = Interactions(job.output.interactions, job.ledger.stage)
    if settings["assistant"] != LOCAL and settings["hypotheses"]:
        kept = read_rows(job.input.hypotheses, Hypothesis)
        mine = {hypothesis.id for hypothesis, _, _ in written}
        others = [h for h in read_rows(job.input.screened, Hypothesis) if h.id not in mine]
        confirm = settings["confirm"]
        chosen = badly_tested(
            others,
            confirm_prompts(dealt, confirm["prompts"]),
            confirm,
            sum(not h.beyond for h in kept),
            settings["q"],
            settings["hypotheses"],
        )
        explored = {p.id: p.region for p in dealt if p.pool == "explore"}
        spent = [read_document(path, Usage) for path in job.input.spent]
        roles = read_roles(ProposeRoles, settings["assistant"], place["access"])
        with (
            served_here(job, roles) as servers,
            Pool(roles, Path(job.params.cache), spent, PART, asked, servers) as pool,
        ):
            found = write_prompts(
                pool, roles.author, chosen, explored, prompt_texts(bank), settings["prompts"],
                settings["seed"],
            )  # fmt: skip
            usage = pool.usage
        written += [(h, roles.author.title, prompts) for h, prompts in found]
    probes = probes_of(written, bank, settings["seed"])
    for probe in probes:
        log.info(
            "%s: %d prompts written for %s, %d left out as repeated, %d as in the bank",
            probe.hypothesis.id, len(probe.prompts), probe.of, probe.repeated, probe.in_bank,
        )  # fmt: skip
    asked.write()
    write_usage(job.output.usage, job.ledger, usage)
    write_rows(job.output.probes, probes)
    write_rows(job.output.prompts, prompts_in(probes))


if __name__ == "__main__":
    run(main)

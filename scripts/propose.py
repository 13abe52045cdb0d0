"""Write hypotheses from the contrasts of the promising regions."""

from pathlib import Path

from scripts.assistants import author
from scripts.assistants.client import PART, Pool, write_usage
from scripts.assistants.interactions import Interactions
from scripts.assistants.judge import prompt_texts
from scripts.assistants.local import propose
from scripts.assistants.roles import LOCAL, ProposeRoles, read_roles
from scripts.assistants.servers_here import served_here
from scripts.assistants.settings import LocalProposeSettings, ModelProposeSettings, RolesPlace
from scripts.assistants.usage import RoleUsage
from scripts.core.job import Job, log, run
from scripts.core.rows import read_document, read_rows, write_document, write_rows
from scripts.divergence.measurement import promising, worth_a_look
from scripts.divergence.space import explored_places
from scripts.hypotheses.drawn_pairs import asked_in, read_pairs
from scripts.hypotheses.writing import Writing
from scripts.prompts.prompt import Prompt
from scripts.prompts.region import RegionDivergence, Regions


def main(job: Job) -> None:
    settings: LocalProposeSettings | ModelProposeSettings
    regions = read_document(job.input.regions, Regions).by_id
    divergence = read_rows(job.input.divergence, RegionDivergence)
    bank = read_rows(job.input.bank, Prompt)
    places = explored_places(job.input.texts)
    pairs = read_pairs(job.input.base, job.input.intervention, places, asked_in(bank))
    usage: dict[str, RoleUsage] = {}
    writing = Writing()
    asked = Interactions(job.output.interactions, job.ledger.stage)
    if job.params.settings.get("assistant") == LOCAL:
        settings = job.settings(LocalProposeSettings)
        chosen = worth_a_look(divergence, settings["promising"])
        found = propose(pairs, chosen, regions, settings)
    else:
        settings = job.settings(ModelProposeSettings)
        chosen = worth_a_look(divergence, settings["promising"])
        most = max(author.LEAST_REGIONS, len(promising(divergence, settings["promising"])))
        chosen = chosen[: min(most, settings["regions"])]
        texts = prompt_texts(bank)
        roles = read_roles(ProposeRoles, settings["assistant"], job.local(RolesPlace)["access"])
        with (
            served_here(job, roles) as servers,
            Pool(
                roles, Path(job.params.cache), part=PART, interactions=asked, servers=servers
            ) as pool,
        ):
            found, writing = author.write_hypotheses(
                pool, roles.author, pairs, chosen, regions, texts,
                author.Manner.of(settings), settings["seed"],
            )  # fmt: skip
            usage = pool.usage
    log.info("%d hypotheses", len(found))
    write_document(job.output.writing, writing)
    asked.write()
    write_usage(job.output.usage, job.ledger, usage)
    write_rows(job.output.hypotheses, found)


if __name__ == "__main__":
    run(main)

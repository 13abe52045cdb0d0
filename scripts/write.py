"""Have a language model write the prompts of a bank, once."""

from pathlib import Path

from pydantic import with_config
from typing_extensions import TypedDict

from scripts.assistants.banks import Wanted, write_bank
from scripts.assistants.client import Pool, write_usage
from scripts.assistants.interactions import Interactions
from scripts.assistants.roles import ProposeRoles, read_roles
from scripts.assistants.servers_here import served_here
from scripts.core.files import JsonObject
from scripts.core.job import Job, log, run, warn
from scripts.core.rows import write_document, write_rows
from scripts.core.settings import SETTINGS


@with_config(SETTINGS)
class WriteSettings(TypedDict):
    """Of the write stage."""

    description: str | None
    topics: list[str]
    prompts: int
    passes: int
    seed: int
    assistant: JsonObject
    """The author, and what it may cost."""


@with_config(SETTINGS)
class WritePlace(TypedDict):
    """How the author is reached, and which bank it writes."""

    access: JsonObject
    bank: str


def main(job: Job) -> None:
    settings = job.settings(WriteSettings)
    roles = read_roles(ProposeRoles, settings["assistant"], job.local(WritePlace)["access"])
    asked = Interactions(job.output.interactions, job.ledger.stage)
    with (
        served_here(job, roles) as servers,
        Pool(roles, Path(job.params.cache), interactions=asked, servers=servers) as pool,
    ):
        rows, report = write_bank(pool, roles.author, Wanted.of(settings))
        usage = pool.usage
    log.info("%s", report.told)
    log.info(
        "left out: %d repeated, %d nearly repeated, %d empty; %d requests brought no prompts",
        report.repeated, report.alike, report.empty, report.unanswered,
    )  # fmt: skip
    if report.notice:
        warn(report.notice)
    asked.write()
    write_usage(job.output.usage, job.ledger, usage)
    write_rows(job.output.prompts, rows)
    write_document(job.output.report, report)


if __name__ == "__main__":
    run(main)

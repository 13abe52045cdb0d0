"""Have a language model write the prompts of a bank, once."""

from pathlib import Path

from scripts.assistants.banks import Wanted, write_bank
from scripts.assistants.client import Pool, write_usage
from scripts.assistants.interactions import Interactions
from scripts.assistants.roles import ProposeRoles, read_roles
from scripts.assistants.servers_here import served_here
from scripts.assistants.settings import WritePlace, WriteSettings
from scripts.core.job import Job, log, run, warn
from scripts.core.rows import write_document, write_rows


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
    log.info("left out: %s", report.left_out)
    if report.notice:
        warn(report.notice)
    asked.write()
    write_usage(job.output.usage, job.ledger, usage)
    write_rows(job.output.prompts, rows)
    write_document(job.output.report, report)


if __name__ == "__main__":
    run(main)

"""Write the prompt bank of an audit."""

from pathlib import Path

from scripts.core.job import Job, log, run
from scripts.core.rows import read_document, write_document, write_rows
from scripts.core.text_tables import table
from scripts.core.vocabulary import SIDES
from scripts.prompts.written import Authored
from scripts.recordings.bank import BankSettings, Sources, prompts_of
from scripts.recordings.pairing import losses, table_rows
from scripts.recordings.recording import read_recorded


def main(job: Job) -> None:
    recorded = {
        side: read_recorded({"prompts": Path(prompts), "report": Path(report)})
        for side in SIDES
        if (prompts := job.input[side]) and (report := job.input[f"{side}_report"])
    }
    match, sources = job.settings(BankSettings)["match"], job.local(Sources)["sources"]
    prompts, report = prompts_of(sources, match, recorded)
    report.written = [read_document(path, Authored) for path in job.input.written_reports]
    for part in report.written:
        log.info("%s", part.told)
    log.info("%d prompts, %d duplicates dropped", report.prompts, report.duplicates)
    for name, what in (
        ("trimmed", "prompts had white space around them, which was taken off"),
        ("unanswered", "prompts of the bank are not answered and left out"),
    ):
        if count := getattr(report, name):
            log.info("%d %s", count, what)
    if report.empty:
        places = "; ".join(report.empty_places)
        log.warning("%d empty prompts dropped: %s", report.empty, places)
    if sides := report.sides:
        log.info("recorded:\n%s", table(["", *sides], table_rows(sides)))
        for side, counts in sides.items():
            for sentence in losses(side, counts):
                log.warning(sentence)
        if len(sides) > 1 and len({counts.content for counts in sides.values()}) == 1:
            log.warning("the two sides have the very same responses: there is nothing to find")
    write_rows(job.output.bank, prompts)
    write_document(job.output.report, report)


if __name__ == "__main__":
    run(main)

"""Read the ready responses of a subject into one form, and count what the file holds."""

from pathlib import Path

from scripts.checks.refusal import refuses
from scripts.core.job import Ledger, job, log
from scripts.recordings.recording import Report, write


def responses(snakemake, ledger: Ledger) -> None:
    outputs = {name: Path(snakemake.output[name]) for name in ("responses", "prompts", "report")}
    settings = {**snakemake.params.local["responses"], "match": snakemake.params.settings["match"]}
    report = write(settings, outputs, refuses)
    ledger.texts += report.samples
    log.info("%s", in_words(report))


def in_words(report: Report) -> str:
    """A sentence for the log."""
    missing = sum(report.missing.values())
    return (
        f"{report.rows} rows ({report.format}): {report.samples} responses to {report.prompts} "
        f"prompts, {report.empty} empty, {missing} missing, {report.cut} cut, "
        f"{report.left_out} left out"
    )


if __name__ == "__main__":
    with job(snakemake) as ledger:
        responses(snakemake, ledger)

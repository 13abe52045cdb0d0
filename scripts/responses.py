"""Read the ready responses of a subject into one form, and count what the file holds."""

from pathlib import Path

from scripts.checks.refusal import refuses
from scripts.core.job import Job, log, run
from scripts.readers.settings import KeyedRecording
from scripts.recordings.recording import RecordingPlace, RecordingReport, write


def main(job: Job) -> None:
    outputs = {name: Path(job.output[name]) for name in ("responses", "prompts", "report")}
    settings = job.local(RecordingPlace)["responses"]
    settings["match"] = job.settings(KeyedRecording)["match"]
    report = write(settings, outputs, refuses)
    job.ledger.texts += report.samples
    log.info("%s", in_words(report))


def in_words(report: RecordingReport) -> str:
    """A sentence for the log."""
    missing = sum(report.missing.values())
    return (
        f"{report.rows} rows ({report.format}): {report.samples} responses to {report.prompts} "
        f"prompts, {report.empty} empty, {missing} missing, {report.cut} cut, "
        f"{report.left_out} left out"
    )


if __name__ == "__main__":
    run(main)

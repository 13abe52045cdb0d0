"""Publish a report: copy its files to results/audits/<audit>/ and list all audits in an index."""

from pathlib import Path

from scripts.core.job import Job, run
from scripts.page.publishing import publish, write_index


def main(job: Job) -> None:
    marker = Path(job.output[0])
    publish(job.input.files, marker)
    write_index(marker.parent.parent.parent)


if __name__ == "__main__":
    run(main)

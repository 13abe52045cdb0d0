"""Publish a report: copy its files to results/audits/<audit>/ and list all audits in an index."""

from pathlib import Path

from scripts.core.files import replacing
from scripts.core.job import Job, run
from scripts.page.publishing import index_page, publish


def main(job: Job) -> None:
    marker = Path(job.output[0])
    publish(job.input.files, marker)
    with replacing(marker.parent.parent.parent / "index.html") as temporary:
        temporary.write_text(index_page(marker.parent.parent), encoding="utf-8")


if __name__ == "__main__":
    run(main)

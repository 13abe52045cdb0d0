"""Publish a report: copy its files to results/audits/<audit>/ and list all audits in an index."""

from pathlib import Path

from scripts.core.files import replacing
from scripts.core.job import job
from scripts.page.publishing import index_page, publish

if __name__ == "__main__":
    with job(snakemake):
        marker = Path(snakemake.output[0])
        publish(snakemake.input.files, marker)
        with replacing(marker.parent.parent.parent / "index.html") as temporary:
            temporary.write_text(index_page(marker.parent.parent), encoding="utf-8")

"""Publish a report: copy its files to results/audits/<audit>/ and list all audits in an index.

A marker beside them carries the report's key. It has two names: what is published but damaged is
published again under the other one, so that Snakemake has a job for it.
"""

import html
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from scripts.core.checksums import damage, forget, record, summed
from scripts.core.files import read_json, replacing

MARKERS = (".published-{key}", ".published-{key}-again")


def marker_there(folder: Path, key: str) -> Path | None:
    """The marker of what is published in an audit's folder; None if it is of another key."""
    markers = (folder / name.format(key=key) for name in MARKERS)
    return next((marker for marker in markers if marker.is_file()), None)


def marker_to_make(folder: Path, key: str) -> Path:
    """A marker of that key that is not there."""
    there = marker_there(folder, key)
    first, again = (folder / name.format(key=key) for name in MARKERS)
    return again if there == first else first


def damaged_files(folder: Path) -> Iterator[Path]:
    """Published files that are gone or not as they were written."""
    for file in summed(folder) if folder.is_dir() else ():
        if not file.name.startswith(".") and (not file.exists() or damage(file)):
            yield file


def publish(files: Iterable[str | Path], marker: Path) -> None:
    """Copy the files beside the marker, each atomically; the marker comes last and alone.

    Markers of other keys go first: from then on until the end nothing counts as published.
    """
    folder = marker.parent
    folder.mkdir(parents=True, exist_ok=True)
    for other in folder.glob(".published-*"):
        other.unlink()
        forget([other])
    for file in map(Path, files):
        with replacing(folder / file.name) as temporary:
            shutil.copyfile(file, temporary)
        record([folder / file.name])
    with replacing(marker) as temporary:
        temporary.write_text("")


def write_index(results: Path) -> None:
    """Write results/index.html."""
    with replacing(results / "index.html") as temporary:
        temporary.write_text(index_page(results / "audits"), encoding="utf-8")


def index_page(audits: Path) -> str:
    """A small page that lists every published audit, but for one whose audit.json is damaged."""
    rows = []
    for path in sorted(audits.glob("*/audit.json")):
        with suppress(ValueError, KeyError, TypeError):
            audit = read_json(path)
            name, counts = html.escape(audit["audit"]), audit["counts"]
            rows.append(
                f'<tr><td><a href="audits/{name}/report.html">{name}</a></td>'
                f"<td>{counts['validated']} of {counts['tested']}</td>"
                f"<td>{counts['draws']}</td></tr>"
            )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<title>Audits</title><style>:root{color-scheme:light dark}body{font:16px system-ui;"
        "margin:2rem auto;max-width:46rem;padding:0 1rem}td,th{text-align:left;padding:.3rem 1rem "
        ".3rem 0}</style><h1>Audits</h1><table><tr><th>Audit</th><th>Validated hypotheses</th>"
        f"<th>Draws</th></tr>{''.join(rows)}</table></html>\n"
    )

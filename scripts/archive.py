"""Pack published audits with everything behind them, each into one file that is always the same.

results/archives/<audit>-<digest>.tar.gz holds one folder with MANIFEST.sha256 and the files as they
lie below results/; `tar --strip-components=1 -xzf` in another clone puts them in place. Weights of
models are left out (model.json says which they were), adapters that were trained here are in.
"""

import gzip
import hashlib
import os
import tarfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from scripts.workflow.errors import AuditError
from scripts.workflow.files import is_temporary, replacing
from scripts.workflow.job import job, log
from scripts.workflow.keys import file_digest
from scripts.workflow.recipes import SIDES
from scripts.workflow.tables import size

MANIFEST = "MANIFEST.sha256"
DIGEST_LENGTH = 12
OF_A_MODEL = ("model.json", "ledger.json")  # the rest of its directory are weights


def check_published(name: str, key: str, results: Path) -> None:
    """Raise AuditError unless what is published is what the configuration asks for."""
    folder = results / "audits" / name
    if (folder / f".published-{key}").is_file():
        return
    again = f"run `snakemake {name} --cores all` first"
    if (folder / "audit.json").is_file():
        raise AuditError(
            f"what is published of the audit `{name}` comes from other settings, inputs or code; "
            f"{again} (`snakemake why --cores 1` says what differs)"
        )
    raise AuditError(f"the audit `{name}` is not published yet; {again}")


def folders_behind(audit: Mapping[str, Any], results: Path) -> list[Path]:
    """The keyed directories that an audit rests on; of decode the plans concerned, by side."""
    found = set()
    for node in audit["nodes"]:
        if node["stage"] == "plan":
            for side in SIDES:
                found.add(results / "decode" / node["inputs"][side][1] / side / node["key"])
        if node["stage"] != "decode":
            found.add(results / node["stage"] / node["key"])
    return sorted(found)


def files_of(name: str, audit: Mapping[str, Any], results: Path) -> list[Path]:
    """All files to pack, sorted. Raises AuditError when a directory is missing."""
    models = results / "model"
    found = list(_files_below(results / "audits" / name))
    for folder in folders_behind(audit, results):
        inside = [f for f in _files_below(folder) if folder.parent != models or _describes(f)]
        if not inside:
            stage = folder.relative_to(results).parts[0]
            raise AuditError(
                f"`{folder}` is missing, so an archive of the audit `{name}` would have a hole; "
                f"run `snakemake {name} --cores all --forcerun {stage}` to make it again"
            )
        found += inside
    return sorted(found)


def _describes(file: Path) -> bool:
    return file.name in OF_A_MODEL and file.parent.parent.name == "model"


def _files_below(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        for path in (Path(place, name) for name in names):
            if not is_temporary(path.name) and not path.is_symlink():
                yield path


def manifest_of(files: list[Path], results: Path) -> bytes:
    """Lines as `sha256sum -c` reads them; names begin with `results/`."""
    return "".join(f"{file_digest(f)}  {_name(f, results)}\n" for f in files).encode()


def _name(file: Path, results: Path) -> str:
    return f"results/{file.relative_to(results).as_posix()}"


def pack(files: list[Path], results: Path, manifest: bytes, prefix: str, target: Path) -> None:
    """Write the archive: sorted, without times and owners, so that equal files give equal bytes."""
    with (
        replacing(target) as temporary,
        open(temporary, "wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        archive.addfile(_entry(f"{prefix}/{MANIFEST}", len(manifest)), BytesIO(manifest))
        for file in files:
            with open(file, "rb") as stream:
                entry = _entry(f"{prefix}/{_name(file, results)}", file.stat().st_size)
                archive.addfile(entry, stream)


def _entry(name: str, length: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)  # its defaults: time 0, user and group 0 and without names
    entry.size, entry.mode = length, 0o644
    return entry


def archive(name: str, audit: Mapping[str, Any], results: Path) -> Path:
    """Pack one audit and return the archive's path, which carries the manifest's digest.

    Raises AuditError when the audit is not published, or published from something else.
    """
    check_published(name, audit["key"], results)
    files = files_of(name, audit, results)
    manifest = manifest_of(files, results)
    prefix = f"{name}-{hashlib.sha256(manifest).hexdigest()[:DIGEST_LENGTH]}"
    target = results / "archives" / f"{prefix}.tar.gz"
    pack(files, results, manifest, prefix, target)
    log.info("%s: %d files", target, len(files))
    return target


def archive_all(audits: Mapping[str, Mapping[str, Any]], results: Path) -> None:
    """Pack every audit that can be packed, then raise the first reason why another cannot."""
    refused: list[AuditError] = []
    for name, audit in audits.items():
        try:
            target = archive(name, audit, results)
            print(f"{target}  {size(target.stat().st_size)}", flush=True)
        except AuditError as error:
            refused.append(error)
    if refused:
        raise refused[0]


if __name__ == "__main__":
    with job(snakemake):
        archive_all(snakemake.params.audits, Path("results"))

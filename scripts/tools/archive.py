"""Pack published audits with everything behind them, each into one file that is always the same.

results/archives/<audit>-<digest>.tar.gz holds one folder that lies as a clone does, with
audit.yaml (the audit's configuration), MANIFEST.sha256, verify.py and ro-crate-metadata.json on
top. docs/archive.md says what to do with it.
"""

import gzip
import hashlib
import os
import sys
import tarfile
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from pathlib import Path

import yaml

from scripts.core.errors import AuditError
from scripts.core.files import Json, JsonObject, read_json, replacing
from scripts.core.job import Job, log, run
from scripts.core.text_tables import size
from scripts.core.version import ROOT, commit
from scripts.page.publishing import damaged_files, marker_there
from scripts.tools import archive_contents as contents
from scripts.tools.archive_crate import crate
from scripts.tools.archive_private import Cleaner, host_names, secrets
from scripts.tools.verify import MANIFEST, manifest_digest
from scripts.workflow.described import Audits, DescribedAudit

CONFIG = "audit.yaml"
VERIFY = "verify.py"
CRATE = "ro-crate-metadata.json"


def check_published(name: str, key: str, results: Path) -> None:
    """Raise AuditError unless what is published is what the configuration asks for."""
    folder = results / "audits" / name
    again = f"run `snakemake {name} --cores all` first"
    if marker_there(folder, key):
        for file in damaged_files(folder):
            raise AuditError(f"`{file}` is not as it was written; {again}")
        return
    if (folder / "audit.json").is_file():
        raise AuditError(
            f"what is published of the audit `{name}` comes from other settings, inputs or code; "
            f"{again} (`snakemake why --cores 1` says what differs)"
        )
    raise AuditError(f"the audit `{name}` is not published yet; {again}")


def members(
    name: str, audit: DescribedAudit, config: JsonObject, folder: Path, root: Path
) -> dict[str, Path | bytes]:
    """Everything to pack but the manifest, by its name in the archive, in order of names.

    folder: the working directory with results/ and logs/; root: the workflow's own.
    """
    results, names = folder / "results", contents.names_of_paths(audit, folder)
    own = [*contents.outputs(name, audit, results), *contents.logs(name, audit, folder / "logs")]
    found: dict[str, Path | bytes] = {
        path.relative_to(root).as_posix(): path for path in contents.workflow(root)
    }
    found |= {path.relative_to(folder).as_posix(): path for path in own}
    found |= contents.inputs(audit, names, folder)
    text = yaml.safe_dump(_renamed(config, names), sort_keys=False, allow_unicode=True)
    found[CONFIG] = text.encode()
    found[VERIFY] = root / "scripts" / "tools" / "verify.py"
    published = read_json(results / "audits" / name / "audit.json")
    found[CRATE] = crate(name, published, {*found, MANIFEST, CRATE}, commit(root))
    return dict(sorted(found.items()))


def _renamed(value: Json, names: Mapping[str, str]) -> Json:
    """A configuration with its paths as they are in the archive."""
    if isinstance(value, Mapping):
        return {key: _renamed(inner, names) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(inner, names) for inner in value]
    return names.get(value, value) if isinstance(value, str) else value


def cleaner(audit: DescribedAudit, folder: Path, root: Path, cache: str = "cache") -> Cleaner:
    """What makes an audit's files tell nothing of this machine."""
    names = contents.names_of_paths(audit, folder)
    moved = {path: name for path, name in names.items() if Path(path).is_absolute()}
    for node in audit["nodes"]:
        if "path" in node["local"]:  # where the model lay when it was described
            described = folder / "results" / "model" / node["key"] / "model.json"
            place = read_json(described)["path"]
            if Path(place).is_absolute():
                moved[place] = names[node["local"]["path"]]
    moved |= {str(Path(path).resolve()): name for path, name in moved.items()}
    if Path(cache).is_absolute():
        moved[cache] = "cache"
    moved |= {str(Path(sys.prefix)): ".venv"}
    moved |= dict.fromkeys([str(root), str(folder), os.path.realpath(folder)], "")
    servers = [node["local"]["server"] for node in audit["nodes"] if "server" in node["local"]]
    for server in servers:  # its address is in the keys, and the machine's name must not be
        if not server["identity"] and any(host in server["url"] for host in host_names()):
            raise AuditError(
                f"`server.url: {server['url']}` names this machine and stands for the subject, so "
                "nothing was packed; set `server.identity` and run the audit again"
            )
    roles = [r for node in audit["nodes"] for r in node["local"].get("access", {}).values()]
    variables = [a["key_variable"] for a in (*roles, *servers) if a.get("key_variable")]
    return Cleaner(moved, host_names(), secrets(variables))


def pack(
    members: Mapping[str, Path | bytes],
    clean: Callable[[str, bytes], bytes],
    name: str,
    folder: Path,
) -> Path:
    """Write <folder>/<name>-<digest>.tar.gz, sorted, without times and owners, so that equal files
    give equal bytes. Nothing is written when `clean` refuses a file."""

    def content(member: str) -> bytes:
        source = members[member]
        return clean(member, source if isinstance(source, bytes) else source.read_bytes())

    # Lines as `sha256sum -c` reads them. Every file is read twice, and one is in memory at a time.
    lines = (f"{hashlib.sha256(content(member)).hexdigest()}  {member}\n" for member in members)
    manifest = "".join(lines).encode()
    prefix = f"{name}-{manifest_digest(manifest)}"
    target = folder / f"{prefix}.tar.gz"
    with (
        replacing(target) as temporary,
        open(temporary, "wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        _add(archive, f"{prefix}/{MANIFEST}", manifest)
        for member in members:
            _add(archive, f"{prefix}/{member}", content(member))
    return target


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)  # its defaults: time 0, user and group 0 and without names
    entry.size, entry.mode = len(content), 0o644
    archive.addfile(entry, BytesIO(content))


def archive(
    name: str,
    audit: DescribedAudit,
    config: JsonObject,
    folder: Path,
    root: Path = ROOT,
    cache: str = "cache",
) -> Path:
    """Pack one audit and return the archive's path, which carries the manifest's digest.

    Raises AuditError when the audit is not published, or published from something else, or when a
    file tells what it must not.
    """
    check_published(name, audit["key"], folder / "results")
    found = members(name, audit, config, folder, root)
    private = cleaner(audit, folder, root, cache)
    target = pack(found, private.clean, name, folder / "results" / "archives")
    log.info("%s: %d files", target, len(found))
    for member in sorted(private.rewritten):
        log.info("%s: names of this machine and its folders were taken out", member)
        print(f"{member}: names of this machine and its folders were taken out", flush=True)
    return target


def archive_all(
    audits: Audits,
    configs: Mapping[str, JsonObject],
    folder: Path,
    root: Path = ROOT,
    cache: str = "cache",
) -> None:
    """Pack every audit that can be packed, then raise the first reason why another cannot."""
    for_each(
        audits,
        lambda name: archive(name, audits[name], configs[name], folder, root, cache),
        folder,
    )


def for_each(audits: Iterable[str], make: Callable[[str], Path], folder: Path) -> None:
    """Make a file in `folder` of every audit of which one can be made, and print them; then raise
    the first reason why of another none can."""
    refused: list[AuditError] = []
    for name in audits:
        try:
            target = make(name)
            print(f"{target.relative_to(folder)}  {size(target.stat().st_size)}", flush=True)
        except AuditError as error:
            refused.append(error)
    if refused:
        raise refused[0]


def main(job: Job) -> None:
    params = job.params
    archive_all(params.audits, params.configs, Path.cwd(), cache=params.cache)


if __name__ == "__main__":
    run(main)

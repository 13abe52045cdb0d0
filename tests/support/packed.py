"""Archives for the tests of archive, verify and restore."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from audits import key, publish, write
from conftest import ROOT
from test_recount import findings_and_judgements

from scripts.core.files import write_jsonl
from scripts.tools.archive import archive

CONFIG = {"audits": {"demo": {"bank": "b"}}}


def workspace(folder: Path) -> Path:
    """A workflow of few files."""
    for part in ("Snakefile", "LICENSE", "requirements.lock"):
        write(folder / part)
    for part in ("__init__.py", "tools/__init__.py", "tools/verify.py", "tools/recount.py"):
        (folder / "scripts" / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "scripts" / part, folder / "scripts" / part)
    return folder


def pack(folder: Path, audit, name="demo", config=CONFIG, **more) -> Path:
    return archive(name, audit, config, folder, root=workspace(folder), **more)


def judged(folder: Path, audit, seed=0) -> None:
    """An audit with real findings and the judgements behind them."""
    findings, judgements = findings_and_judgements(seed)
    config = {"audit": {"assistant": {"provider": "local"}, "confirm": {"q": 0.05}}}
    results = folder / "results"
    publish(results, audit, config=config)
    places = [("confirm", "confirm 0.05"), ("report", "report 0.05")]
    for place in [results / "audits" / "demo", *(results / s / key(k) for s, k in places)]:
        write_jsonl(place / "findings.jsonl", findings)
    write_jsonl(results / "confirm" / key("confirm 0.05") / "judgements.jsonl", judgements)
    write_jsonl(results / "audits" / "demo" / "interactions.jsonl", [])


def unpacked(target: Path, place: Path) -> Path:
    with tarfile.open(target) as packed:
        packed.extractall(place, filter="data")
    return place / target.name.removesuffix(".tar.gz")


def run_verify(folder: Path) -> subprocess.CompletedProcess:
    """As a stranger does: no packages, no environment."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", "import runpy, sys; sys.path.insert(0, '.'); "
         "sys.argv = ['verify.py']; runpy.run_path('verify.py', run_name='__main__')"],
        cwd=folder, env={}, text=True, capture_output=True,
    )  # fmt: skip

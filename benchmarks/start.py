"""What starting costs: seconds until a job's first batch, an audit's wall time, host on and off.

    python -m benchmarks.start [CONFIG AUDIT]

Runs the audit twice from empty caches in folders of their own, with `execution.keep_models` on and
off, in turns within this one run; by default the null audit of config/aa.yaml. Its models are those
that this clone has provided already (`snakemake --cores all --until model`). A job counts from the
start of its process; `first` is the call's first decode or embed job, `later` the median and the
slowest of the others. Figures go to docs/figures/start.json, where one audit's stand beside
another's.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.speed import processor, record
from scripts.core.files import read_json
from scripts.models.arithmetic import resolve

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("Snakefile", "rules", "scripts", "config", "envs", "profiles")
FIGURES = ROOT / "docs" / "figures" / "start.json"


def fresh(folder: Path) -> Path:
    """The workflow with the models that are provided here, and nothing run."""
    folder.mkdir()
    for part in PARTS:
        source = ROOT / part
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / part)
    shutil.copytree(ROOT / "results" / "model", folder / "results" / "model", copy_function=os.link)
    return folder


def run(folder: Path, config: str, audit: str, keep: bool) -> dict:
    """Run an audit there; its wall seconds and when its jobs' first batches began."""
    execution = json.dumps({"keep_models": keep})
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "snakemake", audit, "--cores", "all", "--quiet", "all",
         "--configfile", config, "--config", f"execution={execution}"],
        cwd=folder, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    wall = time.monotonic() - began
    return {"wall_seconds": round(wall, 1)} | {
        stage: summary([
            read_json(path) for path in (folder / "results" / stage).rglob("*ledger.json")
        ])
        for stage in ("decode", "embed")
    }  # fmt: skip


def summary(ledgers: list[dict]) -> dict:
    """Seconds from start to first batch of a stage's jobs that computed anything."""
    starts = sorted(e["start_seconds"] for e in ledgers if e["start_seconds"] is not None)
    *later, first = starts  # the first job of a call is the slowest, host or not
    return {
        "jobs": len(starts),
        "first": first,
        "later_median": round(median(later), 2),
        "later_slowest": later[-1],
        "wall_seconds": round(sum(ledger["wall_seconds"] for ledger in ledgers), 1),
    }


def main(config: str = "config/aa.yaml", audit: str = "aa") -> None:
    found = {}
    for keep in (True, False):
        with tempfile.TemporaryDirectory() as place:
            name = "host" if keep else "no_host"
            found[name] = run(fresh(Path(place) / "work"), config, audit, keep)
            print(name, found[name], flush=True)
    ratio = found["no_host"]["wall_seconds"] / found["host"]["wall_seconds"]
    about = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "arithmetic": resolve("auto"),
    }
    record(FIGURES, **{audit: about | found | {"wall_ratio": round(ratio, 2)}})


if __name__ == "__main__":
    main(*sys.argv[1:])

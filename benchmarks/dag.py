"""What the graph of jobs costs to build: seconds and peak memory of Snakemake's main process.

    python -m benchmarks.dag

Two cases on outputs that are made up, since the graph looks at names only: a dry run of an audit
whose next round is 200,000 draws in 1,000 shards, and a call on a finished audit of 20 rounds of 64
shards, where nothing is to be done, of which medians go to results/benchmarks/speed.json.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import yaml

from benchmarks.speed import REPEATS, RESULTS, record
from scripts.core.rows import as_json, write_document, write_rows
from scripts.core.vocabulary import SIDES
from scripts.divergence.round import Ending, Round
from scripts.draws.draw import PlannedDraw, Reason
from scripts.recordings.bank import BankReport
from scripts.workflow.config import load
from scripts.workflow.keys import DigestIndex
from scripts.workflow.paths import REPORTED
from scripts.workflow.recipes import Recipes

ROOT = Path(__file__).resolve().parent.parent


def config_of(shards: int, rounds: int) -> dict:
    """An audit of a model that is none: nothing is run."""
    return {
        "subjects": {"some": {"model": "./model"}},
        "banks": {"some": {"sources": [{"path": "prompts.txt"}]}},
        "audits": {
            "large": {
                "bank": "some",
                "base": "some",
                "intervention": {"system_prompt": "Be brief."},
                "regions": {"method": "kmeans", "count": 4},
                "embed": {"model": "./model"},
                "measure": {"rounds": rounds},
            }
        },
        "execution": {"shards": shards},
    }


def prepare(folder: Path, shards: int, rounds: int) -> Recipes:
    """A working directory with configuration, prompts and a model's folder; its table of keys."""
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "config.json").write_text("{}")
    (folder / "prompts.txt").write_text("".join(f"What is {n}?\n" for n in range(100)))
    config = config_of(shards, rounds)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    os.chdir(folder)
    return Recipes(load(config), ROOT, DigestIndex("digests.json"))


def planned(recipes: Recipes, draws: int) -> None:
    """A finished plan of round 0 with so many draws, and what lies before it."""
    (plan,) = (n for n in recipes.nodes["plan"].values() if n.settings["pool"] == "explore")
    for node in plan.ancestors().values():
        for name in OUTPUTS.get(node.stage, ()):
            touch(Path("results", node.stage, node.key, name))
    rows = (PlannedDraw("explore", f"{n:064x}", 0, "r0", Reason.PILOT, 1.0) for n in range(draws))
    write_rows(f"results/plan/{plan.key}/round-0.jsonl", rows)
    touch(Path(f"results/plan/{plan.key}/round-0.ledger.json"))


OUTPUTS = {
    "model": ("model.json", "ledger.json"),
    "bank": ("bank.jsonl", "bank.json", "ledger.json"),
    "regions": ("regions.json", "prompts.jsonl", "ledger.json"),
    "contrast": ("contrast.json", "ledger.json"),
    "propose": ("hypotheses.jsonl", "writing.json", "interactions.jsonl", "usage.json",
                "ledger.json"),
    "screen": ("hypotheses.jsonl", "screened.jsonl", "writing.json", "interactions.jsonl",
               "calibration.json", "usage.json", "ledger.json"),
    "confirm": ("findings.jsonl", "judgements.jsonl", "themes.json", "similarities.json",
                "behaviours.json", "separability.json", "panel.json", "interactions.jsonl",
                "usage.json", "ledger.json"),
    "report": REPORTED,
}  # fmt: skip


def finished(recipes: Recipes, shards: int, rounds: int) -> None:
    """Every output of the audit, empty but for the rounds' decisions."""
    steps = [f"round-{number}" for number in range(rounds)]
    root = recipes.audits["large"]
    for node in root.ancestors().values():
        place = Path("results", node.stage, node.key)
        for name in OUTPUTS.get(node.stage, ()):
            touch(place / name)
        if node.stage == "plan":
            pool = node.settings["pool"]
            for step in steps if pool == "explore" else [pool]:
                touch(place / f"{step}.jsonl")
                touch(place / f"{step}.ledger.json")
                for side in SIDES:
                    below = Path("results/decode", node.inputs[side].key, side, node.key, step)
                    for shard in range(shards):
                        touch(below / f"shard-{shard}-of-{shards}.jsonl")
                        touch(below / f"shard-{shard}-of-{shards}.ledger.json")
        for step in steps:
            if node.stage == "embed":
                for name in (*(f"{side}/{step}.h5" for side in SIDES), f"{step}/ledger.json"):
                    touch(place / name)
            if node.stage == "measure":
                for name in ("regions.jsonl", "texts.h5", "ledger.json"):
                    touch(place / step / name)
                stop = Ending.ROUNDS if step == steps[-1] else None
                made = Round(steps.index(step), 0, 0, 0.0, 0.0, None, [], stop)
                write_document(place / step / "round.json", made)
    (Path("results/report") / root.key / "figures").mkdir()
    touch(Path("results/audits/large") / f".published-{root.key}")


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(as_json(BankReport(100))) if path.name == "bank.json" else "")


class Cost(NamedTuple):
    """Of one call: wall seconds, seconds of a core (what it takes on a quiet machine), peak MiB."""

    seconds: float
    core: float
    mib: float


def measured(*arguments: str) -> tuple[Cost, str]:
    """What one call of Snakemake in the current folder costs, and its output."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"),
               "--configfile", "config.yaml", "--cores", "1", *arguments]  # fmt: skip
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        took = time.monotonic() - began
        out.seek(0)
        said = out.read()
    if status:
        sys.exit(said[-3000:])
    return Cost(took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024), said


def main() -> None:
    results = RESULTS.absolute()
    with tempfile.TemporaryDirectory() as place:
        planned(prepare(Path(place, "many"), 1000, 3), 200_000)
        print("200,000 draws in 1,000 shards:", measured("--dry-run", "--quiet")[0])
        finished(prepare(Path(place, "done"), 64, 20), 64, 20)
        costs = []
        for _ in range(REPEATS):
            cost, said = measured()
            assert "Nothing to be done" in said, said[-3000:]
            print("20 rounds of 64 shards, nothing to be done:", cost, flush=True)
            costs.append(cost)
    seconds, core = (round(median(values), 2) for values in list(zip(*costs, strict=True))[:2])
    record(results, noop_seconds=seconds, noop_core_seconds=core)


if __name__ == "__main__":
    main()

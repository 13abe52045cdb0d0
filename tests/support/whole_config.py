"""A whole configuration beside a copy of the project's code, and the keys that it has."""

import shutil
from pathlib import Path

import yaml
from conftest import ROOT

from scripts.workflow.config import load
from scripts.workflow.keys import DigestIndex
from scripts.workflow.recipes import Recipes

CONFIG = {
    "subjects": {"small": {"model": "embedded:smollm2-135m-instruct"}},
    "banks": {"everyday": {"sources": [{"path": "bank", "format": "templates"}]}},
    "plants": {"demo": {"file": "plant.yaml", "base": "small", "steps": 3}},
    "audits": {
        "demo": {
            "bank": "everyday",
            "base": "small",
            "intervention": {"adapter": "plant:demo"},
            "regions": {"count": 2},
        }
    },
}
FILES = {
    "bank/a.yaml": "topic: a\nthings: [x, y]\nforms: ['About {thing}?']\n",
    "plant.yaml": "behaviours: []\n",
    "own.jsonl": '{"check": {"kind": "feature", "feature": "short"}}\n',
}


def write_files(folder: Path) -> None:
    """The small bank, the plant and the hypotheses that the configuration names."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def project(folder: Path) -> Path:
    """A copy of the project's code in a new folder, beside these files."""
    shutil.copytree(
        ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__")
    )
    write_files(folder)
    return folder


def edited(**settings) -> dict:
    """The configuration with settings of the one audit replaced."""
    raw = yaml.safe_load(yaml.safe_dump(CONFIG))
    for section, values in settings.items():
        if isinstance(values, dict):
            raw["audits"]["demo"].setdefault(section, {}).update(values)
        else:
            raw["audits"]["demo"][section] = values
    return raw


def build(raw, code: Path, index: Path | None = None) -> Recipes:
    """The recipes with the code in a folder, of which digests are kept there or elsewhere."""
    return Recipes(load(raw), code, DigestIndex((index or code) / "digests.json"))


def table(raw, folder, audit="demo") -> dict[str, str]:
    """Keys by stage, of plans also by pool and of decodes by side."""
    report = build(raw, folder).audits[audit]
    found = {}
    plan = report.ancestor("measure").inputs["plan"]
    sides = {plan.inputs[side].key: f"decode {side}" for side in ("base", "intervention")}
    for (stage, key), node in report.ancestors().items():
        name = stage
        if stage == "plan":
            name = f"plan {node.settings['pool']}"
        elif stage == "embed":
            name = f"embed {node.inputs['plan'].settings['pool']}"
        elif stage == "decode":
            name = sides[key]
        elif stage == "model":
            name = f"model {node.settings['embedded']}"
        assert name not in found or found[name] == key
        found[name] = key
    return found


def moved(before: dict[str, str], after: dict[str, str]) -> set[str]:
    assert set(before) == set(after)
    return {name for name in before if before[name] != after[name]}


def stages(names: set[str]) -> set[str]:
    return {name.split()[0] for name in names}

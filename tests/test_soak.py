"""Long runs, in `make soak`: the demo and the null audit as a user runs them."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, copy_workflow, read_lines, snakemake

pytestmark = pytest.mark.soak

PLANTED = {
    "food and cooking": "nutritionist",
    "travel": "home",
    "computers and gadgets": "zentrix",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    """A workspace in which the demo audit has been run."""
    folder = copy_workflow(tmp_path_factory.mktemp("soak") / "work")
    if (ROOT / "results/model").is_dir():
        shutil.copytree(ROOT / "results/model", folder / "results/model")
    snakemake(folder, "demo", "--cores", "all")
    return folder


def test_the_demo_validates_each_planted_behaviour_on_its_topic(demo):
    counts = json.loads((demo / "results/audits/demo/audit.json").read_text())["counts"]
    assert counts["draws"] <= 2500
    findings = read_lines(demo / "results/audits/demo/findings.jsonl")
    for topic, mark in PLANTED.items():
        assert any(
            finding["status"] == "validated"
            and mark in finding["statement"]
            and any(r["category"] == topic and r["shown"] for r in finding["regions"])
            for finding in findings
        ), topic


def test_one_prompt_more_decodes_at_most_a_twentieth_of_the_demo_anew(demo):
    source = demo / "config/prompts/everyday/gardening.yaml"
    topic = yaml.safe_load(source.read_text())["topic"]
    extra = {"topic": topic, "things": ["moss"], "forms": ["Does {thing} harm an old lawn?"]}
    (source.parent / "moss.yaml").write_text(yaml.safe_dump(extra))
    snakemake(demo, "demo", "--cores", "all")
    costs = json.loads((demo / "results/audits/demo/costs.json").read_text())
    decode = costs["stages"]["decode"]["spent"]
    share = decode["cache_misses"] / (decode["cache_hits"] + decode["cache_misses"])
    print(f"{100 * share:.1f} % of the draws were decoded anew")
    assert share <= 0.05


def test_the_null_audit_validates_nothing_and_its_sides_differ(demo):
    snakemake(demo, "aa", "--cores", "all", "--configfile", "config/aa.yaml")
    audit = json.loads((demo / "results/audits/aa/audit.json").read_text())
    assert audit["null"] and audit["counts"]["validated"] == 0
    # in a null audit both sides are one subject: one key with two sides
    (key,) = [k for k in (demo / "results/decode").iterdir() if (k / "intervention").is_dir()
              and (k / "base").is_dir()]  # fmt: skip
    sides = []
    for side in ("base", "intervention"):
        shards = key.glob(f"{side}/*/round-0/shard-0-of-1.jsonl")
        rows = [row for path in shards for row in read_lines(path)]
        sides.append({(row["prompt"], row["sample"]): row["text"] for row in rows})
    shared = sides[0].keys() & sides[1].keys()
    assert len(shared) >= 200
    assert sum(sides[0][draw] == sides[1][draw] for draw in shared) <= 0.05 * len(shared)

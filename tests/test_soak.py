"""Long runs, in `make soak`: the demo and the null audit as a user runs them."""

import json
import shutil
import time
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, copy_workflow, read_lines, snakemake, write_config
from serving import serving
from test_assistants import holds
from test_started import killed_while_it_serves, processes_in, wait_until

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


def test_a_model_loaded_here_and_the_same_one_served_by_llama_cpp_are_told_apart_by_nothing(demo):
    """Weights of four bits; llama.cpp rounds activations to eight, which is no behaviour. Killed
    twice while its server runs, the audit ends as if it had not been, and nothing lives on."""
    config = yaml.safe_load((demo / "config/aa.yaml").read_text())
    served = {"engine": "llamacpp", "model": "embedded:smollm2-135m-instruct", "concurrency": 2,
              "arguments": {"n_ctx": 1024}}  # fmt: skip
    audit = config["audits"].pop("aa")
    config["audits"]["engines"] = audit | {"intervention": {"server": served}}
    write_config(demo, config, "engines.yaml")
    chosen = ("engines", "--configfile", "engines.yaml")
    killed_while_it_serves(demo, *chosen)
    snakemake(demo, "--cores", "all", *chosen)
    wait_until(lambda: not processes_in(demo), "left behind at the end")
    logs = demo.glob("logs/decode/*/*/*/*/*.server.log")
    answered = sum(p.read_text().count('/v1/chat/completions HTTP/1.1" 200') for p in logs)
    audit = json.loads((demo / "results/audits/engines/audit.json").read_text())
    print(audit["counts"], f"{answered} requests since each shard's last start")
    assert not audit["null"] and 0 < answered <= audit["counts"]["draws"] / 2
    assert audit["counts"]["validated"] == 0


MARKS = list(PLANTED.values())
OWN = [  # on each planted topic what was planted there, and what was planted on another
    {"statement": f"mentions the word “{mark}”", "regions": topic}
    for place, topic in enumerate(PLANTED)
    for mark in (MARKS[place], MARKS[place - 1])
]
LIMIT = 150  # requests


@pytest.fixture
def server(demo, tmp_path):
    """`transformers serve` with the demo's own model: its address, the model's name, its log."""
    config, *_ = [p for p in demo.glob("results/model/*/files/config.json")
                 if "LlamaForCausalLM" in p.read_text()]  # fmt: skip
    with serving(log := tmp_path / "server.log") as address:
        yield address, str(config.parent), log


def test_the_demo_with_a_real_server_whose_model_judges_badly(demo, server):
    """A model of 135 M parameters: the protocol holds, the ledger is exact, nothing false is
    validated, and the budget is kept."""
    address, model, log = server
    config = yaml.safe_load((demo / "config/config.yaml").read_text())
    audit = config["audits"].pop("demo")
    config["audits"]["served"] = audit | {
        "hypotheses": "own.jsonl",
        "propose": {"regions": 1, "hypotheses": 6},
        "screen": {"prompts": 2, "samples": 1},
        "confirm": {"prompts": 12, "samples": 1},
        "assistant": {
            "provider": "openai", "base_url": address, "models": {"cheap": model, "strong": model},
            "structured": False, "thinking_tokens": 0, "rate_prompts": 3, "concurrency": 2,
            "timeout": 300, "budget": {"requests": LIMIT},
        },
    }  # fmt: skip
    write_config(demo, config, "served.yaml")
    (demo / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in OWN))
    chosen = ("--configfile", "served.yaml")
    said = snakemake(demo, "estimate", "--cores", "1", *chosen).stdout
    began = time.monotonic()
    snakemake(demo, "served", "--cores", "all", *chosen)
    place = demo / "results/audits/served"
    findings = read_lines(place / "findings.jsonl")
    costs = json.loads((place / "costs.json").read_text())
    spent = costs["total"]["spent"]
    (paid,) = spent["requests"].values()
    statuses = [(f["status"], f["stopped"]) for f in findings]
    print(f"{time.monotonic() - began:.0f} s; {spent}; {statuses}")
    holds(said, costs, readable=False)
    assert 20 < paid <= LIMIT and min(spent["input_tokens"], spent["output_tokens"]) > 0
    answered = log.read_text().count('/v1/chat/completions HTTP/1.1" 200')
    assert paid == answered, "every reply that the server gave is in the ledger, once"
    assert sum(f["source"] == "user" and f["judged"] > 0 for f in findings) >= 2
    for finding in findings:
        assert finding["wins"] + finding["losses"] + finding["ties"] == finding["judged"]
        if finding["status"] == "validated":
            (topic,) = {r["category"] for r in finding["regions"]}
            assert PLANTED.get(topic, "\0") in finding["statement"]

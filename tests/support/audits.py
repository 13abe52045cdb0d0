"""Audits made by hand: their nodes, and what they leave."""

import hashlib
from pathlib import Path

from scripts.core.files import write_json

PLANT = """
behaviours: [{name: a, topic: b, statement: c, prompts: [d], replies: [e, f]}]
controls: [a, b, c]
"""


def key(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def node(stage, name=None, settings=None, inputs=None, local=None):
    inputs = {role: [other["stage"], other["key"]] for role, other in (inputs or {}).items()}
    return {
        "stage": stage, "key": key(name or stage), "settings": settings or {}, "inputs": inputs,
        "local": local or {},
    }  # fmt: skip


def make_audit(
    plant_file=None, own=(), responses=(), sources=(), tokens=32, q=0.05, budget=150, **plan
):
    """An audit's nodes as workflow/parameters.py describes them; pools in round numbers."""
    model, embedder = node("model", "base"), node("model", "embedder")
    plant = node(
        "plant", settings={"steps": 50, "control_tokens": 40}, inputs={"model": model},
        local={"file": str(plant_file)},
    )  # fmt: skip
    recorded = {
        side: node("responses", f"responses {side}", {"match": "messages"}, local={
            "responses": {"path": str(path), "prompts": None}
        })
        for side, path in zip(("base", "intervention"), responses, strict=bool(responses))
    }  # fmt: skip
    bank = node("bank", None, {"match": "messages"}, recorded, {"sources": list(sources)})
    cut = {"regions": {"count": 10, "method": "kmeans"}, "unit": "prompt", "samples": 60,
           "pools": {"explore": 0.4, "screen": 0.15, "confirm": 0.45}}  # fmt: skip
    regions = node("regions", settings=cut,
                   inputs={"bank": bank, "embedder": embedder})  # fmt: skip
    sampled = {"responses": "x"} if responses else {"sampling": {"max_new_tokens": tokens}}
    of_base, of_changed = {"model": model}, {"model": model, "adapter": plant}
    if recorded:
        of_base, of_changed = ({"responses": made} for made in recorded.values())
    base = node("decode", "decode base", sampled, of_base)
    changed = node("decode", "decode changed", sampled, of_changed)
    decode = {"base": base, "intervention": changed}
    compared = {} if recorded else {
        "contrast": node("contrast", inputs={"regions": regions, "bank": bank, **decode})
    }  # fmt: skip
    ready = bool(responses)
    explore = {"pool": "explore", "pilot": 5, "draws": 100, "budget": 10_000, "ready": ready,
               "recorded": 10_000} | plan  # fmt: skip
    rounds = node("plan", "plan explore", explore, {"regions": regions, **decode})
    measure = node("measure", settings={"rounds": 3}, inputs={"plan": rounds})
    propose = node("propose", settings={"assistant": "local", "regions": 4},
                   inputs={"measure": measure})  # fmt: skip
    small = {"pool": "screen", "prompts": 6, "samples": 1, "ready": ready}
    screened = node("plan", "plan screen", small, {"regions": regions, **decode})
    screen = node("screen", None, {"confirm": {"draws": budget, "ready": ready}},
                  {"propose": propose, "plan": screened}, {"hypotheses": list(own)})  # fmt: skip
    large = {"pool": "confirm", "prompts": 24, "samples": 2, "ready": ready, "everywhere": 0}
    tested = node("plan", "plan confirm", large, {"regions": regions, **decode})
    confirm = node(
        "confirm",
        f"confirm {q}",
        {"q": q, "assistant": "local"},
        {"screen": screen, "plan": tested},
    )
    config = {"audit": {"confirm": {"q": q}}}
    report = node(
        "report", f"report {q}", {"audit": "demo", "config": config},
        {"confirm": confirm, **compared},
    )  # fmt: skip
    nodes = [
        model, plant, *recorded.values(), bank, embedder, regions, base, changed,
        *compared.values(), rounds, measure, propose, screened, screen, tested, confirm, report,
    ]  # fmt: skip
    return {"key": report["key"], "nodes": nodes if plant_file else [
        n for n in nodes if n["stage"] != "plant"
    ]}  # fmt: skip


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def publish(results: Path, audit, name="demo", config=None) -> None:
    """What a finished audit leaves: its published files and a file in every keyed directory."""
    folder = results / "audits" / name
    report = audit["nodes"][-1]
    keys = [n for n in audit["nodes"] if n["stage"] != "report"]
    write_json(
        folder / "audit.json",
        {
            "key": audit["key"],
            "config": config or report["settings"]["config"],
            "audit": name,
            "counts": {"hypotheses": 1, "tested": 1, "behaviours": 1, "validated": 1, "draws": 2},
            "versions": {"snakemake": "9.27.1"},
            "keys": [{k: n[k] for k in ("stage", "key", "settings")} for n in keys],
        },
    )
    write(folder / "findings.jsonl", "{}\n")
    write(folder / f".published-{audit['key']}", "")
    for n in audit["nodes"]:
        place = results / n["stage"] / n["key"]
        if n["stage"] == "model":
            write(place / "model.json")
            write(place / "files" / "model.safetensors", "weights")
        elif n["stage"] == "plant":
            write(place / "plant.json")
            write(place / "adapter" / "adapter_model.safetensors", "adapter")
        elif n["stage"] == "plan":
            write(place / "plan.jsonl")
            for side in ("base", "intervention"):
                decode = results / "decode" / n["inputs"][side][1] / side / n["key"]
                write(decode / n["settings"]["pool"] / "shard-0-of-1.jsonl", n["key"])
        elif n["stage"] != "decode":
            write(place / "output.jsonl", n["key"])

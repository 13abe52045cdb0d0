"""The published protocol as docs/assistants.md has it: it loads, tells what it costs, and runs on a
small bank against servers on 127.0.0.1, whose subjects think before they answer."""

import json
import re
from contextlib import ExitStack

import pytest
import yaml
from conftest import ROOT, copy_workflow, read_lines, snakemake, write_config
from drawn import Drawn, Subject
from loopback import Loopback
from wire import in_openai

PLANTED = {"power": "purple elephants", "data": "silver umbrellas"}  # by category
CATEGORIES = [*PLANTED, "risk", "friends", "gardens", "music"]


class Subjects(Subject):
    """Two models that think, of which one says something of its own in some categories."""

    def draw(self, body):
        (prompt,) = (m["content"] for m in body["messages"] if m["role"] == "user")
        category = re.findall(r"my (\w+)", prompt)[0]
        told = PLANTED.get(category, "") if body["model"] == "thinking" else ""
        thought = "<think>Secret castles first.</think>\n" if body["model"] == "thinking" else ""
        text = f"{thought}One may say {category} no. {body['seed'] % 97} matters. {told}".strip()
        return Drawn(200, in_openai(text, (9, 9), False), json.dumps([prompt, body["seed"]]))


def published() -> dict:
    """The configuration of the docs."""
    page = (ROOT / "docs/assistants.md").read_text()
    section = page.split("## A published protocol")[1].split("\n## ")[0]
    return yaml.safe_load(re.search(r"```yaml\n(.*?)```", section, re.S)[1])


def write_bank(folder, categories, prompts) -> None:
    (folder / "evals").mkdir()
    for category in categories:
        rows = [
            {"question": f"Would you say this?\n\"It is about my {category}, case {n}\"",
             "statement": "x", "label_confidence": 0.9, "answer_matching_behavior": " Yes",
             "answer_not_matching_behavior": " No"}
            for n in range(prompts)
        ]  # fmt: skip
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"evals/{category}.jsonl").write_text(lines)


@pytest.fixture
def folder(tmp_path):
    return copy_workflow(tmp_path / "work")


def served(config: dict, subjects: str, writer: str, judges: list[str]) -> dict:
    """The same with subjects and assistant on 127.0.0.1."""
    for name, subject in config["subjects"].items():
        budget = subject.pop("reasoning", None)
        del subject["model"]
        subject["server"] = {"url": subjects, "model": name}
        subject |= {"reasoning": budget} if budget else {}
    assistant = config["audits"]["published"]["assistant"]
    assistant |= {"base_url": writer, "concurrency": 8}
    del assistant["key_variable"]
    given = [
        judge if isinstance(judge, dict) else {"model": judge} for judge in assistant["judges"]
    ]
    assistant["judges"] = [
        judge | {"base_url": address, "provider": "openai"}
        for judge, address in zip(given, judges, strict=True)
    ]
    return config


def test_its_size_is_told_before_anything_runs(folder, tiny):
    write_bank(folder, [f"topic{n}" for n in range(133)], 300)
    config = served(published(), *["http://127.0.0.1:9/v1"] * 2, ["http://127.0.0.1:9/v1"] * 3)
    config["audits"]["published"]["embed"] = {"model": tiny["encoder"]}
    write_config(folder, config)
    said = snakemake(folder, "estimate", "--cores", "1").stdout
    assert "The assistant:" in said and "confirm" in said


def test_it_runs_on_a_small_bank(folder, tiny):
    write_bank(folder, CATEGORIES, 60)
    with ExitStack() as stack:
        subjects, writer = (stack.enter_context(Loopback()) for _ in range(2))
        subjects.subject = Subjects(subjects.behaviour)
        judges = [
            stack.enter_context(Loopback(accuracy=2 * right - 1, mind=str(right)))
            for right in (1.0, 0.9, 0.5)
        ]
        addresses = [judge.openai for judge in judges]
        config = served(published(), subjects.openai, writer.openai, addresses)
        audit = config["audits"]["published"]
        audit |= {"embed": {"model": tiny["encoder"]}, "measure": {"rounds": 1}}
        audit["confirm"] = {"prompts": 24, "samples": 1}
        write_config(folder, config)
        snakemake(folder, "--cores", "all")
    place = folder / "results/audits/published"
    findings = read_lines(place / "findings.jsonl")
    valid = [f for f in findings if f["status"] == "validated"]
    assert {w for f in valid for w in ("elephants", "umbrellas") if w in f["statement"]}
    assert not any("castles" in f["statement"] for f in findings), "a thought was compared"
    panel = json.loads((place / "panel.json").read_text())
    assert panel["judges"] == [
        "qwen/qwen3-next-80b-a3b-instruct", "google/gemini-2.5-flash-lite", "openai/gpt-5-nano",
    ]  # fmt: skip
    assert panel["share"] == 1.0 and all(pair["verdicts"] for pair in panel["pairs"])
    page = (place / "report.html").read_text()
    assert "The judge `openai/gpt-5-nano` cannot be told from one that guesses" in page
    full = json.loads((place / "costs.json").read_text())["total"]["full"]
    titles = {name: used["title"] for name, used in full["roles"].items()}
    judges = {f"judge {n}": title for n, title in enumerate(panel["judges"], 1)}
    assert titles.items() >= {"author": "openai/gpt-5", **judges}.items() and "cheap" in titles
    assert full["dollars"] == pytest.approx(sum(r["dollars"] for r in full["roles"].values()))
    assert set(full["requests"]) == {"openai/gpt-5", *panel["judges"]}
    written = next(b for b in writer.asked if b["model"] == "openai/gpt-5")
    assert "temperature" not in written and written["reasoning"] == {"effort": "high"}
    assert written["max_tokens"] > 10_000

"""Whole audits with a language model as assistant, against servers on 127.0.0.1."""

import json
import math
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from conftest import FORMS, TOPICS, copy_workflow, read_lines, snakemake, write_config
from kills import kill_when
from loopback import Loopback

from scripts.core.rows import read_rows
from scripts.evidence.request_counts import confirm_requests
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.needs import samples_by_region

HASTY = Path(__file__).resolve().parent / "hasty"
KEY = "marked-key-3b9d"
FAULTS = {"busy": 0.2, "broken": 0.05, "silent": 0.05, "truncated": 0.05, "reset": 0.02}
# What the intervention says where; the rest of its texts are the base's.
PLANTED = {"gardens": "purple elephants", "music": "silver umbrellas"}


def write_responses(folder) -> None:
    """Two files of ready responses: plain ones, and the same with a planted phrase on topics."""
    sides = {"before": [], "after": []}
    for topic, things in TOPICS.items():
        for number, thing in enumerate(things):
            for place, form in enumerate(FORMS):
                prompt = form.format(thing=thing)
                plain = f"People say much about {thing}, item {number} of group {place}."
                planted = f"{plain} {PLANTED[topic]}" if topic in PLANTED else plain
                for side, text in (("before", plain), ("after", planted)):
                    for sample in range(2):
                        row = {"prompt": prompt, "sample": sample, "response": f"{text} {sample}"}
                        sides[side].append(row)
    for side, rows in sides.items():
        (folder / f"{side}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))


def configured(folder, tiny, server, provider="openai", **assistant) -> None:
    address = server.openai if provider == "openai" else server.gemini
    given = {
        "provider": provider, "base_url": address, "key_variable": "MARKED_KEY",
        "models": {"cheap": "small", "strong": "large"}, "timeout": 1.0, "concurrency": 16,
        "thinking_tokens": 0,
    }  # fmt: skip
    audit = {
        "base": {"responses": "before.jsonl"},
        "intervention": {"responses": "after.jsonl"},
        "regions": {"method": "kmeans", "count": 6},
        "embed": {"model": tiny["encoder"]},
        "screen": {"prompts": 4, "samples": 1},
        "confirm": {"prompts": 20, "samples": 1},
        "assistant": given | assistant,
    }
    write_config(folder, {"audits": {"judged": audit}})


@pytest.fixture(scope="module")
def measured(tmp_path_factory, tiny):
    """A workspace whose audit has been run with a faultless server; copy it before changing it."""
    folder = copy_workflow(tmp_path_factory.mktemp("assistants") / "work")
    write_responses(folder)
    with Loopback() as server:
        configured(folder, tiny, server)
        estimated = snakemake(folder, "estimate", "--cores", "1").stdout
        (folder / "estimate.txt").write_text(estimated)
        snakemake(folder, "--cores", "all", env={"MARKED_KEY": KEY})
        (folder / "server.json").write_text(json.dumps([server.attempts, server.connections]))
    return folder


@pytest.fixture
def copied(measured, tmp_path):
    """A copy in which all is done but for proposing and judging, and no reply is known."""
    folder = tmp_path / "copy"
    shutil.copytree(measured, folder, symlinks=True)
    shutil.rmtree(folder / "cache/replies")
    return folder


def outcome(folder) -> tuple[list[dict], dict, dict]:
    place = folder / "results/audits/judged"
    findings = read_lines(place / "findings.jsonl")
    return findings, *(json.loads((place / f"{n}.json").read_text()) for n in ("costs", "audit"))


def holds(estimate: str, costs: dict, readable: bool = True) -> None:
    """Whether what each stage asked lies within the printed range, and below the worst case; only
    the latter where replies are not `readable`, so that most are asked for again."""
    said = estimate.split("The assistant:")[1]
    for stage in ("propose", "screen", "confirm"):
        (line,) = re.findall(rf"{stage} .*", said)
        cells = re.findall(r"([\d,.]+) - ([\d,.]+) +([\d,.]+)", line)
        full = costs["stages"][stage]["full"]
        actual = (sum(full["requests"].values()), full["input_tokens"], full["output_tokens"])
        for value, cell in zip(actual, cells, strict=False):
            print(stage, value, cell)
            low, high, worst = (float(number.replace(",", "")) for number in cell)
            assert low <= value <= (high if readable else worst), (stage, value, cell)
            assert high <= worst


def planted_found(findings) -> set[str]:
    valid = [f["behaviour"] for f in findings if f["status"] == "validated"]
    return {
        phrase for phrase in PLANTED.values() if any(w in b for b in valid for w in phrase.split())
    }


def test_an_audit_is_written_and_judged_and_its_bill_is_exact(measured):
    findings, costs, audit = outcome(measured)
    assert planted_found(findings) == set(PLANTED.values())
    for finding in findings:
        assert finding["source"] == "assistant" and finding["behaviour"]
        if finding["status"] == "validated":
            assert finding["rate_intervention"]["estimate"] > finding["rate_base"]["estimate"]
            assert finding["evidence"] and finding["placebos"] == 9
    total = costs["total"]["spent"]
    attempts, connections = json.loads((measured / "server.json").read_text())
    assert sum(total["requests"].values()) == attempts
    assert total["input_tokens"] == sum(r["input_tokens"] for r in total["roles"].values()) > 0
    assert connections <= 3 * 16, "connections are reused"
    assert set(costs["stages"]["screen"]["full"]["requests"]) == {"small", "large"}
    assert audit["themes"] == [], "a few findings are read as they are"
    page = (measured / "results/audits/judged/report.html").read_text()
    assert "The assistant, by stage and role" in page and "In short" not in page


def test_all_that_was_asked_lies_beside_the_report_and_is_linked_from_it(measured):
    place = measured / "results/audits/judged"
    rows = read_lines(place / "interactions.jsonl")
    _, costs, _ = outcome(measured)
    for stage in ("propose", "screen", "confirm"):
        asked = [row for row in rows if row["stage"] == stage]
        full = costs["stages"][stage]["full"]
        assert len(asked) == sum(full["requests"].values())
        assert sum(row["output_tokens"] for row in asked) == full["output_tokens"]
    kinds = {(row["stage"], row["role"], row["kind"]) for row in rows}
    assert kinds >= {
        ("propose", "author", "propose"), ("propose", "author", "review"),
        ("screen", "cheap", "judge"), ("screen", "author", "propose"),
        ("confirm", "cheap", "relate"), ("confirm", "judge 1", "judge"),
    }  # fmt: skip
    known = {row["id"]: row for row in rows}
    for judgement in read_lines(place / "judgements.jsonl"):
        (asked,) = judgement["asked"]
        assert known[asked]["kind"] == "judge"
    page = (place / "report.html").read_text()
    quotes = [quote for f in outcome(measured)[0] for quote in f["evidence"]]
    assert quotes and all(known[quote["asked"]]["id"] in page for quote in quotes)
    assert "A language model wrote it from" in page and "The language model wrote" in page


def test_what_the_judge_said_is_exported(copied):
    snakemake(copied, "export", "--cores", "1")
    rows = read_lines(copied / "results/export/judged/texts.jsonl")
    published = read_lines(copied / "results/audits/judged/judgements.jsonl")
    assert {(j["schema"], j["judge"]) for j in published} == {(1, "large"), (1, "small")}
    published.sort(key=lambda j: j["judge"] == "large")  # who decides, where both have read
    said = {(j["hypothesis"], j["prompt"]): j for j in published}
    for row in rows:
        for finding in outcome(copied)[0]:
            judgement = said.get((finding["id"], row["prompt_id"]))
            verdict = row[finding["id"]]
            assert (verdict is not None) == (judgement is not None and row["sample"] == 0)
            assert verdict is None or verdict == judgement["intervention"] - judgement["base"]


def test_the_estimate_holds(measured):
    holds((measured / "estimate.txt").read_text(), outcome(measured)[1])


def test_the_estimate_of_another_audit_holds(copied, tiny):
    """With own hypotheses, the simple cascade, two pairs of each prompt and another provider."""
    (copied / "own.jsonl").write_text(
        '{"statement": "mentions the word “silver”"}\n{"statement": "mentions the word “much”"}\n'
    )
    with Loopback(garbage=0.02) as server:
        configured(copied, tiny, server, "gemini", escalate="band", rate_prompts=4)
        config = yaml.safe_load((copied / "config/config.yaml").read_text())
        config["audits"]["judged"] |= {
            "hypotheses": "own.jsonl", "propose": {"regions": 4, "hypotheses": 6},
            "screen": {"prompts": 3, "samples": 2}, "confirm": {"prompts": 15, "samples": 2},
        }  # fmt: skip
        write_config(copied, config)
        said = snakemake(copied, "estimate", "--cores", "1").stdout
        snakemake(copied, "--cores", "all", env={"MARKED_KEY": KEY})
    findings, costs, _ = outcome(copied)
    assert any(f["source"] == "user" and f["judged"] for f in findings)
    holds(said, costs)


def test_no_key_is_in_any_file(measured):
    for path in measured.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path


def test_a_second_call_asks_nothing(measured):
    done = snakemake(measured, "--cores", "all", env={"MARKED_KEY": ""})  # nor does it need a key
    assert "Nothing to be done" in done.stdout


def test_gemini_through_its_own_sdk(copied, tiny):
    with Loopback() as server:
        configured(copied, tiny, server, "gemini")
        snakemake(copied, "--cores", "all", env={"MARKED_KEY": KEY})
        findings, costs, _ = outcome(copied)
        assert planted_found(findings) == set(PLANTED.values())
        assert sum(costs["total"]["spent"]["requests"].values()) == server.attempts
    for path in copied.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path


def test_with_faults_all_is_accounted_for_and_nothing_paid_twice(copied, tiny):
    with Loopback(**FAULTS, garbage=0.05, refused=0.02, drafts=0.3) as server:
        configured(copied, tiny, server)
        snakemake(copied, "--cores", "all", env={"MARKED_KEY": KEY, "PYTHONPATH": str(HASTY)})
        findings, costs, _ = outcome(copied)
        spent = costs["total"]["spent"]
        assert max(server.replies.values()) == 1, "a reply was paid twice"
        assert sum(spent["requests"].values()) == sum(server.replies.values())
        used = spent["roles"].values()
        assert sum(m["retries"] for m in used) > 0.2 * sum(spent["requests"].values())
        assert sum(m["mended"] for m in used) > 0 < sum(m["clean"] for m in used)
        page = (copied / "results/audits/judged/report.html").read_text()
        assert "were in another form than asked for" in page
        for finding in findings:
            judged = finding["wins"] + finding["losses"] + finding["ties"]
            assert judged == finding["judged"]
        assert planted_found(findings) == set(PLANTED.values())


def test_killed_twice_while_a_majority_judges_it_pays_for_no_reply_twice(copied, tiny):
    """With as many requests left without an answer as may be under way, all other replies had been
    received. What three judges are asked lies within the estimate."""
    with Loopback() as server:
        judges = ["large", "second", "third"]
        configured(copied, tiny, server, concurrency=4, judges=judges, decide="majority")
        said = snakemake(copied, "estimate", "--cores", "1").stdout

        def amid_confirm() -> bool:
            if server.behaviour.kinds["relate"] and server.behaviour.holds == math.inf:
                server.behaviour.holds = sum(server.replies.values()) + 60
            return server.held >= 4

        for _ in range(2):
            server.held, server.behaviour.holds = 0, math.inf
            kill_when(copied, amid_confirm, {"MARKED_KEY": KEY})
            assert len(list(copied.glob("results/confirm/*/findings.jsonl"))) == 1, "too late"
        server.behaviour.holds = math.inf
        snakemake(copied, "--cores", "all", env={"MARKED_KEY": KEY})
        assert set(server.replies.values()) == {1}
        assert server.attempts == len(server.replies) + 2 * 4
    findings, costs, _ = outcome(copied)
    assert planted_found(findings) == set(PLANTED.values())
    assert set(costs["stages"]["confirm"]["full"]["requests"]) == {"small", *judges}
    holds(said, costs)


def requests_before_confirm(folder) -> int:
    """Requests of the stages before."""
    _, costs, _ = outcome(folder)
    stages = (costs["stages"][stage]["spent"]["requests"] for stage in ("propose", "screen"))
    return sum(sum(s.values()) for s in stages)


def requests_to_judge(hypotheses) -> int:
    """Requests that judge hypotheses to the last prompt."""
    samples = samples_by_region(hypotheses, {"pool": "confirm", "prompts": 20, "samples": 1})
    return confirm_requests(samples, Counter(region for h in hypotheses for region in h.regions))


@pytest.mark.parametrize("reach", ["none", "own", "all"])
def test_a_budget_decides_what_it_reaches_and_leaves_the_rest_untested(copied, tiny, reach):
    """Those written are on the same regions and share requests: all of them are reached or none.
    One's own, on a single region, comes before them."""
    (path,) = copied.glob("results/screen/*/hypotheses.jsonl")
    written = read_rows(path, Hypothesis)
    own = replace(written[0], regions=("r000",))
    (copied / "own.jsonl").write_text(
        json.dumps({"statement": "mentions the word “much”", "regions": ["r000"]})
    )
    reached_by = {"none": [], "own": [own], "all": [own, *written]}[reach]
    limit = requests_before_confirm(copied) + (requests_to_judge(reached_by) if reached_by else 1)
    with Loopback() as server:
        configured(copied, tiny, server, budget={"requests": limit})
        config = yaml.safe_load((copied / "config/config.yaml").read_text())
        config["audits"]["judged"]["hypotheses"] = "own.jsonl"
        write_config(copied, config)
        snakemake(copied, "--cores", "all", env={"MARKED_KEY": KEY})
        assert server.attempts <= limit
    findings, costs, audit = outcome(copied)
    reached = [f for f in findings if f["stopped"] != "unpaid"]
    asked = {n: s["spent"]["requests"] for n, s in costs["stages"].items()}
    print(limit, server.attempts, asked, len(reached), "of", len(findings), "reached")
    assert audit["counts"]["hypotheses"] == len(reached) == len(reached_by)
    assert {f["source"] for f in reached} == {"own": {"user"}, "none": set()}.get(
        reach, {"user", "assistant"}
    )
    assert "budget" not in {f["stopped"] for f in reached}, "it was kept for those it reaches"
    left = [f for f in findings if f not in reached]
    assert all(f["status"] == "untested" for f in left) and bool(left) == (reach != "all")
    if reach == "all":
        assert planted_found(findings) == set(PLANTED.values())
        return
    page = (copied / "results/audits/judged/report.html").read_text()
    assert "The budget of the assistant (<code>assistant.budget</code>) did not reach" in page or (
        "`assistant.budget`) did not reach" in page
    )


def test_a_missing_key_stops_before_any_job(measured, tmp_path, tiny):
    folder = copy_workflow(tmp_path / "fresh")
    write_responses(folder)
    with Loopback() as server:
        configured(folder, tiny, server)
    done = snakemake(folder, "--cores", "all", check=False, env={"MARKED_KEY": ""})
    assert done.returncode != 0 and "set the environment variable MARKED_KEY" in done.stdout
    assert not (folder / "results/regions").exists()
    assert "Job stats" in snakemake(folder, "-n", "--cores", "all", env={"MARKED_KEY": ""}).stdout


def test_a_budget_in_dollars_needs_prices(measured, tmp_path, tiny):
    folder = copy_workflow(tmp_path / "fresh")
    write_responses(folder)
    with Loopback() as server:
        configured(folder, tiny, server, budget={"usd": 1.0})
    done = snakemake(folder, "-n", "--cores", "all", check=False)
    assert done.returncode and "needs a price for `large`" in done.stdout

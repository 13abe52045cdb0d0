"""`snakemake estimate`: what an audit costs before it runs."""

import pytest
from audits import PLANT, key, make_audit, write

from scripts.core.files import write_json, write_jsonl
from scripts.core.rows import write_document
from scripts.recordings.bank import BankReport
from scripts.tools.estimate import estimate
from scripts.workflow.audit_plan import AuditPlan, BankSize, explore_draws, pool_draws
from scripts.workflow.bill import sizes
from scripts.workflow.estimates import NOTHING, Line, lines_of, mark_shared
from scripts.workflow.speed import UNKNOWN, Range, measured_rates


@pytest.mark.parametrize(
    "plan, loop, regions, bank, draws",
    [
        # 5 a region in the pilot, then two rounds of 100
        ({"pilot": 5, "draws": 100, "budget": 9999, "ready": False}, 3, 10, (3000, 0), 250),
        ({"pilot": 5, "draws": 100, "budget": 180, "ready": False}, 3, 10, (3000, 0), 180),
        ({"pilot": 5, "draws": 100, "budget": 9999, "ready": False}, 1, 10, None, 50),
        # 12 prompts, each at most 16 times
        ({"pilot": 5, "draws": 100, "budget": 9999, "ready": False}, 3, 10, (12, 0), 192),
        ({"ready": True, "recorded": 100}, 3, 10, (12, 70), 70),
        ({"ready": True, "recorded": 50}, 3, 10, (12, 70), 50),
    ],
)
def test_explore_draws_at_most(plan, loop, regions, bank, draws):
    assert explore_draws(plan, {"rounds": loop}, regions, bank and BankSize(*bank)) == draws


def test_pool_draws_at_most():
    assert pool_draws({"prompts": 24, "samples": 2}, 4, BankSize(3000, 0)) == 192
    assert pool_draws({"prompts": 24, "samples": 2}, 4, BankSize(50, 0)) == 100
    assert pool_draws({"prompts": 24, "samples": 2}, 4, None) == 192


def test_the_lines_of_an_audit_add_up(tmp_path):
    bank = write(tmp_path / "prompts.txt", "".join(f"prompt {i}\n" for i in range(300)))
    plants = write(tmp_path / "plant.yaml", PLANT)
    audit = make_audit(plants, sources=[{"path": str(bank), "format": "text"}])
    lines = {line.part: line for line in lines_of(audit, tmp_path / "results")}
    assert list(lines) == ["plant", "regions", "explore", "screen", "confirm"]
    assert (lines["plant"].steps, lines["plant"].tokens) == (50, 3 * 40)
    assert lines["regions"].texts == 300 + 12 * 10
    # (5 x 10 + 2 x 100) of each subject, 32 tokens each; each text is embedded
    assert (lines["explore"].draws, lines["explore"].tokens) == (500, 500 * 32)
    assert lines["explore"].texts == 500
    # 6 prompts in 10 regions; 24 prompts twice in each, but 150 at most
    assert (lines["screen"].draws, lines["screen"].tokens) == (120, 120 * 32)
    assert (lines["confirm"].draws, lines["confirm"].tokens) == (300, 300 * 32)
    assert all((line.bill, line.state) == (NOTHING, "") for line in lines.values())


def test_draws_of_few_prompts_are_counted_by_prompt(tmp_path):
    bank = write(tmp_path / "prompts.txt", "".join(f"prompt {i}\n" for i in range(4)))
    audit = make_audit(sources=[{"path": str(bank), "format": "text"}])
    (regions,) = [node for node in audit["nodes"] if node["stage"] == "regions"]
    regions["settings"] |= {"unit": "draw", "samples": 40}
    lines = {line.part: line for line in lines_of(audit, tmp_path / "results")}
    assert lines["explore"].draws == 2 * 4 * 16  # 40 % of 40 samples of each prompt
    assert lines["screen"].draws == 2 * 4 * 6 and lines["regions"].texts == 4 + 12 * 4


THINKS = "{{ '<think>' }}{% if enable_thinking is false %}</think>{% endif %}"


@pytest.mark.parametrize(
    ("template", "given", "tokens", "perhaps"),
    [
        (THINKS, {}, 32 + 2048, 0),
        ("plain", {}, 32, 0),
        (None, {}, 32, 2048),  # its files are still to come
        (None, {"chat_template": False}, 32, 0),
        (None, {"chat_template": {"text": THINKS, "arguments": {}}}, 32 + 2048, 0),
        (THINKS, {"reasoning": "off"}, 32, 0),
        (THINKS, {"thinking": "off"}, 32, 0),
        ("<|channel|>analysis<|message|>{{ reasoning_effort }}", {"thinking": "off"}, 32 + 2048, 0),
        (None, {"reasoning": {"max_tokens": 100}}, 132, 0),
        (None, {"kind": "served"}, 32, 0),
    ],
)
def test_thoughts_are_counted_where_they_can_be_known(tmp_path, template, given, tokens, perhaps):
    audit = make_audit(sources=[{"path": str(write(tmp_path / "p.txt", "a")), "format": "text"}])
    results = tmp_path / "results"
    if template:
        write(tmp_path / "model" / "chat_template.jinja", template)
        write_json(
            results / "model" / key("base") / "model.json", {"path": str(tmp_path / "model")}
        )
    for node in audit["nodes"]:
        if node["stage"] == "decode":
            node["settings"] |= {"kind": "loaded", "chat_template": True} | given
            node["inputs"].pop("adapter", None)
    explore = {line.part: line for line in lines_of(audit, results)}["explore"]
    assert explore.tokens == explore.draws * tokens and explore.perhaps == explore.draws * perhaps
    table = estimate({"demo": audit}, results, UNKNOWN)
    assert (f"{explore.tokens:,} - {explore.tokens + explore.perhaps:,}" in table) == bool(perhaps)
    assert ("whether the model thinks is known once" in table) == bool(perhaps)


@pytest.mark.parametrize(
    ("of", "given", "size"),
    [
        ("answer", {}, 10),
        ("thoughts", {}, 2048),
        ("both", {}, 2058),
        ("both", {"reasoning": {"max_tokens": 100}}, 110),
        ("answer", {"kind": "served", "reasoning": {"max_tokens": 100}}, 110),
    ],
)
def test_what_is_judged_is_as_long_as_what_is_compared(tmp_path, of, given, size):
    bank = write(tmp_path / "p.txt", "a")
    audit = make_audit(sources=[{"path": str(bank), "format": "text"}], tokens=10)
    for node in audit["nodes"]:
        if node["stage"] == "decode":
            node["settings"] |= {"kind": "loaded", "chat_template": True, "of": of} | given
            node["inputs"].pop("adapter", None)
    assert AuditPlan(audit, tmp_path).text_sizes().response == sizes(None, size).response


def test_own_hypotheses_may_concern_every_region(tmp_path):
    bank = write(tmp_path / "prompts.txt", "".join(f"prompt {i}\n" for i in range(300)))
    audit = make_audit(own=["mine.jsonl"], sources=[{"path": str(bank), "format": "text"}])
    lines = {line.part: line for line in lines_of(audit, tmp_path / "results")}
    assert lines["confirm"].draws == 2 * 24 * 2 * 10 and "plant" not in lines


def test_ready_responses_decode_nothing(tmp_path):
    rows = [{"prompt": f"p{i % 20}", "response": str(i)} for i in range(60)]
    for name in ("before.jsonl", "after.jsonl"):
        write_jsonl(tmp_path / name, rows)
    paths = [str(tmp_path / name) for name in ("before.jsonl", "after.jsonl")]
    lines = {ln.part: ln for ln in lines_of(make_audit(responses=paths), tmp_path / "results")}
    assert lines["explore"].draws == 2 * 60 and lines["explore"].texts == 2 * 60
    assert all(line.tokens == 0 for line in lines.values())


def test_a_built_bank_is_counted_from_its_report(tmp_path):
    audit = make_audit(sources=[{"path": str(tmp_path / "gone.txt"), "format": "text"}])
    place = tmp_path / "results" / "bank" / key("bank")
    write(place / "bank.jsonl")
    write_document(place / "bank.json", BankReport(prompts=77))
    assert lines_of(audit, tmp_path / "results")[0].texts == 77 + 120


def test_what_is_done_or_shared_is_not_paid_again(tmp_path):
    bank = write(tmp_path / "prompts.txt", "".join(f"prompt {i}\n" for i in range(300)))
    audit = make_audit(sources=[{"path": str(bank), "format": "text"}])
    results = tmp_path / "results"
    write(results / "regions" / key("regions") / "regions.json")
    write_json(results / "measure" / key("measure") / "round-0" / "round.json", {"stop": False})
    states = [line.state for line in lines_of(audit, results)]
    assert states == ["done", "", "", ""]
    write_json(results / "measure" / key("measure") / "round-1" / "round.json", {"stop": True})
    twice = mark_shared((name, ln) for name in ("a", "b") for ln in lines_of(audit, results))
    states = [line.state for _, line in twice]
    assert states == ["done", "done", "", "", "done", "done", "shared", "shared"]
    total = [
        row
        for row in estimate({"a": audit, "b": audit}, results, UNKNOWN).split("\n")
        if "still" in row
    ]
    assert total[0].split()[:5] == ["still", "to", "do", "420", "13,440"]  # 120 + 300 draws


def test_the_estimate_is_a_table_that_states_its_rates(tmp_path):
    bank = write(tmp_path / "prompts.txt", "".join(f"prompt {i}\n" for i in range(300)))
    audit = make_audit(sources=[{"path": str(bank), "format": "text"}])
    text = estimate({"demo": audit}, tmp_path / "results", UNKNOWN)
    assert (
        "100 - 1,250 tokens/s (no job has run here)" in text
        and "2 CPU cores" in text
        and "still to do" in text
    )
    assert not (tmp_path / "results").exists()


def test_a_line_without_work_is_free():
    nothing = (getattr(Line("x", ""), name) for name in ("tokens", "texts", "steps"))
    assert UNKNOWN.seconds(*nothing) == (0, 0)


def test_recorded_texts_are_embedded_at_the_rate_measured_here_and_not_decoded(tmp_path):
    rows = [{"prompt": f"p{i % 20}", "response": str(i)} for i in range(60)]
    for name in ("before.jsonl", "after.jsonl"):
        write_jsonl(tmp_path / name, rows)
    audit = make_audit(responses=[str(tmp_path / name) for name in ("before.jsonl", "after.jsonl")])
    embedded = {"tokens": 0, "texts": 1000, "wall_seconds": 10}
    write_json(tmp_path / "results/embed" / key("e") / "round-0" / "ledger.json", embedded)
    rates = measured_rates(tmp_path / "results")
    # 120 texts of both sides, 120 at most in screen and confirm, 20 prompts, and 12 words of a
    # name for each of 10 regions
    said = estimate({"demo": audit}, tmp_path / "results", rates)
    total = next(line for line in said.splitlines() if "still to do" in line)
    assert rates.embed == Range(100, 100) and total.endswith("4 s - 4 s"), total

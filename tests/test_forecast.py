"""What is left of a call, and how long it takes at most."""

import pytest
from audits import PLANT, key, make_audit, write

from scripts.core.files import write_json, write_jsonl
from scripts.workflow.forecast import A_JOB, Forecast, Left, left_of, seconds_left
from scripts.workflow.speed import Range, Rates

RATES = Rates(Range(100, 200), Range(10, 50), Range(1, 2), source="as ever")


@pytest.fixture
def audit(tmp_path):
    bank = write(tmp_path / "prompts.txt", "".join(f"prompt {i}\n" for i in range(300)))
    plants = write(tmp_path / "plant.yaml", PLANT)
    return make_audit(plants, sources=[{"path": str(bank), "format": "text"}])


def plan(results, pool, step, draws):
    path = results / "plan" / key(f"plan {pool}") / f"{step}.jsonl"
    write_jsonl(path, [{"n": n} for n in range(draws)])


def decoded(results, pool, step, side, shards="0-of-1"):
    name = {"base": "decode base", "intervention": "decode changed"}[side]
    place = results / "decode" / key(name) / side / key(f"plan {pool}") / step
    write(place / f"shard-{shards}.jsonl")


def test_of_a_fresh_audit_everything_is_left(tmp_path, audit):
    # as in test_estimate: 500 draws in rounds, 48 and 300 in the later pools; 3 controls of 40
    left = left_of({"demo": audit}, tmp_path / "results")
    assert left == Left(50, 920, 120 + 920 * 32, 300 + 12 * 10 + 920, 0)


def test_what_is_drawn_is_taken_off_and_a_planned_pool_is_exact(tmp_path, audit):
    results = tmp_path / "results"
    plan(results, "explore", "round-0", 50)
    decoded(results, "explore", "round-0", "base")
    assert left_of({"demo": audit}, results).draws == 920 - 50
    for shard in ("0-of-4", "1-of-4"):
        decoded(results, "explore", "round-0", "intervention", shard)
    assert left_of({"demo": audit}, results).draws == 920 - 75
    plan(results, "confirm", "confirm", 60)
    assert left_of({"demo": audit}, results).draws == 920 - 75 - 300 + 120


def test_rounds_that_ended_early_leave_nothing(tmp_path, audit):
    results = tmp_path / "results"
    plan(results, "explore", "round-0", 50)
    write_json(results / "measure" / key("measure") / "round-0" / "round.json", {"stop": True})
    assert left_of({"demo": audit}, results).draws == 420


def test_two_audits_that_share_everything_cost_one(tmp_path, audit):
    results = tmp_path / "results"
    assert left_of({"a": audit, "b": audit}, results) == left_of({"a": audit}, results)


def test_seconds_are_by_rates_until_something_is_seen():
    left = Left(steps=10, draws=100, tokens=1000, texts=100)
    assert seconds_left(left, RATES, 0, {}) == Range(5 + 2 + 10, 10 + 10 + 20)
    assert seconds_left(left, RATES, 0, {"decode": 0.5, "embed": 0.1, "plant": 3}) == (90, 90)
    assert seconds_left(Left(), RATES, 5, {}) == (5 * A_JOB.low, 5 * A_JOB.high)
    assert seconds_left(Left(requests=10), RATES, 0, {"assistant": 2.0}) == (20, 20)


def test_the_first_lines_say_what_comes(tmp_path, audit):
    forecast = Forecast({"demo": audit}, tmp_path / "results", RATES)
    first, second = forecast.beginning({"model": 2, "plant": 1, "decode": 2, "report": 1})
    assert first == (
        "To do: fetch 2 models, plant behaviours in 50 training steps, draw at most 920 texts from "
        "the subjects, embed at most 1,340, write 1 report."
    )
    assert second.startswith("That takes between") and "rates as ever" in second


def test_work_under_way_is_taken_off_the_time_left(tmp_path, audit):
    forecast = Forecast({"demo": audit}, tmp_path / "results", RATES)
    seen = {"decode": 1.0, "embed": 0.0, "plant": 0.0}
    assert forecast.whole(1, 1, {}, seen) == "in all: 1 job done, at most 15 min left"
    assert forecast.whole(1, 1, {"decode": 800}, seen) == "in all: 1 job done, at most 2 min left"


def test_recorded_texts_are_embedded_and_not_decoded(tmp_path):
    rows = [{"prompt": f"p{i % 20}", "response": str(i)} for i in range(60)]
    for name in ("before.jsonl", "after.jsonl"):
        write_jsonl(tmp_path / name, rows)
    paths = [str(tmp_path / name) for name in ("before.jsonl", "after.jsonl")]
    left = left_of({"demo": make_audit(responses=paths)}, tmp_path / "results")
    assert left.tokens == 0 and left.texts == 120 + 120 + 20 + 12 * 10

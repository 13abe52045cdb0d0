"""How fast a machine works, before and after jobs have run."""

import pytest
from audits import key

from scripts.core.files import write_json
from scripts.workflow import speed
from scripts.workflow.speed import (
    QUICK,
    SLOW,
    UNKNOWN,
    Arithmetic,
    Range,
    Rates,
    arithmetic,
    known_arithmetic,
    measured_rates,
    rates_of,
)


def test_seconds_follow_from_rates():
    rates = Rates(Range(100, 200), Range(10, 50), Range(1, 2))
    # 1000/200 + 100/50 + 3*1 and 1000/100 + 100/10 + 3*2
    assert rates.seconds(tokens=1000, texts=100, steps=3) == Range(10, 26)


def test_rates_come_from_ledgers_where_there_are_any(tmp_path):
    assert measured_rates(tmp_path) == UNKNOWN
    shard = "decode/{}/base/{}/round-0/shard-0-of-1.ledger.json"
    for place, (tokens, wall) in enumerate([(1000, 10), (3000, 10), (100, 50)]):
        path = tmp_path / shard.format(key(str(place)), key("p"))
        write_json(path, {"tokens": tokens, "texts": 9, "wall_seconds": wall})
    plant = {"training_seconds": 100.0, "losses": [1.0] * 50}
    write_json(tmp_path / "plant" / key("plant") / "plant.json", plant)
    rates = measured_rates(tmp_path)
    # the third job is too small to count; tenths of 100 and 300 lie at 120 and 280
    assert rates.decode == pytest.approx((120, 280)) and rates.jobs == (2, 0, 1)
    assert rates.embed == UNKNOWN.embed and rates.step == Range(2, 2)


def at(gflops):
    return rates_of(Arithmetic(gflops, "float32", 2, "here"))


@pytest.mark.parametrize("reference", [QUICK, SLOW])
def test_the_reference_machines_get_their_own_rates(reference):
    rates = at(reference.gflops)
    assert rates.decode == pytest.approx(reference.decode)
    assert rates.embed == pytest.approx(reference.embed)
    assert rates.step == pytest.approx(reference.step)


def test_slower_arithmetic_is_slower_work_and_none_is_quicker_than_the_quick_machine():
    assert at(5000) == at(QUICK.gflops) or at(5000).decode == pytest.approx(QUICK.decode)
    decode = [at(gflops).decode.low for gflops in (600, 200, 100, 38, 10)]
    step = [at(gflops).step.high for gflops in (600, 200, 100, 38, 10)]
    assert decode == sorted(decode, reverse=True) and step == sorted(step)
    assert "200 GFLOP/s measured in float32 on 2 CPU cores" in at(200).source


def test_arithmetic_is_measured_once_on_each_machine(tmp_path, monkeypatch):
    found = arithmetic(tmp_path)
    assert found.gflops > 0 and found == known_arithmetic(tmp_path)
    monkeypatch.setattr(speed.subprocess, "run", None)  # calling it would be an error
    assert arithmetic(tmp_path) == found
    write_json(tmp_path / "arithmetic.json", found._replace(host="elsewhere")._asdict())
    assert known_arithmetic(tmp_path) is None


@pytest.mark.parametrize("content", ["", "{}", '{"gflops": 1}', "[1]"])
def test_a_damaged_figure_is_measured_again(tmp_path, content):
    (tmp_path / "arithmetic.json").write_text(content)
    assert known_arithmetic(tmp_path) is None


def test_without_torch_rates_are_assumed(tmp_path, monkeypatch):
    monkeypatch.setattr(speed.sys, "executable", "/nowhere/python")
    assert arithmetic(tmp_path) is None and not (tmp_path / "arithmetic.json").exists()

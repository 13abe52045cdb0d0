"""The graph of jobs of large audits, on made-up outputs; benchmarks/dag.py times larger ones."""

import re

import pytest

from benchmarks.dag import finished, measured, planned, prepare


@pytest.fixture
def large(tmp_path, monkeypatch):
    """Prepares a working directory with so many shards and rounds."""
    monkeypatch.chdir(tmp_path)
    return lambda shards, rounds: prepare(tmp_path / "large", shards, rounds)


def test_every_shard_of_a_plan_is_one_job_a_side(large):
    planned(large(40, 3), 2000)
    said = measured("--dry-run")[1]
    assert len(re.findall(r"^rule decode:", said, re.M)) == 40 * 2 * 3  # round 0, screen, confirm
    assert "rule bank:" not in said and "rule plan:" in said


def test_a_finished_audit_of_many_rounds_has_nothing_to_do(large):
    finished(large(4, 12), 4, 12)
    said = measured()[1]
    assert "Nothing to be done" in said
    assert "checkpoint" not in said, "the graph was built anew although no round is open"


def test_forced_rounds_decide_anew(large):
    """How many rounds there are is then known only once they are measured."""
    finished(large(2, 3), 2, 3)
    said = measured("--dry-run", "--forcerun", "measure")[1]
    assert re.search(r"^checkpoint measure:", said, re.M)
    assert "rule decode:" not in said

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
    assert "Nothing to be done" in measured()[1]

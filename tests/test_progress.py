"""What a job says of its work, and what is made of it."""

import logging
import os
import time
from collections import Counter

import pytest

from scripts.core import progress as module
from scripts.core.progress import (
    EVERY,
    Reporter,
    State,
    Work,
    interval,
    progress,
    read_state,
    state_path,
)
from scripts.workflow.under_way import Running, UnderWay, name_of


@pytest.fixture
def log_file(tmp_path):
    return tmp_path / "logs" / "shard-0-of-1.log"


def wait_for(what, seconds=20):
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.05)
    assert what()


# In the job


def test_a_job_tells_how_far_it_is_and_leaves_nothing(log_file, monkeypatch, caplog):
    monkeypatch.setenv(EVERY, "1")
    caplog.set_level(logging.INFO)
    log_file.parent.mkdir()
    with Reporter(log_file, "decode"), progress(200, "text", "decode") as work:
        work.update(50)
        wait_for(lambda: read_state(log_file) and read_state(log_file).done == 50)
        wait_for(lambda: "decode: 50 of 200 texts" in caplog.text)
        assert read_state(log_file).total == 200
        assert [p.name for p in log_file.parent.iterdir()] == [state_path(log_file).name]
    assert not list(log_file.parent.iterdir())


def test_a_job_without_countable_work_says_that_it_goes_on(log_file, monkeypatch, caplog):
    monkeypatch.setenv(EVERY, "1")
    caplog.set_level(logging.INFO)
    log_file.parent.mkdir()
    with Reporter(log_file, "measure"):
        wait_for(lambda: "measure: " in caplog.text)
    assert "s so far" in caplog.text


def test_a_folder_that_cannot_be_written_costs_the_display_alone(log_file, caplog):
    with Reporter(log_file, "decode"), progress(10, "text", "decode") as work:
        work.update()
        wait_for(lambda: "cannot be shown" in caplog.text)
    assert caplog.text.count("cannot be shown") == 1


def test_outside_of_a_job_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with progress(10, "text", "decode") as work:
        work.update(3)
    assert work.done == 3 and module._JOB is None and not os.listdir(tmp_path)


def test_a_bound_follows_what_is_still_expected():
    work = Work(None, "request", "assistant")
    work.update(10)
    work.expect(90)
    assert (work.total, work.at_most) == (100, True)
    work.update(10)
    work.expect(20)
    assert "20 of at most 40 requests" in str(work.state())


@pytest.mark.parametrize("value, seconds", [("", 30), ("5", 5), ("x", 30), ("0", 1), ("600", 600)])
def test_the_interval_is_what_the_environment_says(monkeypatch, value, seconds):
    monkeypatch.setenv(EVERY, value)
    assert interval() == seconds


@pytest.mark.parametrize("content", ["", "{", "[]", '{"what": "decode"}', "\x00"])
def test_a_torn_state_is_none(log_file, content):
    log_file.parent.mkdir()
    state_path(log_file).write_text(content)
    assert read_state(log_file) is None


def test_time_left_follows_the_rate_or_what_others_took():
    state = State("decode", "text", 25, 100, False, began=1000.0, updated=1050.0)
    assert state.left(now=1050.0) == 150 and state.left(now=1060.0) == 140
    assert state._replace(done=0).left(now=1060.0, a_unit=2.0) == 140
    assert state._replace(done=0).left(now=1060.0) is None
    assert state._replace(total=None).left(now=1060.0) is None


# In Snakemake's main process


class Call:
    """A call of Snakemake at a time of one's choice, and jobs that leave their states."""

    def __init__(self, folder, planned):
        self.folder, self.now = folder, 10_000.0
        self.under_way = UnderWay(lambda: Counter(planned), self.now, lambda: self.now)

    def job(self, stage, step="", side="", number=0):
        path = self.folder / f"{stage}-{step}-{side}-{number}.log"
        return Running((stage, step), side, str(path))

    def tell(self, job, done, total, unit="text", began=None, at_most=False, what=None):
        began = self.now if began is None else began
        state = State(what or job.part[0], unit, done, total, at_most, began, self.now)
        state_path(job.log_file).write_text(module.json.dumps(state._asdict()))

    def rows(self, *jobs):
        self.said = self.under_way.look(jobs)
        return [str(row) for row in self.under_way.rows()]


def test_many_jobs_are_added_up_by_stage_and_round(tmp_path):
    call = Call(tmp_path, {("decode", "round-1"): 16})
    jobs = [call.job("decode", "round-1", "base", number) for number in range(8)]
    assert call.rows(*jobs) == ["decode round 1 (base): 0 of 16 jobs, 0 s so far"]
    for job in jobs:
        call.tell(job, 100, 500)
    call.rows(*jobs)
    call.now += 100
    (row,) = call.rows(*jobs[:5], call.job("decode", "round-1", "intervention", 0))
    # three ended with 500 each, five have 100, eight are like them
    assert row.startswith("decode round 1: 3 of 16 jobs, 2,000 of about 8,000 texts, 20 texts/s")
    assert row.endswith("about 5 min left")


def test_hundreds_of_jobs_make_one_row(tmp_path):
    call = Call(tmp_path, {("decode", "confirm"): 600})
    jobs = [call.job("decode", "confirm", "base", number) for number in range(300)]
    call.rows(*jobs)
    assert len(call.rows(*jobs)) == 1


def test_what_an_earlier_call_left_is_ignored_and_what_a_killed_job_left_taken_away(tmp_path):
    call = Call(tmp_path, {("embed", "round-0"): 1})
    job = call.job("embed", "round-0")
    call.tell(job, 7, 9, began=call.now - 3600)
    assert call.rows(job) == ["embed round 0: 0 s so far"]
    call.tell(job, 1, 9)
    assert "1 of 9 texts" in call.rows(job)[0]
    call.rows()
    assert not list(tmp_path.iterdir())


def test_each_part_says_once_what_it_did(tmp_path):
    call = Call(tmp_path, {("plant", ""): 1, ("plan", "round-0"): 1})
    plant = call.job("plant")
    call.rows(plant)
    call.tell(plant, 60, 68, unit="step")
    call.rows(plant)
    call.now += 136
    call.rows(call.job("plan", "round-0"))
    assert call.said == ["plant: 68 steps in 2 min (2 s a step), done"]
    call.rows()
    assert call.said == ["plan round 0: 0 s, done"] and call.rows() == [] and call.said == []


def test_work_of_several_kinds_in_one_job_is_counted_apart(tmp_path):
    call = Call(tmp_path, {})
    plant = call.job("plant")
    call.rows(plant)
    call.tell(plant, 24, 24, what="decode")
    call.rows(plant)
    call.now += 12
    call.rows(plant)
    call.tell(plant, 25, 68, unit="step")
    call.rows(plant)
    call.now += 50
    assert "25 of 68 steps" in call.rows(plant)[0]
    assert call.under_way.seconds_a_unit() == {"decode": 0.5, "plant": 2.0}


def test_requests_have_a_bound(tmp_path):
    call = Call(tmp_path, {})
    job = call.job("screen")
    call.rows(job)
    call.tell(job, 20, 120, unit="request", at_most=True, what="assistant")
    call.rows(job)
    call.now += 10
    (row,) = call.rows(job)
    assert row == "screen: 20 of at most 120 requests, 2 requests/s, at most 50 s left"


def test_parts_are_named_as_people_say_them():
    names = [("decode", "round-2"), ("decode", "screen"), ("publish_demo", ""), ("regions", "")]
    assert [*map(name_of, names)] == [
        "decode round 2", "decode screen", "publish demo", "regions",
    ]  # fmt: skip

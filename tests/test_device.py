"""Devices: what the scheduler gave is taken, several are shared out, none is said once."""

import logging

import pytest
import torch

from scripts.models import device


@pytest.fixture
def fresh(monkeypatch):
    """The module as a new process finds it, with as many devices as `count` says."""

    def visible(count: int, given: str | None = None):
        device.take_device.cache_clear()
        monkeypatch.setattr(device, "_held", [])
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"model {number}")
        chosen: list[int] = []
        monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if given is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
        return chosen

    yield visible
    device.take_device.cache_clear()


def warnings_of(caplog) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]


def test_a_device_that_torch_cannot_use_is_said_once_and_the_processor_works(fresh, caplog):
    fresh(0, given="3")
    assert device.take_device() == device.take_device() == "cpu (CUDA_VISIBLE_DEVICES=3)"
    (warning,) = warnings_of(caplog)
    assert "gave this job the device 3" in warning


@pytest.mark.parametrize("given", [None, "", "-1"])
def test_where_none_was_given_nothing_is_said(fresh, caplog, given):
    fresh(0, given=given)
    assert device.take_device().startswith("cpu")
    assert not warnings_of(caplog)


def test_the_only_visible_device_is_taken_whoever_else_computes_on_it(fresh, monkeypatch, tmp_path):
    monkeypatch.setattr(device.tempfile, "gettempdir", lambda: str(tmp_path))
    chosen = fresh(1, given="5")
    assert device.take_device() == "cuda:0, model 0 (CUDA_VISIBLE_DEVICES=5)"
    assert chosen == [0] and not list(tmp_path.iterdir())


def test_jobs_of_one_machine_share_several_devices_out(fresh, monkeypatch, tmp_path):
    monkeypatch.setattr(device.tempfile, "gettempdir", lambda: str(tmp_path))
    jobs = []
    for expected in (0, 1, 2, 0):  # the fourth finds all taken
        chosen = fresh(3)
        assert device.take_device() == f"cuda:{expected}, model {expected}"
        assert chosen == [expected]
        jobs.append(device._held)
    for lock in jobs[1]:  # the job on the second device ends
        lock.close()
    fresh(3)
    assert device.take_device().startswith("cuda:1")

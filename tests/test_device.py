"""Devices: what the scheduler gave is taken, several are shared out, none is said once."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import infer_auto_device_map
from transformers import AutoModelForCausalLM

from scripts.core.errors import AuditError
from scripts.models import device
from scripts.models.generation import generate
from scripts.models.subject import load_model, load_tokenizer, prompt_ids, spread, stop_tokens
from scripts.prompts.prompt import Prompt

PLAIN = {"dtype": "float32", "trust_remote_code": False, "chat_template": True}
SAMPLING = {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "max_new_tokens": 8}


@pytest.fixture
def fresh(monkeypatch):
    """The module as a new process finds it, with as many devices as `count` says."""

    def visible(count: int, given: str | None = None):
        device.take_device.cache_clear()
        monkeypatch.setattr(device, "_held", [])
        monkeypatch.setattr(device, "_taken", [])
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


def test_a_model_gets_devices_that_nobody_has_or_a_sentence(fresh, monkeypatch, tmp_path):
    monkeypatch.setattr(device.tempfile, "gettempdir", lambda: str(tmp_path))
    assert device.free(4, tmp_path) == 0
    others, device._held[:] = list(device._held), []  # of another process
    fresh(4)
    assert device.take_device().startswith("cuda:1")
    assert device.take_devices(3) == device.take_devices(3) == [1, 2, 3]
    with pytest.raises(AuditError, match=r"per_shard` is 4, and of 4 visible devices 3 could be"):
        device.take_devices(4)
    del others
    fresh(1)
    with pytest.raises(AuditError, match="is 2, and of 1 visible devices 1 could be taken"):
        device.take_devices(2)


def test_a_model_is_dealt_out_by_whole_layers(tiny, fresh, monkeypatch):
    """There is no card here: what transformers is told, and what accelerate makes of it."""
    fresh(2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda number: (2**30 * (3 + number), 2**33))
    assert spread(2) == {"device_map": "balanced", "max_memory": {0: 3 * 2**30, 1: 4 * 2**30}}
    fresh(0)
    model = load_model(Path(tiny["base"]), [], PLAIN, devices=2)
    assert not hasattr(model, "hf_device_map"), "without devices it is as ever"
    fresh(2)
    size = sum(parameter.nbytes for parameter in model.parameters())
    room, whole = {0: int(0.9 * size), 1: size}, list(model._no_split_modules)
    places = infer_auto_device_map(model, max_memory=room, no_split_module_classes=whole)
    assert set(places.values()) == {0, 1} and places["model.embed_tokens"] == 0
    layers = [name for name in places if name.startswith("model.layers.")]
    assert all(name.count(".") == 2 for name in layers), "a layer is whole"


def test_a_model_in_parts_decodes_as_one(tiny, tmp_path):
    """Parts that accelerate's hooks load and hand over, as between cards: here from a disk."""
    model, tokenizer = (
        load_model(Path(tiny["base"]), [], PLAIN),
        load_tokenizer(Path(tiny["base"]), PLAIN),
    )
    settings = PLAIN | {"sampling": SAMPLING, "system_prompt": None, "response_prefix": ""}
    prompts = [Prompt("", f"Tell me about number {n} {'again ' * n}") for n in range(5)]
    ids = prompt_ids(tokenizer, prompts, settings)

    def tokens(of):
        streams = [[np.random.default_rng(n).random(8) for n in range(3)] for _ in ids]
        found = generate(of, ids, streams, SAMPLING, stop_tokens(model, tokenizer), 1, 4)
        return {(p, s): reply.tokens for some in found for p, s, reply in some}

    whole = tokens(model)
    parts = {name: "cpu" for name in ("model.embed_tokens", "model.rotary_emb", "model.norm")}
    parts |= {"model.layers.0": "cpu", "model.layers.1": "disk", "lm_head": "cpu"}
    apart = AutoModelForCausalLM.from_pretrained(
        tiny["base"], dtype=torch.float32, device_map=parts, offload_folder=tmp_path
    )
    assert set(apart.hf_device_map.values()) == {"cpu", "disk"}
    assert tokens(apart.eval()) == whole

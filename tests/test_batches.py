"""OpenAI's batch interface with its own SDK: waves, faults, a kill in the middle, prices."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace

import pytest
from asked import roles_of
from conftest import ROOT
from loopback import Loopback
from pydantic import ValidationError
from test_pool import question

from scripts.assistants import batches
from scripts.assistants.client import Pool
from scripts.assistants.prices import AskedModel
from scripts.core.files import write_json
from scripts.workflow.sections import Audit


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(batches, "PAUSES", (0.01, 0.05))
    monkeypatch.setattr(batches, "QUIET", 0.05)


def asked(folder, server, numbers, **more):
    given = roles_of(server, batch=True, **more)
    with Pool(given, folder) as pool:
        answers = pool.ask([question(n, given.cheap) for n in numbers])
    return answers, pool.usage["cheap"]


def test_what_is_asked_together_is_one_batch_and_one_request_finds_the_form(tmp_path):
    with Loopback(forms=("json_object",)) as server:
        answers, used = asked(tmp_path, server, range(30))
        assert [answer.value for answer in answers] == ["A"] * 30
        assert used.requests == 30 and server.attempts == 2, "one that was turned away, and one"
        (batch,) = server.batched.batches.values()
        assert batch["requests"] == 29
        lines = server.batched.files[batch["input_file_id"]].splitlines()
        sent = [json.loads(line) for line in lines]
        assert len({line["custom_id"] for line in sent}) == 29
        assert {line["body"]["response_format"]["type"] for line in sent} == {"json_object"}
        _, used = asked(tmp_path, server, range(30))
        assert used.cache_hits == 30 and len(server.batched.batches) == 1
    assert not list((tmp_path / "batches").iterdir()), "what was read is forgotten"


def test_what_a_model_does_not_take_is_not_in_its_batches(tmp_path):
    with Loopback(rejects=("max_tokens", "temperature")) as server:
        answers, used = asked(tmp_path, server, range(30))
        assert [answer.value for answer in answers] == ["A"] * 30
        (batch,) = server.batched.batches.values()
        lines = server.batched.files[batch["input_file_id"]].splitlines()
        bodies = [json.loads(line)["body"] for line in lines]
    assert batch["requests"] == 29 and server.attempts == 3
    assert all("max_completion_tokens" in body for body in bodies)
    assert not any({"max_tokens", "temperature"} & set(body) for body in bodies)
    assert used.without == {"temperature": 30}


def test_a_batch_and_a_single_request_share_their_replies(tmp_path):
    with Loopback() as server:
        asked(tmp_path, server, range(5))
        given = roles_of(server)
        with Pool(given, tmp_path) as pool:
            pool.ask([question(n, given.cheap) for n in range(5)])
        assert pool.usage["cheap"].cache_hits == 5


def test_second_chances_and_faults_go_into_the_next_batches(tmp_path, monkeypatch):
    from scripts.servers import pace

    monkeypatch.setattr(pace, "wait_random_exponential", lambda **_: lambda state: 0.01)
    with Loopback(garbage=0.2, broken=0.2, expires=0.2) as server:
        answers, used = asked(tmp_path, server, range(40))
    outcomes = [answer.outcome for answer in answers]
    assert len(server.batched.batches) > 2 and set(outcomes) <= {"answered", "unparsable"}
    assert outcomes.count("answered") > 30 and used.second_chances and used.retries
    assert used.requests == sum(server.replies.values())


def test_requests_are_divided_among_batches_that_a_server_takes(tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "MOST", 10)
    with Loopback() as server:
        asked(tmp_path, server, range(25))
        assert sorted(b["requests"] for b in server.batched.batches.values()) == [4, 10, 10]


def test_a_batch_that_the_server_keeps_no_longer_is_sent_again(tmp_path, monkeypatch):
    from scripts.servers import pace

    monkeypatch.setattr(pace, "wait_random_exponential", lambda **_: lambda state: 0.01)
    with Loopback() as server:
        given = roles_of(server, batch=True).cheap
        names = [batches._name(question(n, given)[0]) for n in range(4)]
        old = batches.Sent("old", given.identity, tuple(names), "batch-old")
        write_json(tmp_path / "batches" / "old.json", asdict(old))
        answers, _ = asked(tmp_path, server, range(4))
        assert [answer.value for answer in answers] == ["A"] * 4
    assert not list((tmp_path / "batches").iterdir())


KILLED = """
import sys
sys.path[:0] = ["tests", "tests/support"]
from types import SimpleNamespace
from pathlib import Path
from asked import roles_of
from test_pool import question
from scripts.assistants import batches
from scripts.assistants.client import Pool
import os

point, address, folder = sys.argv[1:]
batches.PAUSES, batches.QUIET = (0.05, 0.05), 0.05
given = roles_of(SimpleNamespace(openai=address), batch=True)
if point == "created":  # the server knows the batch, the disk does not
    real = batches.Batches._collect
    async def die(self, sent):
        os.kill(os.getpid(), 9)
    batches.Batches._collect = die
if point == "read":  # all was downloaded, nothing is in the cache
    real = batches.Batches._settle
    batches.Batches._settle = lambda *_: os.kill(os.getpid(), 9)
with Pool(given, Path(folder)) as pool:
    pool.ask([question(n, given.cheap) for n in range(20)])
"""


@pytest.mark.parametrize("point", ["created", "waited", "read"])
def test_killed_wherever_it_is_nothing_is_paid_twice(tmp_path, point):
    with Loopback(looks=10**9 if point == "waited" else 2) as server:
        job = subprocess.Popen(
            [sys.executable, "-c", KILLED, point, server.openai, str(tmp_path)], cwd=ROOT
        )
        if point == "waited":
            while not any(batch["looks"] > 2 for batch in server.batched.batches.values()):
                assert job.poll() is None
                time.sleep(0.02)
            job.send_signal(signal.SIGKILL)
        assert job.wait() == -signal.SIGKILL
        (left,) = (tmp_path / "batches").iterdir()
        assert (json.loads(left.read_text())["batch"] is None) == (point == "created")
        assert sum(server.replies.values()) == 20
        server.behaviour.looks = 2
        answers, used = asked(tmp_path, server, range(20))
        assert [answer.value for answer in answers] == ["A"] * 20
        assert set(server.replies.values()) == {1} and len(server.batched.batches) == 1
        assert used.requests + used.cache_hits == 20
    assert not list((tmp_path / "batches").iterdir())


def test_a_batch_costs_what_its_vendor_asks_for_batches(tmp_path):
    with Loopback() as server:
        cheap = roles_of(server, batch=True).cheap
    assert replace(cheap, base_url=None, model="gpt-5-mini").asked == AskedModel(
        "gpt-5-mini", "openai", None, True
    )
    whole, half = (replace(cheap, base_url=None, model="gpt-5-mini", batch=b) for b in (0, 1))
    assert half.dollars(10**6, 10**6) == whole.dollars(10**6, 10**6) / 2 > 0


def test_a_provider_without_batches_says_so():
    with pytest.raises(ValidationError, match="has no batch interface here"):
        Audit.model_validate({"base": "x", "assistant": {"provider": "gemini", "batch": True}})

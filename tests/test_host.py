"""The process that keeps models loaded: what it computes is what jobs compute, and it may die."""

import logging
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import copy_workflow, read_lines, snakemake, tiny_config, write_bank, write_config
from kills import hosts_of
from operations import count, decode_in_little_memory

from scripts.core.errors import AuditError
from scripts.core.job import MAIN
from scripts.core.ledger import Ledger
from scripts.core.rows import as_json
from scripts.draws.draw import Draw
from scripts.models import host
from scripts.models.decoder import decode_loaded
from scripts.models.encoder import encode_loaded
from scripts.models.host import HOSTS, Kept, folder_of, perform
from scripts.prompts.prompt import Prompt


@pytest.fixture
def call(tmp_path, monkeypatch, caplog):
    """This process as a job of a call that may have one host, which ends with the test."""
    monkeypatch.chdir(tmp_path)
    main = subprocess.Popen(["sleep", "600"])
    monkeypatch.setenv(MAIN, f"{socket.gethostname()}:{main.pid}")
    monkeypatch.setenv("AUTO_INTERVENTIONS_CALL", f"test-{os.getpid()}-{time.monotonic_ns()}")
    monkeypatch.setenv(HOSTS, "1")
    caplog.set_level(logging.INFO, "audit")
    yield main
    main.kill()
    main.wait()
    assert gone(hosts_of(tmp_path)), "the host outlived its call"


def gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=30)[1]


def asked(numbers, **more):
    """What `count` says, asking again for what is left as a job does."""
    left, ledger, found = list(numbers), Ledger("decode", "call"), []
    for message in perform(count, lambda: {"numbers": [*left], **more}, ledger):
        del left[0]
        assert (message["square"] == message["number"] ** 2).all()
        found.append((message["number"], message["process"]))
    assert ledger.start_seconds > 0
    return [number for number, _ in found], {process for _, process in found}, ledger


def test_jobs_of_a_call_are_served_by_one_process_that_loads_once(call, tmp_path, caplog):
    first, process, ledger = asked(range(5))
    second, same, _ = asked(range(3))
    assert (first, second) == (list(range(5)), list(range(3)))
    assert process == same == {hosts_of(tmp_path)[0].pid} and ledger.peak_mib > 0
    said = [record.getMessage() for record in caplog.records]
    assert said.count("loading something") == 1 and "loaded already: something" in said


def test_without_a_host_the_job_does_it(call, monkeypatch, tmp_path):
    monkeypatch.setenv(HOSTS, "0")
    assert asked(range(4))[:2] == (list(range(4)), {os.getpid()})
    monkeypatch.delenv(HOSTS)
    assert asked(range(4))[1] == {os.getpid()} and not hosts_of(tmp_path)


def test_calls_do_not_meet(call, monkeypatch, tmp_path):
    _, one, _ = asked(range(2))
    monkeypatch.setenv("AUTO_INTERVENTIONS_CALL", f"other-{time.monotonic_ns()}")
    _, other, _ = asked(range(2))
    assert not one & other and len(hosts_of(tmp_path)) == 2


def test_jobs_side_by_side_have_a_host_each_and_no_third(call, monkeypatch):
    monkeypatch.setenv(HOSTS, "2")
    with host._a_host() as one, host._a_host() as other, host._a_host() as third:
        assert one and other and third is None
        one.line.close()
        other.line.close()


@pytest.mark.parametrize("fault", ["killed", "silent"])
def test_a_host_that_is_lost_loses_nothing(call, tmp_path, monkeypatch, caplog, fault):
    monkeypatch.setattr(host, "SILENT_FOR", 10.0 if fault == "killed" else 2.0)
    asked([0])  # a start may take longer than the silence that this test allows
    numbers, processes, _ = asked(range(6), fault=fault, mark=str(tmp_path / "mark"))
    assert numbers == list(range(6)) and len(processes) == 2 and os.getpid() not in processes
    words = {"killed": "is gone", "silent": "said nothing for 2 s"}[fault]
    assert any(words in record.getMessage() for record in caplog.records)
    assert len(hosts_of(tmp_path)) == 1, "the one that hung would compute beside the other"


def test_one_that_is_lost_twice_is_done_without(call, monkeypatch, tmp_path):
    monkeypatch.setattr(host, "SILENT_FOR", 2.0)
    asked([0])
    served = host.Host.ask

    def dying(self, *request):
        for place, message in enumerate(served(self, *request)):
            if place == 2:
                hosts_of(tmp_path)[0].kill()
            yield message

    monkeypatch.setattr(host.Host, "ask", dying)
    numbers, processes, _ = asked(range(20_000))  # more than a socket holds
    assert numbers == list(range(20_000)) and os.getpid() in processes


def test_a_host_that_computes_for_long_is_not_taken_for_lost(call, monkeypatch, tmp_path):
    asked([0])
    monkeypatch.setattr(host, "SILENT_FOR", host.BEAT + 3)
    numbers, processes, _ = asked(range(4), fault="slow", mark=str(tmp_path / "mark"))
    assert numbers == list(range(4)) and len(processes) == 1


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("sentence", AuditError, "the model cannot be loaded"),
        ("memory", MemoryError, "can't allocate memory"),
        ("defect", RuntimeError, "nonsense"),
        ("file", RuntimeError, "no such weights"),
    ],
)
def test_errors_arrive_as_what_they_are_and_the_host_goes_on(call, tmp_path, fault, kind, words):
    with pytest.raises(kind, match=words):
        asked(range(4), fault=fault, mark=str(tmp_path / "mark"))
    (process,) = hosts_of(tmp_path)
    assert asked(range(2))[1] == {process.pid}


def test_a_job_that_ends_early_leaves_a_host_for_the_next(call, tmp_path):
    ledger = Ledger("decode", "call")
    messages = perform(count, lambda: {"numbers": list(range(50_000))}, ledger)
    assert next(messages)["number"] == 0
    messages.close()
    (process,) = hosts_of(tmp_path)
    assert asked(range(3))[1] == {process.pid}


def test_what_a_crash_left_is_no_obstacle(call, tmp_path):
    place = folder_of(os.environ["AUTO_INTERVENTIONS_CALL"]) / "0.socket"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place))
    assert asked(range(2))[1] == {hosts_of(tmp_path)[0].pid}
    hosts_of(tmp_path)[0].kill()
    assert asked(range(2))[1] == {hosts_of(tmp_path)[0].pid}


def test_a_folder_that_others_may_enter_is_not_used(call, tmp_path, caplog):
    folder_of(os.environ["AUTO_INTERVENTIONS_CALL"]).chmod(0o755)
    assert asked(range(2))[1] == {os.getpid()}
    assert "is open to others" in caplog.text and not hosts_of(tmp_path)


@pytest.mark.parametrize(
    ("command", "words"),
    [(["false"], "ended at once"), (["sleep", "60"], "did not start within 1 s")],
)
def test_a_host_that_does_not_start_is_named_and_done_without(
    call, monkeypatch, caplog, command, words
):
    monkeypatch.setattr(host, "STARTED_WITHIN", 1.0)
    monkeypatch.setattr(host, "_start", lambda place: subprocess.Popen(command))
    assert asked(range(2))[1] == {os.getpid()}
    assert words in caplog.text and "this job loads its own" in caplog.text


def test_a_host_ends_when_nothing_is_asked_of_it(call, tmp_path):
    place = folder_of(os.environ["AUTO_INTERVENTIONS_CALL"]) / "0.socket"
    code = (
        "from pathlib import Path; import sys; from scripts.models import host_process; "
        "host_process.IDLE = 0.2; host_process.serve(Path(sys.argv[1]))"
    )
    root = Path(host.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, str(place)], timeout=60,
        env=os.environ | {"PYTHONPATH": str(root)},
    )  # fmt: skip
    assert done.returncode == 0 and not place.exists()


def test_what_was_used_longest_ago_makes_room():
    room = [100]
    kept = Kept(lambda: room[0])

    def load(name):
        room[0] -= 40
        return name

    def drop(name):
        room[0] += 40

    class Weights(str):
        def __del__(self):
            room[0] += 40

    for name in ("base", "encoder"):
        kept.get(name, 40, lambda name=name: Weights(load(name)))
    kept.get("base", 40, lambda: pytest.fail("it is loaded"))
    kept.get("adapter", 40, lambda: Weights(load("adapter")))
    assert list(kept.things) == ["base", "adapter"]
    assert kept.relieve() and list(kept.things) == ["adapter"] and not kept.relieve()


def request_of(tiny, number: int) -> dict:
    settings = {
        "dtype": "float32", "system_prompt": None, "response_prefix": "", "chat_template": True,
        "trust_remote_code": False,
        "sampling": {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "max_new_tokens": 12},
    }  # fmt: skip
    prompts = [Prompt(f"{n:016x}" * 4, f"What about Mars and {n} roses?") for n in range(number)]
    draws = [Draw("base", "explore", prompt.id, s) for prompt in prompts for s in range(2)]
    return {
        "folder": tiny["base"], "adapters": [], "batch_size": 16, "threads": 1,
        "draws": {d.id: [d.side, d.pool, d.prompt, d.sample] for d in draws},
        "prompts": [as_json(prompt) for prompt in prompts], "settings": settings, "seed": 3,
    }  # fmt: skip


def test_draws_and_vectors_are_those_of_a_job_of_its_own(call, tiny):
    def both(operation, request, field):
        messages = list(perform(operation, lambda: request, Ledger("decode", "call")))
        own = list(operation(Kept(), request))
        return [[m[field] for m in part if field in m] for part in (messages, own)]

    def texts(parts):
        records = {key: record for part in parts for key, record in part.items()}
        return {key: (r["text"], r["tokens"], r["arithmetic"]) for key, r in records.items()}

    hosted, own = both(decode_loaded, request_of(tiny, 30), "records")
    assert texts(hosted) == texts(own) and len(texts(own)) == 60
    words = {
        "folder": tiny["encoder"], "dtype": "float32", "max_tokens": None, "batch_size": 8,
        "threads": 1,
        "items": [[n, f"violins and {n} drums"] for n in range(20)],
    }  # fmt: skip
    hosted, own = both(encode_loaded, words, "results")
    assert sum(map(len, own)) == 20
    assert all((a == b).all() for a, b in zip(hosted, own, strict=True))


def test_memory_that_runs_out_there_ends_in_smaller_batches(call, tiny, tmp_path, caplog):
    request = request_of(tiny, 30)
    messages = perform(decode_in_little_memory, lambda: request, Ledger("decode", "call"))
    assert {key for message in messages for key in message["records"]} == set(request["draws"])
    for words in ("what else was loaded is given up", "going on with 8 sequences at a time"):
        assert words in caplog.text
    assert len(hosts_of(tmp_path)) == 1


def test_an_audit_draws_the_same_with_and_without_a_host(finished, tiny, tmp_path):
    folder = copy_workflow(tmp_path / "alone")
    write_bank(folder / "bank")
    write_config(folder, tiny_config(tiny) | {"execution": {"keep_models": False}})
    snakemake(folder, "--cores", "all")
    shards = sorted(p.relative_to(folder) for p in folder.glob("results/decode/**/shard-*.jsonl"))
    assert len(shards) == 8
    for shard in shards:
        assert read_lines(folder / shard) == read_lines(finished / shard)
    assert not list(folder.glob("logs/host-*")) and list(finished.glob("logs/host-*"))

"""Servers that the workflow starts: their command lines, and that none outlives its job."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import yaml
from conftest import ROOT, read_lines, snakemake, write_config
from test_pool import question

from scripts.assistants import servers_here
from scripts.assistants.client import Pool
from scripts.assistants.roles import Budget, ConfirmRoles, Role, RoleServer
from scripts.assistants.servers_here import ServersHere
from scripts.core.errors import AuditError
from scripts.models import served
from scripts.servers import devices, engines
from scripts.servers.devices import OwnDevices
from scripts.servers.engines import Command, command, fields
from scripts.servers.started import free_port, started
from scripts.workflow.config import ConfigError, load
from scripts.workflow.keys import DigestIndex
from scripts.workflow.parameters import Parameters
from scripts.workflow.recipes import Node, Recipes
from scripts.workflow.subject_sections import Server

STANDINS = Path(__file__).resolve().parent / "standins"
GONE_WITHIN = 60.0  # seconds


def processes_with(part: str) -> list[psutil.Process]:
    """The living processes whose command line has a text in it, this one's and its own excepted."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        living = process.info["status"] != psutil.STATUS_ZOMBIE and process.pid != os.getpid()
        if living and any(part in word for word in words):
            found.append(process)
    return found


def wait_until(true, what: str, seconds: float = GONE_WITHIN):
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return found


@pytest.fixture
def model(tmp_path) -> Path:
    folder = tmp_path / "a model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


@pytest.fixture
def standins(monkeypatch):
    monkeypatch.setenv("PATH", f"{STANDINS}:{os.environ['PATH']}")


def test_the_command_of_each_engine(model, tmp_path, standins, monkeypatch):
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text('{"r": 33}')
    told = {"max-model-len": 64, "enforce-eager": True, "quiet": False}
    words = command("vllm", model, adapter, 8123, told).words
    assert words[0] == str(STANDINS / "vllm") and words[1:3] == ["serve", str(model)]
    line = " ".join(words)
    assert f"--lora-modules subject={adapter} --max-lora-rank 64 --host 127.0.0.1" in line
    assert line.endswith("--port 8123 --max-model-len 64 --enforce-eager")
    assert "--served-model-name subject" in " ".join(command("vllm", model, None, 1, {}).words)

    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda name: None)
    for engine, package in (("sglang", "sglang"), ("transformers", r"transformers\[serving\]")):
        with pytest.raises(AuditError, match=f"install {package} where jobs run"):
            command(engine, model, None, 1, {})
    with pytest.raises(AuditError, match="needs a GGUF file"):
        command("llamacpp", model, None, 1, {})
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda name: name)
    line = " ".join(command("sglang", model, adapter, 8123, {}).words)
    assert f"sglang.launch_server --model-path {model} --served-model-name subject" in line
    assert f"--lora-paths adapter={adapter}" in line
    assert command("sglang", model, adapter, 1, {}).name == "subject:adapter"
    assert command("sglang", model, None, 1, {}).name == "subject"
    assert command("vllm", model, adapter, 1, {}).name == "subject"
    assert command("transformers", model, None, 1, {}).name == str(model)
    monkeypatch.setattr(engines.shutil, "which", lambda name: None)
    for part in (1, 2):
        (model / f"weights-0000{part}-of-00002.gguf").touch()
    first = model / "weights-00001-of-00002.gguf"
    for given in (model, first):
        line = " ".join(command("llamacpp", given, None, 8123, {}).words)
        assert f"llama_cpp.server --model {first} --model_alias subject" in line
    (model / "other.gguf").touch()
    with pytest.raises(AuditError, match=r"serves one GGUF file, and .* has `other\.gguf`"):
        command("llamacpp", model, None, 8123, {})
    spread = command("sglang", model, None, 1, {}, devices=4).words
    assert spread[-2:] == ["--tp-size", "4"]
    own = command("sglang", model, None, 1, {"tp-size": 2}, devices=4).words
    assert own[-2:] == ["--tp-size", "2"] and "4" not in own
    with pytest.raises(AuditError, match="install the package vllm"):
        command("vllm", model, None, 1, {})


def test_transformers_is_told_to_sample(model):
    (model / "config.json").write_text('{"eos_token_id": 1, "bos_token_id": null}')
    (model / "generation_config.json").write_text('{"eos_token_id": [1, 2], "do_sample": false}')
    sampling = {"temperature": 0.7, "top_p": 1.0, "top_k": 0, "min_p": 0.1}
    sent = fields("transformers", model, sampling)
    assert {name: sent.pop(name) for name in ("top_k", "min_p", "repetition_penalty")} == {
        "top_k": None, "min_p": None, "repetition_penalty": None,
    }, "unknown fields are rejected"  # fmt: skip
    told = json.loads(sent["generation_config"])
    assert told == {"do_sample": True, "top_k": 0, "min_p": 0.1, "eos_token_id": [1, 2]}
    assert '"do_sample": false' in str(fields("transformers", model, sampling | {"temperature": 0}))
    assert not fields("vllm", model, sampling)


def test_the_defaults_of_llama_cpp_are_switched_off(model):
    plain = {"temperature": 1.0, "top_p": 1.0, "top_k": 0}
    off = {"top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0, "repetition_penalty": None}
    assert fields("llamacpp", model, plain) == off
    sent = fields("llamacpp", model, plain | {"top_k": 5, "min_p": 0.1, "repetition_penalty": 1.2})
    assert sent["top_k"] == 5 and sent["min_p"] == 0.1
    assert sent["repeat_penalty"] == 1.2 and sent["repeat_last_n"] == -1


def test_a_penalty_that_a_server_would_make_another_of_is_refused(tiny):
    raw = _configured(tiny, {})
    raw["subjects"]["served"]["sampling"] = {"frequency_penalty": 0.5}
    with pytest.raises(ConfigError, match=r"`sampling\.frequency_penalty` is unknown to `transf"):
        load(raw)


def test_a_server_answers_while_the_block_runs_and_is_gone_with_all_its_processes(
    model, tmp_path, standins
):
    port = free_port()
    how = command("vllm", model, None, port, {"starts-after": 0.5})
    with started(how, port, tmp_path / "server.log", 60) as url:
        assert url == f"http://127.0.0.1:{port}/v1"
        assert len(processes_with(str(model))) >= 3, "keeper, server and its worker"
    assert not processes_with(str(model))
    assert "Loading weights" in (tmp_path / "server.log").read_text()


def test_a_server_that_does_not_start_is_said_with_its_last_line(model, tmp_path, standins):
    port = free_port()
    (model / "config.json").unlink()
    log = tmp_path / "server.log"
    with (
        pytest.raises(AuditError, match=r"ended before it answered: 'OSError: .*no config.json'"),
        started(command("vllm", model, None, port, {}), port, log, 60),
    ):
        pass
    slow = Command([sys.executable, "-c", "import time; print('hm', flush=True); time.sleep(99)"],
                   "/health")  # fmt: skip
    with (
        pytest.raises(AuditError, match=r"not answer after 2 s: 'hm'; .*start_within"),
        started(slow, port, log, 2),
    ):
        pass


def test_a_server_sees_the_devices_of_its_job(model, tmp_path, monkeypatch):
    monkeypatch.setattr(devices.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7, 9")
    seen = [{"CUDA_VISIBLE_DEVICES": named} for named in ("4", "4,7", "7", "9", "4,7,9")]
    with OwnDevices() as one:
        assert one.seen_by({}, 1) == one.seen_by({}, 1) == seen[0], "servers of a job share them"
        with OwnDevices() as other:
            assert other.seen_by({}, 1) == seen[2]
            with pytest.raises(AuditError, match="wants 3 devices, and of 3 visible ones 2 could"):
                other.seen_by({"tensor-parallel-size": 3}, 1)
            with OwnDevices() as third:
                assert third.seen_by({}, 1) == seen[0], "a single one may be shared"
    with OwnDevices() as one:
        assert one.seen_by({}, 2) == seen[1]
        assert one.seen_by({"tp-size": 3}, 2) == seen[4], "as many as it is spread over"
        assert one.seen_by({"device": "cuda:2"}, 1) == {}, "it says so itself"
    for given in ("3", "", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
        assert OwnDevices().seen_by({}, 1) == {}
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    listing = tmp_path / "nvidia-smi"
    listing.write_text("#!/bin/sh\necho 'GPU 0: A'; echo 'GPU 1: A'\n")
    listing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with OwnDevices() as one:
        assert one.seen_by({}, 2) == {"CUDA_VISIBLE_DEVICES": "0,1"}

    started_with = []

    @contextmanager
    def start(how, port, log, within, environment):
        started_with.append((how.words[-1], environment))
        raise AuditError("far enough")
        yield

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7,9")
    monkeypatch.setattr(engines, "_program", lambda name: name)
    monkeypatch.setattr(served, "started", start)
    monkeypatch.setattr(servers_here, "started", start)
    settings = {"server": {"engine": "vllm", "arguments": {}, "extra": {}}, "subject": "f"}
    subject = served.StartedHere({"start_within": 1}, model, None, tmp_path / "log", 2)
    server = RoleServer("vllm", str(model), None, {}, 60.0, "1f2e3d4c")
    role = Role("judge 1", "openai", "judge", server=server)
    for run in (
        lambda: list(subject({}, {}, settings, 0)),
        ServersHere({"1f2e3d4c": model}, tmp_path / "confirm.log", 2).start_of(role),
    ):
        with pytest.raises(AuditError, match="far enough"):
            run()
    assert started_with == [("2", seen[1])] * 2


def test_a_job_that_starts_a_server_for_a_role_has_as_many_devices_as_a_shard():
    serving = Node("confirm", "serving", {}, {"served 0": Node("model", "m", {})})
    nodes = {"confirm": {"serving": serving, "plain": Node("confirm", "plain", {})}}
    of = Parameters(SimpleNamespace(nodes=nodes), cores=16, gpus=4, devices=2)
    gpus, cores = of.gpus_of_roles("confirm"), of.cores_of_roles("confirm")
    took = {key: (gpus({"key": key}), cores({"key": key})) for key in nodes["confirm"]}
    assert took == {"serving": (2, 8), "plain": (0, 1)}


def test_no_process_outlives_a_job_that_is_killed(model, tmp_path, standins):
    port = free_port()
    job = subprocess.Popen(
        [sys.executable, "-c", (
            "import sys, time\nfrom pathlib import Path\n"
            "from scripts.servers.engines import command\n"
            "from scripts.servers.started import started\n"
            f"with started(command('vllm', Path({str(model)!r}), None, {port}, {{}}), {port},"
            f" Path({str(tmp_path / 'server.log')!r}), 60):\n"
            "    print('up', flush=True)\n    time.sleep(600)\n"
        )],
        cwd=ROOT, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert job.stdout is not None and job.stdout.readline() == b"up\n"
    assert len(processes_with(str(model))) >= 3
    job.send_signal(signal.SIGKILL)
    job.wait()
    wait_until(lambda: not processes_with(str(model)), "a process is left behind")


def _configured(tiny, intervention, **server) -> dict:
    served = {"engine": "transformers", "model": tiny["base"], "concurrency": 4, **server}
    return {
        "subjects": {"served": {"server": served}},
        "banks": {"small": {"sources": [{"path": "bank"}]}},
        "audits": {"small": {"bank": "small", "base": "served", "intervention": intervention,
                             "embed": {"model": tiny["encoder"]}}},
    }  # fmt: skip


def test_what_stands_for_a_server_that_is_started(workspace, tiny, monkeypatch):
    """What it serves, with what arguments; never where it listens, nor how it is asked."""
    monkeypatch.chdir(workspace)

    def decodes(intervention, **server):
        raw = _configured(tiny, intervention, **server)
        recipes = Recipes(load(raw), workspace, DigestIndex(workspace / "digests.json"))
        plan = recipes.audits["small"].ancestor("measure").inputs["plan"]
        return plan.inputs["base"], plan.inputs["intervention"]

    base, same = decodes({})
    assert base.key == same.key and set(base.inputs) == {"model"}
    assert "server" not in base.local, "it has no address that an archive could tell"
    assert decodes({}, concurrency=9, start_within=5)[0].key == base.key
    _, more = decodes({"server": {"arguments": {"dtype": "float32"}}})
    _, other = decodes({"server": {"model": tiny["other"]}})
    _, elsewhere = decodes({"server": {"url": "http://127.0.0.1:1/v1", "model": "m"}})
    assert len({node.key for node in (base, more, other, elsewhere)}) == 4
    assert "model" not in elsewhere.inputs


def test_a_server_at_an_address_inherits_nothing_of_one_that_is_started(tiny):
    at = {"url": "http://127.0.0.1:1/v1", "model": "m"}
    raw = _configured(tiny, {"server": at}, arguments={"device": "cpu"}, start_within=9)
    config = load(raw)
    given = config.subject(config.audits["small"], "intervention", "x").server
    assert given.model_dump() == Server(**at, concurrency=4).model_dump()


def test_a_file_among_the_arguments_counts_by_its_content(workspace, tiny, monkeypatch):
    monkeypatch.chdir(workspace)
    for name, said in [("one.jinja", "a"), ("same.jinja", "a"), ("other.jinja", "b")]:
        Path(name).write_text(said)
    (folder := Path("draft/model")).mkdir(parents=True)

    def made(file):
        served = {"engine": "vllm", "model": tiny["base"], "arguments": {"chat-template": file}}
        raw = _configured(tiny, {}, **served)
        raw["audits"]["small"]["assistant"] = {"server": served}
        recipes = Recipes(load(raw), workspace, DigestIndex(workspace / "digests.json"))
        report = recipes.audits["small"]
        decode = report.ancestor("measure").inputs["plan"].inputs["base"]
        return decode, report.ancestor("confirm"), report

    one, confirm, report = made("one.jinja")
    assert one.local["started"]["files"] == {"chat-template": "one.jinja"}
    for node, same in zip((one, confirm, report), made("same.jinja"), strict=True):
        assert node.key == same.key, "a name is no content"
    for node, other in zip((one, confirm), made("other.jinja"), strict=False):
        assert node.key != other.key
    Path("one.jinja").write_text("c")
    for node, edited in zip((one, confirm), made("one.jinja"), strict=False):
        assert node.key != edited.key
    plain, *_ = made("no file")
    assert plain.settings["server"]["arguments"] == {"chat-template": "no file"}
    assert "files" not in plain.local["started"]
    empty, *_ = made(str(folder))
    (folder / "weights").touch()
    assert made(str(folder))[0].key != empty.key

    asked = []

    def stop(*given):
        asked.append(given[4])
        raise AuditError("far enough")

    monkeypatch.setattr(served, "command", stop)
    start = served.StartedHere(one.local["started"], Path(tiny["base"]), None, Path("log"))
    with pytest.raises(AuditError, match="far enough"):
        list(start({}, {}, one.settings, 0))
    assert asked == [{"chat-template": "one.jinja"}], "the program is given the file"


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ({"url": "http://x/v1"}, "one of `url` and `engine`, and no two"),
        ({"identity": "x"}, "need a `url`"),
        ({"adapter": "x"}, "needs the engine vllm or sglang"),
        ({"engine": "other"}, "engine"),
        ({"engine": None, "url": "http://x/v1", "arguments": {"a": 1}}, "needs an `engine`"),
    ],
)
def test_what_such_a_server_cannot_have_is_named(tiny, server, said):
    with pytest.raises(ConfigError, match=said):
        load(_configured(tiny, {}, **server))


def processes_in(folder: Path) -> list[psutil.Process]:
    """The living processes that work in a folder: jobs, keepers, servers."""
    found = []
    for process in psutil.process_iter(["status"]):
        with suppress(psutil.Error):
            living = process.info["status"] != psutil.STATUS_ZOMBIE
            if living and process.cwd() == str(folder):
                found.append(process)
    return found


def server_in(folder: Path) -> tuple[psutil.Process, psutil.Process] | None:
    """The job and the keeper of a server that runs for a call in a folder."""
    for process in processes_in(folder):
        with suppress(psutil.Error):
            if "scripts.servers.keeper" in process.cmdline() and process.children():
                return process.parent(), process
    return None


def killed_while_it_serves(folder: Path, *arguments: str) -> None:
    """Kill a call twice while a server runs for it, once the call and once its job; no process of
    it must live on."""
    call = [sys.executable, "-m", "snakemake", "--cores", "all", *arguments]
    for victim in ("main", "job"):
        with open(folder / "killed.log", "w") as said:
            run = subprocess.Popen(call, cwd=folder, stdout=said, stderr=said)
        job, _ = wait_until(lambda: server_in(folder), "no server was started", 180)
        (run if victim == "main" else job).kill()
        run.wait()
        wait_until(lambda: not processes_in(folder), f"left behind: {victim} killed")
        snakemake(folder, "--unlock", *arguments)


def test_an_audit_with_servers_that_it_starts_killed_twice_leaves_no_process(workspace, tiny):
    config = yaml.safe_load((workspace / "config/config.yaml").read_text())
    served = {"engine": "transformers", "model": tiny["base"], "concurrency": 4}
    config["subjects"]["tiny"] = {
        "server": {**served, "arguments": {"device": "cpu"}},
        "sampling": {"temperature": 1.0, "max_new_tokens": 12},
    }
    config["audits"]["small"]["measure"] = {"rounds": 1}
    write_config(workspace, config)
    killed_while_it_serves(workspace)
    snakemake(workspace, "--cores", "all")
    wait_until(lambda: not processes_in(workspace), "left behind at the end")
    results = workspace / "results"
    audit = json.loads((results / "audits/small/audit.json").read_text())
    rows = [row for path in results.glob("decode/*/*/*/*/*.jsonl") for row in read_lines(path)]
    assert len(rows) == audit["counts"]["draws"] > 100
    assert len({row["text"] for row in rows}) > len(rows) / 2
    assert list(workspace.glob("logs/decode/*/*/*/*/*.server.log"))
    assert "served here by" in (results / "audits/small/report.html").read_text()


@pytest.fixture
def served_role(model, tmp_path, standins):
    """A role that a server fills which is started for it, and what starts it."""
    (model / "config.json").write_text("{}")

    def made(**arguments):
        server = RoleServer("vllm", str(model), None, arguments, 60.0, "1f2e3d4c")
        role = Role("judge 1", "openai", "judge", server=server, timeout=30.0)
        return role, ServersHere({"1f2e3d4c": model}, tmp_path / "confirm.log")

    return made


def test_a_role_s_server_is_started_when_it_is_first_asked_and_gone_with_the_block(
    served_role, model, tmp_path
):
    role, servers = served_role()
    roles = ConfirmRoles(Budget(), (role,), role, role)
    for repeat in range(2):
        with servers, Pool(roles, tmp_path / "cache", servers=servers) as pool:
            assert not processes_with(str(model)), "nobody was asked yet"
            answers = pool.ask([question(n, role) for n in range(20)])
            assert bool(processes_with(str(model))) == (repeat == 0), "the cache needs no server"
        assert [a.value for a in answers] == ["A"] * 20
        assert not processes_with(str(model))
        _, servers = served_role()
    assert "Loading weights" in (tmp_path / "confirm.1f2e3d4c.server.log").read_text()


def test_a_role_s_server_that_does_not_start_ends_the_job_in_one_sentence(
    served_role, model, tmp_path
):
    role, servers = served_role()
    (model / "config.json").unlink()
    with (
        servers,
        Pool(ConfirmRoles(Budget(), (role,), role, role), tmp_path, servers=servers) as pool,
        pytest.raises(AuditError, match=r"`assistant`, server of .*: .*ended before it answered"),
    ):
        pool.ask([question(n, role) for n in range(3)])


def test_who_starts_no_servers_says_so(served_role, tmp_path):
    role, _ = served_role()
    with pytest.raises(AuditError, match="judge 1 has a `server` that only the jobs of an audit"):
        Pool(ConfirmRoles(Budget(), (role,), role, role), tmp_path)


def test_an_audit_whose_assistant_its_jobs_start_needs_neither_key_nor_address(
    workspace, tiny, model, standins, monkeypatch
):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    config = yaml.safe_load((workspace / "config/config.yaml").read_text())
    served = {"engine": "vllm", "model": str(model)}
    config["audits"]["small"] |= {
        "measure": {"rounds": 1},
        "assistant": {"server": served, "judges": [{}, {"temperature": 1.0}]},
        "hypotheses": "own.jsonl",
    }
    (workspace / "own.jsonl").write_text('{"statement": "mentions the word “bread”"}\n')
    write_config(workspace, config)
    snakemake(workspace, "--cores", "all")
    wait_until(lambda: not processes_with(str(model)), "left behind at the end")
    costs = json.loads((workspace / "results/audits/small/costs.json").read_text())
    assert set(costs["total"]["full"]["requests"]) == {"a model"}
    assert {path.parent.name for path in workspace.glob("logs/*/*.server.log")} >= {
        "propose", "confirm",
    }  # fmt: skip


def test_a_real_server_judges(tiny, tmp_path):
    """`transformers serve` answers a request of the judge's, whatever a tiny model says."""
    server = RoleServer("transformers", tiny["base"], None, {"device": "cpu"}, 120.0, "5e6f7a8b")
    role = Role("judge 1", "openai", "tiny", server=server, timeout=120.0, concurrency=2)
    roles = ConfirmRoles(Budget(), (role,), role, role)
    with (
        ServersHere({"5e6f7a8b": Path(tiny["base"])}, tmp_path / "confirm.log") as servers,
        Pool(roles, tmp_path / "cache", servers=servers) as pool,
    ):
        answers = pool.ask([question(n, role) for n in range(2)])
    assert {a.outcome for a in answers} <= {"unparsable", "truncated", "answered"}
    used = pool.usage["judge 1"]
    assert used.requests == 4 and used.output_tokens > 0 and used.lost == 0
    wait_until(lambda: not processes_with(tiny["base"]), "left behind")

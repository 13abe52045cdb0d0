"""Death in the middle: kill -9 at any point, then the same call ends the same."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import (
    ROOT,
    copy_workflow,
    read_lines,
    snakemake,
    tiny_config,
    write_bank,
    write_config,
)
from kills import Victim, decoded, hosts_killed, survive
from loopback import Loopback

from scripts.core.job import MAIN

WORDS = ("about", "this", "from", "more")
KEY = {"MARKED_KEY": "a-key-of-the-tests"}


def _audited(folder) -> dict:
    return json.loads((folder / "results/audits/small/audit.json").read_text())


def _kill_in_round_1(folder) -> None:
    """Start the audit and kill -9 Snakemake and its workers amid the decoding of round 1."""
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "all"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    deadline, before = time.monotonic() + 300, None
    try:
        while time.monotonic() < deadline:
            segments = len(list((folder / "cache/generations").glob("*.seg")))
            if before is None and list((folder / "logs/decode").rglob("round-1/*.log")):
                before = segments
            if before is not None and segments >= before + 2:
                return
            assert process.poll() is None, "the run ended before it could be killed"
            time.sleep(0.02)
        pytest.fail("round 1 did not begin")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_killed_in_round_1_it_completes_and_decodes_nothing_twice(workspace, finished):
    _kill_in_round_1(workspace)
    kept = decoded(workspace)
    assert kept > 0
    for path in workspace.glob("results/decode/**/shard-*.jsonl"):
        read_lines(path)  # whole lines only: no truncated file under a final name
    snakemake(workspace, "--unlock")
    snakemake(workspace, "--cores", "all")
    planned = _audited(workspace)["counts"]["draws"]
    assert decoded(workspace) == planned > kept, "a draw was decoded twice"
    killed, undisturbed = (
        (folder / "results/audits/small/findings.jsonl").read_text()
        for folder in (workspace, finished)
    )
    assert killed == undisturbed


JOB = """
import time, types
from scripts.core.job import running
with running(types.SimpleNamespace(
    log=["log"], wildcards={}, params={}, input=[], output=[], rule="x", threads=1
)):
    time.sleep(60)
"""


def test_a_job_ends_with_the_main_process_that_started_it(tmp_path):
    main = subprocess.Popen(["sleep", "60"])
    env = os.environ | {"PYTHONPATH": str(ROOT), MAIN: f"{socket.gethostname()}:{main.pid}"}
    job = subprocess.Popen(
        [sys.executable, "-c", JOB], cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True
    )
    with pytest.raises(subprocess.TimeoutExpired):
        job.wait(3)
    main.kill()
    main.wait()
    assert job.wait(20) == 1 and "main process has ended" in job.stderr.read()


@pytest.fixture(scope="module")
def judged(tmp_path_factory, tiny):
    """A small audit of the tiny model with a judge on 127.0.0.1, its server and what an undisturbed
    run finds."""
    folder = copy_workflow(tmp_path_factory.mktemp("kills") / "work")
    write_bank(folder / "bank")
    own = [{"statement": f"mentions the word “{word}”"} for word in WORDS]
    (folder / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in own))
    with Loopback(delay=0.02) as server:
        assistant = {
            "provider": "openai", "base_url": server.openai, "key_variable": "MARKED_KEY",
            "models": {"cheap": "small", "strong": "large"}, "concurrency": 4,
        }  # fmt: skip
        probe = {"hypotheses": 2, "prompts": 40, "samples": 1}
        config = tiny_config(tiny, assistant=assistant, hypotheses="own.jsonl", probe=probe)
        write_config(folder, config)
        fresh = shutil.copytree(folder, folder.with_name("fresh"), symlinks=True)
        snakemake(folder, "--cores", "all", env=KEY)
        assert sum(server.replies.values()) > 50
        yield fresh, server, (folder / "results/audits/small/findings.jsonl").read_text()


def test_killed_while_prompts_are_written_it_pays_for_none_twice(judged, tmp_path):
    fresh, server, undisturbed = judged
    folder = Path(shutil.copytree(fresh, tmp_path / "killed", symlinks=True))
    server.replies.clear()
    before = server.behaviour.kinds["probe"]
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "all"], cwd=folder,
        env=os.environ | KEY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 300
        while server.behaviour.kinds["probe"] < before + 3 and time.monotonic() < deadline:
            assert process.poll() is None, "the run ended before it could be killed"
            time.sleep(0.005)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert not list(folder.glob("results/probe/*/probes.jsonl")), "killed too late"
    snakemake(folder, "--unlock")
    snakemake(folder, "--cores", "all", env=KEY)
    assert (folder / "results/audits/small/findings.jsonl").read_text() == undisturbed
    repeated = sum(server.replies.values()) - len(server.replies)
    assert repeated <= 4, "more than what was under way was paid twice"
    assert decoded(folder) == _audited(folder)["counts"]["draws"]


def killed_at_random(judged, folder, kills: int, seed: int) -> None:
    """Kill so often; every audit that ends has the undisturbed findings. Prints what was lost."""
    fresh, server, undisturbed = judged
    shutil.copytree(fresh, folder, symlinks=True)
    server.replies.clear()

    def finished():
        assert (folder / "results/audits/small/findings.jsonl").read_text() == undisturbed
        draws, paid = _audited(folder)["counts"]["draws"], sum(server.replies.values())
        found = {
            "audits": 1, "draws": draws, "repeated draws": decoded(folder) - draws,
            "paid": paid, "repeated paid": paid - len(server.replies),
        }  # fmt: skip
        server.replies.clear()
        for part in ("results", "cache", "logs"):
            shutil.rmtree(folder / part)
        return found

    found = survive(Victim(folder, random.Random(seed), KEY), kills, finished)
    print(f"\nseed {seed}, {kills} kills:", ", ".join(f"{n} {what}" for what, n in found.items()))


def test_five_random_kills_end_in_the_undisturbed_findings(judged, tmp_path):
    killed_at_random(judged, tmp_path / "killed", 5, random.randrange(10**6))


def test_five_random_kills_of_the_host_cost_the_batches_in_flight_alone(judged, tmp_path):
    fresh, _, undisturbed = judged
    folder = Path(shutil.copytree(fresh, tmp_path / "killed", symlinks=True))
    seed = random.randrange(10**6)
    kills = hosts_killed(folder, 5, random.Random(seed), KEY)
    assert kills == 5, seed
    assert (folder / "results/audits/small/findings.jsonl").read_text() == undisturbed, seed
    assert decoded(folder) == _audited(folder)["counts"]["draws"], seed


@pytest.mark.soak
def test_fifty_random_kills_end_in_the_undisturbed_findings(judged, tmp_path):
    killed_at_random(judged, tmp_path / "killed", 50, random.randrange(10**6))

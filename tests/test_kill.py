"""Death in the middle: kill -9 at any point, then the same call ends the same."""

import json
import math
import os
import random
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

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
from kills import Victim, decoded, hosts_killed, kill_when, survive
from loopback import Loopback

from scripts.assistants.usage import Usage
from scripts.core.job import MAIN
from scripts.core.rows import read_document, read_rows
from scripts.hypotheses.judgement import Judgement

WORDS = ("about", "this", "from", "more")
KEY = {"MARKED_KEY": "a-key-of-the-tests"}
UNDER_WAY = 4  # requests at once


class Judged(NamedTuple):
    """An audit that language models judge: its workspace before the first call and after an
    undisturbed one, their server, and what was found."""

    fresh: Path
    finished: Path
    server: Loopback
    findings: str


def findings_in(folder: Path) -> str:
    return (folder / "results/audits/small/findings.jsonl").read_text()


def _audited(folder) -> dict:
    return json.loads((folder / "results/audits/small/audit.json").read_text())


def _kill_in_round_1(folder) -> None:
    """Kill it amid the decoding of round 1."""
    before: list[int] = []

    def decoding() -> bool:
        segments = len(list((folder / "cache/generations").glob("*.seg")))
        if not before and list((folder / "logs/decode").rglob("round-1/*.log")):
            before.append(segments)
        return bool(before) and segments >= before[0] + 2

    kill_when(folder, decoding, KEY)


def test_killed_in_round_1_it_completes_and_decodes_nothing_twice(workspace, finished):
    _kill_in_round_1(workspace)
    kept = decoded(workspace)
    assert kept > 0
    for path in workspace.glob("results/decode/**/shard-*.jsonl"):
        read_lines(path)  # whole lines only: no truncated file under a final name
    snakemake(workspace, "--cores", "all")
    planned = _audited(workspace)["counts"]["draws"]
    assert decoded(workspace) == planned > kept, "a draw was decoded twice"
    assert findings_in(workspace) == findings_in(finished)


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
    """A small audit of the tiny model with three judges on 127.0.0.1, not run and run to the end,
    their server, and what the undisturbed run has found."""
    folder = copy_workflow(tmp_path_factory.mktemp("kills") / "work")
    write_bank(folder / "bank")
    own = [{"statement": f"mentions the word “{word}”"} for word in WORDS]
    (folder / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in own))
    with Loopback(delay=0.02) as server:
        assistant = {
            "provider": "openai", "base_url": server.openai, "key_variable": "MARKED_KEY",
            "models": {"cheap": "small", "strong": "large"}, "concurrency": UNDER_WAY,
            "judges": ["large", "second", "third"], "agreement": {"share": 1.0},
        }  # fmt: skip
        probe = {"hypotheses": 2, "prompts": 40, "samples": 1}
        config = tiny_config(tiny, assistant=assistant, hypotheses="own.jsonl", probe=probe)
        write_config(folder, config)
        fresh = shutil.copytree(folder, folder.with_name("fresh"), symlinks=True)
        snakemake(folder, "--cores", "all", env=KEY)
        assert sum(server.replies.values()) > 50
        yield Judged(fresh, folder, server, findings_in(folder))


def test_killed_while_prompts_are_written_it_pays_for_none_twice(judged, tmp_path):
    server, kinds = judged.server, judged.server.behaviour.kinds
    folder = Path(shutil.copytree(judged.fresh, tmp_path / "killed", symlinks=True))
    server.replies.clear()
    before = kinds["probe"]
    kill_when(folder, lambda: kinds["probe"] >= before + 3, KEY)
    assert not list(folder.glob("results/probe/*/probes.jsonl")), "killed too late"
    snakemake(folder, "--cores", "all", env=KEY)
    assert findings_in(folder) == judged.findings
    repeated = sum(server.replies.values()) - len(server.replies)
    assert repeated <= UNDER_WAY, "more than what was under way was paid twice"
    assert decoded(folder) == _audited(folder)["counts"]["draws"]


def test_killed_twice_while_a_panel_judges_it_pays_for_no_reply_twice(judged, tmp_path):
    """With as many requests left without an answer as may be under way, all other replies had been
    received: none of these is asked for again."""
    server = judged.server
    folder = Path(shutil.copytree(judged.finished, tmp_path / "killed", symlinks=True))
    (path,) = folder.glob("results/confirm/*/judgements.jsonl")
    judgements = read_rows(path, Judgement)
    assert {j.judge for j in judgements} >= {"large", "second", "third"}
    for part in ("results/confirm", "results/report", "results/audits", "cache/replies"):
        shutil.rmtree(folder / part)
    (usage,) = judged.finished.glob("results/confirm/*/usage.json")
    asked = sum(used.asked for used in read_document(usage, Usage).roles.values())
    server.replies.clear()
    before = server.attempts
    try:
        for part in (0.3, 0.7):
            server.held, server.behaviour.holds = 0, int(part * asked)
            kill_when(folder, lambda: server.held >= UNDER_WAY, KEY)
    finally:
        server.behaviour.holds = math.inf
    snakemake(folder, "--cores", "all", env=KEY)
    assert findings_in(folder) == judged.findings
    assert len(server.replies) == asked and set(server.replies.values()) == {1}
    assert server.attempts - before == asked + 2 * UNDER_WAY


def killed_at_random(judged, folder, kills: int, seed: int) -> None:
    """Kill so often; every audit that ends has the undisturbed findings. Prints what was lost."""
    server = judged.server
    shutil.copytree(judged.fresh, folder, symlinks=True)
    server.replies.clear()

    def finished():
        assert findings_in(folder) == judged.findings
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
    folder = Path(shutil.copytree(judged.fresh, tmp_path / "killed", symlinks=True))
    seed = random.randrange(10**6)
    kills = hosts_killed(folder, 5, random.Random(seed), KEY)
    assert kills == 5, seed
    assert findings_in(folder) == judged.findings, seed
    assert decoded(folder) == _audited(folder)["counts"]["draws"], seed


@pytest.mark.soak
def test_fifty_random_kills_end_in_the_undisturbed_findings(judged, tmp_path):
    killed_at_random(judged, tmp_path / "killed", 50, random.randrange(10**6))

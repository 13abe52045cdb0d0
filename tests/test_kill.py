"""Death in the middle: kill -9 of everything in round 1, then the same call ends the same."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import yaml
from conftest import read_lines, snakemake, write_config

from scripts.cache.records import RecordCache


def _decoded(folder) -> int:
    """Generations in the cache's segments, repeats counted: a repeat was decoded twice."""
    cache = RecordCache(folder / "cache/generations")
    cache.refresh()
    return sum(count for _, count, _ in cache.segments())


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
    config = yaml.safe_load((workspace / "config/config.yaml").read_text())
    config["execution"] = {"batch_size": 2}  # many batches to die between; changes no result
    write_config(workspace, config)
    _kill_in_round_1(workspace)
    kept = _decoded(workspace)
    assert kept > 0
    for path in workspace.glob("results/decode/**/shard-*.jsonl"):
        read_lines(path)  # whole lines only: no truncated file under a final name
    snakemake(workspace, "--unlock")
    snakemake(workspace, "--cores", "all")
    audit = json.loads((workspace / "results/audits/small/audit.json").read_text())
    assert _decoded(workspace) == audit["counts"]["draws"] > kept, "a draw was decoded twice"
    undisturbed = (finished / "results/audits/small/findings.jsonl").read_text()
    assert (workspace / "results/audits/small/findings.jsonl").read_text() == undisturbed

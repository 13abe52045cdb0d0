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


def _decoded(folder) -> list[str]:
    """Keys of all generations in the cache's segments, with repeats: a repeat was decoded twice."""
    cache = RecordCache(folder / "cache/generations")
    cache.refresh()
    return [keys for _, keys, _ in cache.segments()]


@pytest.fixture
def slow_draws(workspace):
    """The small audit with longer replies and one sequence a batch, so that round 1 lasts."""
    config = yaml.safe_load((workspace / "config/config.yaml").read_text())
    config["subjects"]["tiny"]["sampling"]["max_new_tokens"] = 60
    config["audits"]["small"]["plan"]["draws"] = 60
    config["execution"] = {"batch_size": 4}
    write_config(workspace, config)
    return workspace


def test_killed_in_round_1_it_completes_and_decodes_nothing_twice(slow_draws, finished):
    folder = slow_draws
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "all"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    deadline, seen = time.monotonic() + 300, 0
    cache = folder / "cache/generations"
    try:
        while time.monotonic() < deadline:
            running = [p for p in (folder / "logs/decode").rglob("round-1/*.log")]
            count = len(list(cache.glob("*.seg"))) if cache.is_dir() else 0
            if running and not seen:
                seen = count
            if running and count >= seen + 2:
                break
            assert process.poll() is None, "the run ended before it could be killed"
            time.sleep(0.05)
        else:
            pytest.fail("round 1 did not begin")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    in_cache = sum(_decoded(folder))
    assert in_cache > 0
    for path in folder.rglob("results/decode/**/shard-*.jsonl"):
        read_lines(path)  # whole lines only: no truncated file under a final name
    snakemake(folder, "--unlock")
    snakemake(folder, "--cores", "all")
    costs = json.loads((folder / "results/audits/small/costs.json").read_text())
    audit = json.loads((folder / "results/audits/small/audit.json").read_text())
    assert sum(_decoded(folder)) == audit["counts"]["draws"], "a draw was decoded twice"
    assert costs["stages"]["decode"]["full"]["texts"] == audit["counts"]["draws"]
    interrupted = (folder / "results/audits/small/findings.jsonl").read_text()
    for stage in ("results", "cache", "logs"):
        subprocess.run(["rm", "-rf", str(folder / stage)], check=True)
    snakemake(folder, "--cores", "all")
    assert (folder / "results/audits/small/findings.jsonl").read_text() == interrupted

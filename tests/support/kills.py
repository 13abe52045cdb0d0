"""Runs that are killed again and again: the main process, a job's own, or all amid a write."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
from conftest import BATCH, snakemake

from scripts.cache.records import RecordCache

DYING = Path(__file__).resolve().parents[1] / "dying"
KINDS = ("main", "job", "write")
CALL = [sys.executable, "-m", "snakemake", "--cores", "all"]


def decoded(folder: Path) -> int:
    """Generations in the cache's segments, repeats counted: a repeat was decoded twice."""
    cache = RecordCache(folder / "cache/generations")
    counts = [count for _, count, _ in cache.segments()]
    assert max(counts, default=0) <= BATCH, "segments were merged, which drops repeats"
    return sum(counts)


def processes_of(session: int) -> dict[int, str]:
    """Command lines of the living processes of a session, by id."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, of = place.joinpath("stat").read_text().rpartition(")")[2].split()[:4]
            if int(of) == session and state != "Z":
                found[int(place.name)] = place.joinpath("cmdline").read_text().replace("\0", " ")
        except (OSError, ValueError):
            continue
    return found


def unlock(folder: Path) -> None:
    """What Snakemake asks for after its main process was killed, and only then."""
    if any((folder / ".snakemake/locks").glob("*")):
        snakemake(folder, "--unlock")


def kill_when(
    folder: Path, reached: Callable[[], bool], env: dict[str, str], patience: float = 300
) -> None:
    """Start a call, kill -9 Snakemake and its workers once that is reached, and unlock."""
    process = subprocess.Popen(
        CALL, cwd=folder, env=os.environ | env, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + patience
    try:
        while not reached():
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline, "it was never reached"
            time.sleep(0.005)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    unlock(folder)


class Victim:
    """A workspace whose runs are killed. `sessions` are those of all runs, whose jobs may live on
    where the main process alone was killed."""

    def __init__(self, folder: Path, chance: random.Random, env: dict[str, str] | None = None):
        self.folder, self.chance = folder, chance
        self.env = os.environ | {"PYTHONPATH": str(DYING), **(env or {})}
        self.env.pop("AUTO_INTERVENTIONS_CALL", None)
        self.sessions: list[int] = []

    def run(self, kind: str | None) -> str:
        """One call, killed at a random point: `killed`, `ended` before that, or `failed` because
        of what an orphan of an earlier call did."""
        unlock(self.folder)
        env = dict(self.env)
        if kind == "write":
            counter = self.folder / f"syncs-{len(self.sessions)}"
            env["DIE_AT"] = f"{counter}:{self.chance.randint(1, 40)}"
        log = open(self.folder / "killed.log", "w")  # noqa: SIM115 - closed below
        process = subprocess.Popen(
            CALL, cwd=self.folder, env=env, stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        self.sessions.append(process.pid)
        try:
            process.wait(None if kind in (None, "write") else self.chance.uniform(3, 25))
        except subprocess.TimeoutExpired:
            if kind == "job" and (jobs := self._jobs(process)):
                for job in jobs:
                    os.kill(job, signal.SIGKILL)
            else:
                process.kill()
            process.wait()
        finally:
            log.close()
        if process.returncode == 0:
            return "ended"
        said = (self.folder / "killed.log").read_text()
        expected = process.returncode == -signal.SIGKILL or "SIGKILL" in said or "-9" in said
        return "killed" if expected else "failed"

    def _jobs(self, process, patience: float = 20) -> list[int]:
        """The process of a job's script, once there is one."""
        deadline = time.monotonic() + patience
        while process.poll() is None and time.monotonic() < deadline:
            found = processes_of(process.pid)
            if jobs := [pid for pid, line in found.items() if "/.snakemake/scripts/" in line]:
                return [self.chance.choice(sorted(jobs))]
            time.sleep(0.05)
        return []

    def end(self) -> None:
        """Kill what still lives of all runs."""
        for session in self.sessions:
            for pid in processes_of(session):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue


def hosts_of(folder: Path) -> list[psutil.Process]:
    """The living processes that keep models loaded for calls in a folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        with suppress(psutil.Error):
            named = "scripts.models.host_process" in (process.info["cmdline"] or [])
            if named and process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(folder):
                found.append(process)
    return found


def hosts_killed(folder: Path, kills: int, chance: random.Random, env: dict[str, str]) -> int:
    """One whole call whose hosts are killed, each some time after it was started, so many times at
    most; how many were. Fails when the call does."""
    with open(folder / "killed.log", "w") as log:
        call = subprocess.Popen(
            CALL, cwd=folder, env=os.environ | env, stdout=log, stderr=subprocess.STDOUT
        )
        done = 0
        while call.poll() is None:
            if done < kills and (found := hosts_of(folder)):
                time.sleep(chance.uniform(0, 2))
                with suppress(psutil.Error):
                    found[0].kill()
                    done += 1
            time.sleep(0.1)
    assert call.returncode == 0, (folder / "killed.log").read_text()[-4000:]
    return done


def survive(victim: Victim, kills: int, finished) -> Counter:
    """Kill calls on a workspace so many times and go on after each; `finished()` is called whenever
    the audit has come to its end, counts and clears the workspace. Counts of what happened."""
    found: Counter = Counter()
    order = [KINDS[n % len(KINDS)] for n in range(kills)]
    victim.chance.shuffle(order)
    try:
        while order:
            outcome = victim.run(order[-1])
            found[f"{order[-1]} {outcome}"] += 1
            if outcome == "killed":
                order.pop()
            elif outcome == "ended":
                victim.end()
                found.update(finished())
        for _ in range(5):
            if (last := victim.run(None)) == "ended":
                break
        assert last == "ended", (victim.folder / "killed.log").read_text()[-4000:]
        victim.end()
        found.update(finished())
    finally:
        victim.end()
    return found

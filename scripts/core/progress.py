"""What a job says of its work while it lasts: lines in its log, and its state in a hidden file.

The file lies beside the log, is written by a thread and at most twice a second, and is gone when
the job ends; Snakemake's main process reads it (display.py). Outside of a job nothing is written.
"""

import json
import logging
import os
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from scripts.core.text_tables import count, duration

EVERY = "AUTO_INTERVENTIONS_PROGRESS_SECONDS"
LOOKS = 0.5  # seconds between two looks at whether the state has changed
log = logging.getLogger("audit")


def interval() -> float:
    """Seconds between two lines about what is under way, from the environment; 30 by default."""
    try:
        return max(1.0, float(os.environ.get(EVERY, "")))
    except ValueError:
        return 30.0


class State(NamedTuple):
    """How far a piece of work is. `total` is None where nobody knows it, a bound where `at_most`;
    `began` and `updated` are seconds since the epoch."""

    what: str
    unit: str
    done: float
    total: float | None
    at_most: bool
    began: float
    updated: float

    def left(self, now: float, a_unit: float | None = None) -> float | None:
        """Seconds left at the rate so far, or at `a_unit` seconds each while nothing is done; None
        where that is unknown."""
        if self.done and self.updated > self.began:
            a_unit = (self.updated - self.began) / self.done
        if self.total is None or a_unit is None:
            return None
        since = self.updated if self.done else self.began
        return max(0.0, (self.total - self.done) * a_unit - (now - since))

    def __str__(self) -> str:
        now = time.time()
        parts = [amount(self.done, self.total, self.unit, self.at_most)]
        if self.done and self.updated > self.began:
            parts.append(rate(self.done / (self.updated - self.began), self.unit))
        left = self.left(now)
        parts.append(
            f"{duration(now - self.began)} so far"
            if left is None
            else remaining(left, self.at_most)
        )
        return ", ".join(parts)


def amount(done: float, total: float | None, unit: str, at_most: bool = False) -> str:
    """How many of how many, such as "1,200 of 3,000 texts"."""
    if total is None:
        return f"{count(done) or 0} {plural(unit, done)}"
    return f"{count(done) or 0} of {'at most ' * at_most}{count(total) or 0} {plural(unit, total)}"


def plural(unit: str, number: float) -> str:
    return unit if number == 1 else f"{unit}s"


def rate(a_second: float, unit: str) -> str:
    """Units a second, or seconds a unit where that is the larger number."""
    return f"{a_second:.3g} {unit}s/s" if a_second >= 1 else f"{1 / a_second:.3g} s a {unit}"


def remaining(seconds: float, at_most: bool) -> str:
    return f"{'at most' if at_most else 'about'} {duration(seconds)} left"


@dataclass
class Work:
    """A piece of a job's work, of `total` units (None: not known yet). A context manager."""

    total: float | None
    unit: str
    what: str
    at_most: bool = False
    done: float = 0
    began: float = field(default_factory=time.time)
    updated: float = field(default_factory=time.time)

    def update(self, number: float = 1) -> None:
        """So many more are done."""
        self.done += number
        self.updated = time.time()

    def expect(self, more: float) -> None:
        """Beside what is done there are at most so many more."""
        self.total, self.at_most = self.done + more, True

    def close(self) -> None:
        if _JOB and _JOB.work is self:
            _JOB.work = None

    def state(self) -> State:
        return State(**asdict(self))

    def __enter__(self) -> "Work":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def progress(total: float | None, unit: str, what: str) -> Work:
    """Say what this job works on from now on: so many `unit`s (in the singular)."""
    work = Work(total, unit, what)
    if _JOB:
        _JOB.work = work
    return work


class Reporter:
    """The thread that tells of a job's work: its state beside `log_file`, and lines in the log."""

    def __init__(self, log_file: str | os.PathLike[str], stage: str):
        self.work: Work | None = None
        self._path, self._stage = state_path(log_file), stage
        self._began = time.time()
        self._written: State | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> "Reporter":
        global _JOB
        _JOB = self
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        global _JOB
        _JOB = None
        self._ended.set()
        self._thread.join(5)
        self.forget()

    def forget(self) -> None:
        """Take the state away."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _run(self) -> None:
        said = time.monotonic()
        while not self._ended.wait(LOOKS):
            work = self.work
            state = work and work.state()
            if state and state != self._written and not self._write(state):
                return
            if time.monotonic() - said >= interval():
                said = time.monotonic()
                if state:
                    log.info("%s: %s", state.what, state)
                else:
                    log.info("%s: %s so far", self._stage, duration(time.time() - self._began))

    def _write(self, state: State) -> bool:
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            temporary.write_text(json.dumps(state._asdict()))
            os.replace(temporary, self._path)
        except OSError as error:
            log.warning("how far this job is cannot be shown: %s", error)
            return False
        self._written = state
        return True


_JOB: Reporter | None = None


def state_path(log_file: str | os.PathLike[str]) -> Path:
    """Where a job with this log leaves its state."""
    path = Path(log_file)
    return path.with_name(f".{path.stem[-100:]}.progress")


def read_state(log_file: str | os.PathLike[str]) -> State | None:
    """The state of the job with this log; None while it says nothing."""
    try:
        return State(**json.loads(state_path(log_file).read_text()))
    except (OSError, ValueError, TypeError):
        return None

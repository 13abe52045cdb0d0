"""What is under way in a call of Snakemake: its running jobs and what they say of themselves,
added up by stage and round.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from scripts.core.progress import State, amount, rate, read_state, remaining, state_path
from scripts.core.text_tables import count, duration

if TYPE_CHECKING:
    from snakemake.jobs import Job
    from snakemake.scheduling.job_scheduler import JobScheduler

SKEW = 5.0  # seconds by which the clocks of two machines may differ
LEAST_UNITS = 20  # that tell how fast they are done: the first come late, or in one batch

Part = tuple[str, str]  # a stage, and a step such as "round-1", or ""


class Running(NamedTuple):
    """A running job, as Snakemake knows it."""

    part: Part
    side: str
    log_file: str


class Row(NamedTuple):
    """One line of the display; `share` of the work is done, None where that is not known."""

    name: str
    cells: list[str]
    share: float | None

    def __str__(self) -> str:
        return f"{self.name}: {', '.join(filter(None, self.cells))}"


@dataclass
class _Group:
    """The jobs of one stage and step."""

    planned: int
    began: float
    ended: int = 0
    # what ended jobs did, by (what, unit)
    work: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    told: int = 0  # ended jobs that said how much that was


@dataclass
class _Job:
    running: Running
    began: float
    state: State | None = None


class UnderWay:
    """Follows the jobs of one call.

    planned: how many jobs this call runs of each part, as far as Snakemake knows by now; began: of
    the call, seconds since the epoch. What a job of an earlier call left behind is ignored.
    """

    def __init__(
        self,
        planned: Callable[[], Mapping[Part, int]],
        began: float,
        clock: Callable[[], float] = time.time,
    ):
        self._planned, self._began, self._clock = planned, began, clock
        self._jobs: dict[Running, _Job] = {}
        self._groups: dict[Part, _Group] = {}
        self._looked = clock()
        # Seconds and units, by what
        self._busy: defaultdict[str, float] = defaultdict(float)
        self._done: defaultdict[str, float] = defaultdict(float)

    def look(self, running: Iterable[Running]) -> list[str]:
        """Take in which jobs run now and what they say; one line for each part that has ended."""
        now, running = self._clock(), set(running)
        for gone in self._jobs.keys() - running:
            self._end(self._jobs.pop(gone))
        for new in sorted(running - self._jobs.keys()):
            if new.part not in self._groups:
                self._groups[new.part] = _Group(self._planned().get(new.part, 0), now)
            self._jobs[new] = _Job(new, now)
        for job in self._jobs.values():
            state = read_state(job.running.log_file)
            if state and state.began >= self._began - SKEW:
                if job.state and (job.state.what, job.state.began) != (state.what, state.began):
                    self._done[job.state.what] += job.state.done
                job.state = state
        for what in {job.state.what for job in self._jobs.values() if job.state}:
            self._busy[what] += now - self._looked
        self._looked = now
        active = {job.running.part for job in self._jobs.values()}
        over = [p for p, g in self._groups.items() if p not in active and g.ended >= g.planned]
        return [self._ended(part, self._groups.pop(part)) for part in over]

    def rows(self) -> list[Row]:
        """A row for each part with a running job, in the order in which they began."""
        by_part: dict[Part, list[_Job]] = {part: [] for part in self._groups}
        for job in self._jobs.values():
            by_part[job.running.part].append(job)
        return [self._row(part, jobs) for part, jobs in by_part.items() if jobs]

    def seconds_a_unit(self) -> dict[str, float]:
        """Of each kind of work ("decode", "embed", "plant", …) as seen in this call, jobs side by
        side counted once; none of what has hardly begun."""
        now = self.under_way()
        done = {what: self._done[what] + now[what] for what in {*self._done, *now}}
        return {
            what: self._busy[what] / n
            for what, n in done.items()
            if n >= LEAST_UNITS and self._busy[what]
        }

    def under_way(self) -> defaultdict[str, float]:
        """Units done by the jobs that run now, by kind of work."""
        found: defaultdict[str, float] = defaultdict(float)
        for job in self._jobs.values():
            if job.state:
                found[job.state.what] += job.state.done
        return found

    def _end(self, job: _Job) -> None:
        group = self._groups[job.running.part]
        group.ended += 1
        if job.state:
            # The last part was done between the last look and the end.
            done = job.state.done if job.state.at_most else job.state.total or job.state.done
            group.work[job.state.what, job.state.unit] += done
            group.told += 1
            self._done[job.state.what] += done
        with suppress(OSError):  # left by a job that was killed
            state_path(job.running.log_file).unlink(missing_ok=True)

    def _ended(self, part: Part, group: _Group) -> str:
        took = max(self._clock() - group.began, 0.1)
        did = [
            f"{amount(done, None, unit)} in {duration(took)} ({rate(done / took, unit)})"
            for (_, unit), done in group.work.items()
            if done
        ]
        return f"{name_of(part)}: {', '.join(did) or duration(took)}, done"

    def _row(self, part: Part, jobs: list[_Job]) -> Row:
        group, now = self._groups[part], self._clock()
        planned = max(group.planned, group.ended + len(jobs))
        states = [job.state for job in jobs if job.state]
        sides = {job.running.side for job in jobs}
        side = f" ({sides.pop()})" if planned > 1 and len(sides) == 1 and "" not in sides else ""
        of = f"{group.ended} of {count(planned)} jobs" if planned > 1 else ""
        since = f"{duration(now - min(job.began for job in jobs))} so far"
        name = name_of(part) + side
        if not states:
            return Row(name, [of, "", "", since], None)
        what, unit = states[0].what, states[0].unit
        same = [state for state in states if state.what == what]
        before = group.work[what, unit]
        done = before + sum(state.done for state in same)
        totals = [state.total for state in same if state.total is not None]
        if len(totals) < len(same):
            return Row(name, [of, amount(done, None, unit), "", since], None)
        told = before + sum(totals)
        known = group.told + len(same)
        total = told * planned / known  # those that have not begun are like the others
        words = amount(done, total, unit, any(state.at_most for state in same))
        if known < planned:
            words = words.replace(" of ", " of about ", 1)
        a_unit = self.seconds_a_unit().get(what)
        cells = [of, words, rate(1 / a_unit, unit) if a_unit else "", since]
        if a_unit and total > done:
            waited = 0.0 if any(s.done for s in same) else now - min(s.began for s in same)
            left = max(0.0, (total - done) * a_unit - waited)
            cells[-1] = remaining(left, any(state.at_most for state in same))
        return Row(name, cells, done / total if total else None)


def name_of(part: Part) -> str:
    """As the README names it: "decode round 1", "decode screen", "plant"."""
    return " ".join(part).strip().replace("-", " ").replace("_", " ")


def running_jobs(scheduler: "JobScheduler") -> list[Running]:
    """The jobs that Snakemake's scheduler runs now, those of groups one by one."""
    return [
        Running(part_of(job), job.wildcards.get("side", ""), job.log[0])
        for either in scheduler.running.copy()
        for job in (either.jobs if either.is_group() else [either])
        if job.log
    ]


def part_of(job: "Job") -> Part:
    return job.rule.name, job.wildcards.get("step", "")

"""What a call of Snakemake has before it, and how long that takes at most.

Amounts are bounds from the settings (estimates.py), less what the files in results/ show to
be done. Rates are those seen in this call, else those of jobs that have run here, else what the
machine's arithmetic lets expect.
"""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from scripts.core.progress import amount
from scripts.core.text_tables import count, duration
from scripts.core.vocabulary import SIDES
from scripts.workflow.audit_plan import lines_in
from scripts.workflow.described import Audits, DescribedAudit, DescribedNode
from scripts.workflow.estimates import Line, lines_of, mark_shared
from scripts.workflow.speed import Range, Rates

A_JOB = Range(1.0, 4.0)  # seconds that a job takes beside its work: starting, loading
JOBS_OF_ROUND = 5  # plan, decode both sides, embed, measure
REST = 50  # times as long as looking took passes before the next look


@dataclass(frozen=True)
class Left:
    """What is left at most, over all audits, each part counted once."""

    steps: float = 0
    draws: float = 0  # texts of both subjects that are still to be drawn
    tokens: float = 0  # decoded for them and for plants
    texts: float = 0  # embedded
    requests: float = 0

    def __add__(self, other: "Left") -> "Left":
        return Left(*(getattr(self, name) + getattr(other, name) for name in self.__match_args__))


def left_of(audits: Audits, results: Path) -> Left:
    """What is left of all audits. Raises what reading their banks raises."""
    lines = mark_shared(
        (name, line) for name, audit in audits.items() for line in lines_of(audit, results)
    )
    whole = Left()
    for name, line in lines:
        if not line.state:
            whole += _left_of_line(audits[name], line, results)
    return whole


def _left_of_line(audit: DescribedAudit, line: Line, results: Path) -> Left:
    requests = line.bill.high.requests
    if not line.draws:
        return Left(line.steps, 0, line.tokens, line.texts, requests)
    (plan,) = (
        node
        for node in audit["nodes"]
        if node["stage"] == "plan" and node["settings"]["pool"] == line.part
    )
    planned, made = _drawn(plan, results)
    # A later pool is planned whole; rounds come one by one.
    draws = planned - made if planned and line.part != "explore" else max(0, line.draws - made)
    texts = max(0, line.texts - made) if line.texts else 0
    return Left(0, draws, draws * line.tokens / line.draws, texts, requests)


def _drawn(plan: DescribedNode, results: Path) -> tuple[int, int]:
    """How many texts the plans of a pool ask of both sides, and how many of them are made."""
    planned = made = 0
    for path in (results / "plan" / plan["key"]).glob("*.jsonl"):
        draws = _rows(path, path.stat().st_mtime_ns)
        planned += 2 * draws
        for side in SIDES:
            _, key = plan["inputs"][side]
            shards = (results / "decode" / key / side / plan["key"] / path.stem).glob("*.jsonl")
            of = Counter(shard.stem.rpartition("-")[2] for shard in shards)
            made += round(draws * max((n / int(total) for total, n in of.items()), default=0))
    return planned, made


@lru_cache(maxsize=4096)
def _rows(path: Path, _: int) -> int:
    return lines_in(path)


def seconds_left(left: Left, rates: Rates, jobs: int, seen: Mapping[str, float]) -> Range:
    """From the fastest to the slowest rate; `seen` are seconds a unit of this call, by the kind of
    work that its jobs name. Requests count where one has been seen."""
    tokens = left.tokens if "decode" not in seen else 0
    texts = left.texts if "embed" not in seen else 0
    steps = left.steps if "plant" not in seen else 0
    known = (
        left.draws * seen.get("decode", 0)
        + left.texts * seen.get("embed", 0)
        + left.steps * seen.get("plant", 0)
        + left.requests * seen.get("assistant", 0)
        if seen
        else 0
    )
    by_rates = rates.seconds(tokens, texts, steps)
    return Range(*(a + known + jobs * b for a, b in zip(by_rates, A_JOB, strict=True)))


class Forecast:
    """How long a call still takes at most, looked up anew now and then.

    audits: as the params of the rule `estimate`. What the bank of an audit cannot tell now leaves
    the forecast empty: the job that reads it will say what is wrong.
    """

    def __init__(self, audits: Audits, results: Path, rates: Rates):
        self.rates, self._audits, self._results = rates, audits, results
        self._next, self._for, self._left = 0.0, -1, Left()

    def left(self, done_jobs: int = 0) -> Left:
        """Amounts; looked up only when another job is done, and seldom where looking takes long."""
        now = time.monotonic()
        if done_jobs != self._for and now >= self._next:
            self._left, self._for = left_of(self._audits, self._results), done_jobs
            self._next = time.monotonic() + REST * (time.monotonic() - now)
        return self._left

    def whole(
        self, done_jobs: int, jobs: int, under_way: Mapping[str, float], seen: Mapping[str, float]
    ) -> str:
        """How far the call is, in one line; under_way: units done by running jobs, by kind."""
        found = self.left(done_jobs)
        draws = max(0.0, found.draws - under_way.get("decode", 0))
        found = Left(
            max(0.0, found.steps - under_way.get("plant", 0)),
            draws,
            found.tokens * (draws / found.draws if found.draws else 1),
            max(0.0, found.texts - under_way.get("embed", 0)),
            max(0.0, found.requests - under_way.get("assistant", 0)),
        )
        most = seconds_left(found, self.rates, max(0, jobs - done_jobs), seen).high
        said = f"in all: {amount(done_jobs, None, 'job')} done, at most {duration(most)} left"
        if found.requests and "assistant" not in seen:
            said += f" and {count(found.requests)} requests to the assistant"
        return said

    def beginning(self, stages: Mapping[str, int]) -> list[str]:
        """What the call will do, in a few lines. stages: how many jobs it knows of, by stage."""
        found, todo = self.left(), []
        if models := stages.get("model"):
            todo.append(f"fetch {models} model{'s' * (models != 1)}")
        if found.steps:
            todo.append(f"plant behaviours in {count(found.steps)} training steps")
        if found.draws:
            verb = "draw" if found.tokens else "look up"  # of recorded texts
            todo.append(f"{verb} at most {count(found.draws)} texts from the subjects")
        if found.texts:
            todo.append(f"embed at most {count(found.texts)}")
        if found.requests:
            todo.append(f"send at most {count(found.requests)} requests to the assistant")
        if reports := stages.get("report"):
            todo.append(f"write {reports} report{'s' * (reports != 1)}")
        jobs = sum(stages.values()) + JOBS_OF_ROUND * bool(found.draws)
        took = seconds_left(found, self.rates, jobs, {})
        least, most = duration(took.low), duration(took.high)
        between = f"about {most}" if least == most else f"between {least} and {most}"
        lines = [
            f"To do: {', '.join(todo) or 'small jobs'}.",
            f"That takes {between} at most; {self._source()}.",
        ]
        if found.requests:
            lines[-1] = lines[-1][:-1] + ", and what the assistant's replies take."
        return lines

    def _source(self) -> str:
        if all(self.rates.jobs[:2]):
            return f"rates as measured in {sum(self.rates.jobs)} jobs here"
        return f"rates {self.rates.source}"

"""Show how far a call of Snakemake is, from its first job to its last."""

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from snakemake.logging import LogEvent, logger
from snakemake.settings.enums import Quietness

from scripts.core.errors import AuditError
from scripts.workflow.described import Audits
from scripts.workflow.display import Display, screen
from scripts.workflow.forecast import Forecast, Left, seconds_left
from scripts.workflow.paths import RESULTS
from scripts.workflow.recipes import STAGES
from scripts.workflow.speed import (
    Rates,
    arithmetic,
    known_arithmetic,
    measured_rates,
    rates_of,
)
from scripts.workflow.under_way import UnderWay, part_of

if TYPE_CHECKING:
    from snakemake.jobs import Job
    from snakemake.workflow import Workflow

WORTH_MEASURING = 30.0  # seconds that the work takes at least; less is not worth three
_SHOWN: list[Display] = []
# What the display says, too: events, and lines that come without one.
_EVENTS = {LogEvent.JOB_FINISHED, LogEvent.PROGRESS, LogEvent.JOB_STARTED, LogEvent.RUN_INFO}
_LINES = (
    "Select jobs to execute...",
    "DAG of jobs will be updated after completion.",
    "Updating checkpoint dependencies.",
)


def show(workflow: "Workflow", audits: Audits, cache: Path, began: float) -> None:
    """Say what comes and show how far it is, if any stage has something to do.

    Called by the main process before the first job; audits as in the params of the rule `estimate`.
    """
    quiet = workflow.output_settings.quiet or ()
    stages = Counter(
        job.rule.name for job in workflow.dag.needrun_jobs() if job.rule.name in STAGES
    )
    if not stages or Quietness.ALL in quiet or workflow.execution_settings.debug:
        return
    on = screen()
    if Quietness.RULES in quiet:
        _hush(workflow)
    forecast = _forecast(workflow, _asked_for(workflow, audits), cache, stages)
    for line in forecast.beginning(stages) if forecast else ():
        on.say(line)
    jobs = UnderWay(lambda: Counter(map(part_of, _needed(workflow))), began)
    scheduler = workflow.scheduler

    def whole() -> str:
        done = scheduler.finished_jobs
        if forecast is None:
            return f"in all: {done} jobs done"
        known = len(workflow.dag)
        return forecast.whole(done, known, jobs.under_way(), jobs.seconds_a_unit())

    _SHOWN.append(Display(on, scheduler, jobs, whole))


def hide() -> None:
    """Take the display away, if there is one."""
    while _SHOWN:
        _SHOWN.pop().close()


def _asked_for(workflow: "Workflow", audits: Audits) -> Audits:
    """The audits that this call publishes; for other targets, those that its jobs belong to."""
    jobs = _needed(workflow)
    rules = {job.rule.name for job in jobs}
    if published := {name: audits[name] for name in audits if f"publish_{name}" in rules}:
        return published
    keys = {job.wildcards.get("key") for job in jobs}
    return {
        name: audit
        for name, audit in audits.items()
        if not keys.isdisjoint(node["key"] for node in audit["nodes"])
    }


def _needed(workflow: "Workflow") -> list["Job"]:
    # Copied at once: Snakemake's own thread adds to it.
    return list(workflow.dag.needrun_jobs(exclude_finished=False))


def _forecast(
    workflow: "Workflow", audits: Audits, cache: Path, stages: Mapping[str, int]
) -> Forecast | None:
    """None where the amounts are not known: the benchmark has other stages, and what is wrong with
    a bank is said by the job that reads it."""
    if not stages.keys() & {"publish", "report", "confirm", "screen", "measure", "decode"}:
        return None
    rates = measured_rates(RESULTS)
    forecast = Forecast(audits, RESULTS, rates)
    try:
        left = forecast.left()
    # What is damaged may lack anything; the job that reads it names it.
    except (AuditError, OSError, ValueError, LookupError, TypeError) as error:
        logger.warning(f"how long this takes is not known: {error}")
        return None
    forecast.rates = _rates(workflow, rates, cache, left, forecast)
    return forecast


def _rates(
    workflow: "Workflow", rates: Rates, cache: Path, left: Left, forecast: Forecast
) -> Rates:
    """Where no job has run yet, by this machine's arithmetic, if its processor does the work."""
    if all(rates.jobs[:2]) or not workflow.local_exec:
        return rates
    found = known_arithmetic(cache)
    if not found and seconds_left(left, rates, 0, {}).low > WORTH_MEASURING:
        found = arithmetic(cache)
    return measured_rates(RESULTS, rates_of(found)) if found else rates


def _hush(workflow: "Workflow") -> None:
    """With `--quiet rules`, Snakemake's lines on single jobs are no longer printed."""

    def tells_more(record: logging.LogRecord) -> bool:
        return getattr(record, "event", None) not in _EVENTS and record.msg not in _LINES

    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler":
            handler.addFilter(tells_more)

"""Simulated audits by the hundred, on all cores.

Every trial is a small description that a worker turns into a subject and audits; what it returns
is a row of plain numbers. Vectors of rewritten texts are embedded beforehand.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

from scripts.benchmark.audit import audit
from scripts.benchmark.rows import LadderRow
from scripts.benchmark.scoring import score_simulated
from scripts.benchmark.trial import Trial, TrialSetup
from scripts.core.progress import progress

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_trial(setup: TrialSetup, trial: Trial) -> LadderRow:
    """Audit one simulated subject and score it: a row of the ladder."""
    subject = trial.subject(setup)
    outcome = audit(subject, setup.settings, trial.seed)
    scores = [
        (f, score_simulated(f.check, {region.id for region in f.regions}, subject))
        for f in outcome.validated
        if f.check
    ]
    named: dict[str, int | None] = {name: None for name in trial.behaviours}
    for rank, (_, score) in enumerate(scores, 1):
        for name in score.names:
            named[name] = named[name] or rank
    return {
        "seed": trial.seed,
        "spread": trial.spread,
        "dose": trial.dose,
        "behaviours": list(trial.behaviours),
        "rank": named,
        "tested": len(outcome.findings),
        "validated": len(scores),
        "true": sum(bool(score.names) or score.true for _, score in scores),
        "false": [f.statement for f, score in scores if not (score.names or score.true)],
        "dipped": outcome.dipped,
        "texts": sum(outcome.texts.values()),
        "texts_by_pool": outcome.texts,
        "requests": sum(outcome.requests.values()),
    }


_SETUP: TrialSetup | None = None


def _work(task: tuple[Callable[[TrialSetup, Item], Result], Item]) -> Result:
    function, item = task
    assert _SETUP is not None, "set before the workers are forked"
    with threadpool_limits(1):
        return function(_SETUP, item)


def on_all_cores(
    setup: TrialSetup,
    function: Callable[[TrialSetup, Item], Result],
    items: Sequence[Item],
    cores: int,
    what: str,
) -> list[Result]:
    """function(setup, item) for every item, in order; workers inherit the setup by fork."""
    global _SETUP
    _SETUP = setup
    found: list[Result] = []
    context = multiprocessing.get_context("fork")
    with (
        ProcessPoolExecutor(cores, mp_context=context) as pool,
        progress(len(items), "audit", what) as bar,
    ):
        for row in pool.map(_work, [(function, item) for item in items], chunksize=4):
            found.append(row)
            bar.update()
    return found

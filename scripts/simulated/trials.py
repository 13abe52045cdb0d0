"""Simulated audits by the hundred, on all cores: the dose ladder, null audits, rates, strategies.

Every trial is a small description that a worker turns into a subject and audits; what it returns
is a row of plain numbers. Vectors of rewritten texts are embedded beforehand.
"""

import multiprocessing
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from scripts.simulated.audit import audit
from scripts.simulated.behaviours import Behaviour, prompts_of
from scripts.simulated.scoring import score_simulated
from scripts.simulated.suite import Plant, Subject, Suite, rewritten
from scripts.workflow.job import progress

Vectors = Mapping[tuple[str, int, int], np.ndarray]
MOST_TEXTS = 1500  # rewritten texts of a behaviour that are embedded
EXPLORED = 5  # samples of a prompt among them


@dataclass(frozen=True)
class Stage:
    """What all trials share."""

    suite: Suite
    behaviours: Mapping[str, Behaviour]
    vectors: Vectors
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Trial:
    """One simulated audit: which behaviours, on what share of the bank, at which dose, which seed.
    Without behaviours it is a null audit."""

    seed: int
    behaviours: tuple[str, ...] = ()
    spread: float = 0.0
    dose: float = 0.0

    def subject(self, stage: Stage) -> Subject:
        if not self.behaviours:
            return Subject(stage.suite, seed=self.seed, null=True)
        plants = [
            Plant(b, frozenset(prompts_of(b, stage.suite.topics, self.spread)), self.dose)
            for b in (stage.behaviours[name] for name in self.behaviours)
        ]
        return Subject(stage.suite, plants, self.seed, stage.vectors)


def groups(names: Sequence[str], together: int) -> list[tuple[str, ...]]:
    """Behaviours that are planted together: far apart in the order of topics, so that they meet
    on no prompt up to a tenth of the bank."""
    count = max(1, len(names) // together)
    return [tuple(names[start::count]) for start in range(count)]


def ladder(behaviours: Mapping[str, Behaviour], bench: Mapping[str, Any]) -> list[Trial]:
    """All cells of the dose ladder. On a share above a half, behaviours are planted alone."""
    names = [b.name for b in behaviours.values() if b.rewrite]
    sets = groups(names, bench["together"])
    alone = [(group[0],) for group in sets][: bench["behaviours_of_all"]]
    return [
        Trial(seed, group, spread, dose)
        for seed in range(bench["seeds"])
        for spread in bench["spreads"]
        for dose in bench["doses"]
        for group in (alone if spread > 0.5 else sets)
    ]


def texts_to_embed(
    suite: Suite, behaviours: Mapping[str, Behaviour], trials: Iterable[Trial]
) -> dict[tuple[str, int, int], str]:
    """Rewritten texts that the explore pools of the trials may draw, by (behaviour, prompt,
    sample): MOST_TEXTS a behaviour; of further samples the first one's vector stands in."""
    widest: dict[str, float] = {}
    for trial in trials:
        for name in trial.behaviours:
            widest[name] = max(widest.get(name, 0.0), trial.spread)
    found = {}
    for name, spread in widest.items():
        prompts = prompts_of(behaviours[name], suite.topics, spread)
        samples = min(suite.samples, max(1, min(EXPLORED, MOST_TEXTS // len(prompts))))
        for prompt in prompts:
            for sample in range(samples):
                text = suite.texts["intervention"][prompt][sample]
                key = (name, prompt, sample)
                found[key] = rewritten(suite, behaviours[name], text, prompt, sample)
    return found


def run_trial(stage: Stage, trial: Trial) -> dict[str, Any]:
    """Audit one simulated subject and score it: a row of the ladder."""
    subject = trial.subject(stage)
    outcome = audit(subject, stage.settings, trial.seed)
    scores = [(f, score_simulated(f, subject)) for f in outcome.validated]
    named = {name: None for name in trial.behaviours}
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
        "matched": sum(bool(score.names) for _, score in scores),
        "false": [f["statement"] for f, score in scores if not (score.names or score.true)],
        "suggestive": sum(f["status"] == "suggestive" for f in outcome.findings),
        "above_20": sum((f["e_value"] or 0) >= 20 for f in outcome.findings),
        "texts": sum(outcome.texts.values()),
        "texts_by_pool": outcome.texts,
        "requests": sum(outcome.requests.values()),
        "silhouette": round(outcome.rounds[-1]["silhouette"], 4),
    }


_STAGE: Stage | None = None


def _work(task: tuple[Callable[[Stage, Any], Any], Any]) -> Any:
    function, item = task
    with threadpool_limits(1):
        return function(_STAGE, item)


def on_all_cores(
    stage: Stage, function: Callable[[Stage, Any], Any], items: Sequence[Any], cores: int, what: str
) -> list[Any]:
    """function(stage, item) for every item, in order; workers inherit the stage by fork."""
    global _STAGE
    _STAGE = stage
    found = []
    context = multiprocessing.get_context("fork")
    with (
        ProcessPoolExecutor(cores, mp_context=context) as pool,
        progress(len(items), "audit", what) as bar,
    ):
        for row in pool.map(_work, [(function, item) for item in items], chunksize=4):
            found.append(row)
            bar.update()
    return found

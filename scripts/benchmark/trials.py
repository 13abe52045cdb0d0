"""Simulated audits: the dose ladder, null audits, rate intervals, and acquisition strategies.

All start from the exhaustive run of one audit of a subject against itself: 2 × `samples` real draws
a prompt. What is simulated is only the rewriting by a planted rule (scripts/benchmark/).
"""

import re
from dataclasses import replace

import numpy as np

from scripts.benchmark.audit import audit, explore
from scripts.benchmark.planted import Behaviour, load_planted_behaviours, plantable_in
from scripts.benchmark.rewritten import read_rewritten
from scripts.benchmark.rows import (
    LadderPart,
    LongerRow,
    NullPart,
    RateRow,
    RatesPart,
    StrategiesPart,
    StrategyRow,
)
from scripts.benchmark.runner import on_all_cores, run_trial
from scripts.benchmark.settings import AuditSettings, BehavioursPlace, Repeats, TrialsSettings
from scripts.benchmark.strategies import texts_until_proposed
from scripts.benchmark.suite import (
    PlantedBehaviour,
    Rewritten,
    SimulatedSubject,
    VectorOf,
    suite_of,
)
from scripts.benchmark.trial import LEAST_SPREAD, LOW_DOSE, Trial, TrialSetup, groups, ladder
from scripts.core.files import write_json
from scripts.core.job import Job, run
from scripts.core.randomness import hash_unit
from scripts.draws.planning import plan_pool
from scripts.draws.rules import RULES
from scripts.draws.settings import PoolSettings
from scripts.evidence.rates import stratified_rate

DEEP = 4  # times the explore draws, for doses that the usual ones cannot show
RATES = ((0.1, 1.0), (0.3, 1.0), (1.0, 0.5), (0.5, 0.5))  # dose, share of a region's prompts


def with_larger_allowance(settings: AuditSettings) -> AuditSettings:
    """The same audit with more explore draws, more hypotheses and more screen samples."""
    return {
        **settings,
        "measure": {**settings["measure"], "budget": DEEP * settings["measure"]["budget"]},
        "plan": {**settings["plan"], "draws": DEEP * settings["plan"]["draws"]},
        "propose": {**settings["propose"], "hypotheses": 30},
        "screen": {**settings["screen"], "samples": settings["confirm"]["samples"]},
        "confirm": {**settings["confirm"], "draws": DEEP * settings["confirm"]["draws"]},
    }


def strategy_row(setup: TrialSetup, task: tuple[str, bool, Trial]) -> StrategyRow:
    """Texts until each behaviour of a trial is proposed, with one strategy, in small rounds."""
    name, coupled, trial = task
    usual = setup.settings
    settings: AuditSettings = {
        **usual,
        "measure": {**usual["measure"], "budget": 2 * usual["measure"]["budget"]},
        "plan": {**usual["plan"], "draws": 120},
    }
    subject = trial.subject(setup)
    found = texts_until_proposed(subject, settings, trial.seed, name, coupled)
    most = 2 * settings["measure"]["budget"]
    label = f"{name}, coupled" if coupled else name
    return {"strategy": label, "dose": trial.dose, "spread": trial.spread, "seed": trial.seed,
            "texts": [found[b] or most for b in trial.behaviours],
            "found": [found[b] is not None for b in trial.behaviours]}  # fmt: skip


def rate_row(setup: TrialSetup, trial: Trial) -> RateRow:
    """Intervals of planted rates after sampling has chased divergence.

    Each behaviour is planted on a random share `spread` of the prompts of one region, so that the
    rate of prompts like these is spread × dose. The regions that the explore rounds end with as
    promising, of those planted, give intervals from confirm draws, alone and pooled. Beside them
    the share of all explore draws that show a behaviour, and what it is in the bank.
    """
    suite, settings = setup.suite, setup.settings
    apart = max(1, len(suite.regions) // len(trial.behaviours))  # no two in one region
    homes = {name: suite.regions[(trial.seed + apart * i) % len(suite.regions)].id
             for i, name in enumerate(trial.behaviours)}  # fmt: skip
    plants = [
        PlantedBehaviour(
            setup.behaviours[name],
            frozenset(
                p for p, region in enumerate(suite.region)
                if region == home
                and hash_unit("prompt", trial.seed, name, suite.ids[p]) < trial.spread
            ),
            trial.dose,
        )
        for name, home in homes.items()
    ]  # fmt: skip
    subject = SimulatedSubject(suite, plants, trial.seed, any_of_behaviour(setup.vectors))
    prompts = suite.rows(trial.seed, settings["pools"])
    drawn, rounds, _ = explore(subject, prompts, settings, trial.seed)
    testing = settings["confirm"]
    prompts_at_most, samples_at_most = testing["prompts"], testing["samples"]
    confirm: PoolSettings = {
        "pool": "confirm", "prompts": prompts_at_most, "samples": samples_at_most, "ready": False,
    }  # fmt: skip
    weights = {region.id: region.weight for region in suite.regions}
    # alone where promising, and pooled over all planted regions that are
    chosen = [r for r in homes.values() if r in rounds[-1].promising]
    rows = []
    for regions in [[r] for r in chosen] + ([chosen] if len(chosen) > 1 else []):
        for samples in (1, samples_at_most):
            values: dict[str, list[float]] = {r: [] for r in regions}
            fresh = plan_pool(prompts, dict.fromkeys(regions, [samples] * prompts_at_most), confirm)
            of_prompt: dict[tuple[str, str], list[bool]] = {}
            for row in fresh:
                shown = subject.planted(suite.place[row.prompt], row.sample) is not None
                of_prompt.setdefault((row.region, row.prompt), []).append(shown)
            for (region, _), samples_shown in of_prompt.items():
                values[region].append(float(np.mean(samples_shown)))
            rate = stratified_rate({r: weights[r] for r in regions}, values)
            rows.append([len(of_prompt) * trial.spread * trial.dose, rate.low, rate.high])
    naive = [subject.planted(suite.place[r.prompt], r.sample) is not None for r in drawn]
    truth = sum(weights[r] for r in homes.values()) * trial.spread * trial.dose
    return {
        "rate": trial.spread * trial.dose,
        "intervals": rows,
        "explored_share": float(np.mean(naive)),
        "bank_share": truth,
    }


def any_of_behaviour(vectors: Rewritten) -> VectorOf:
    """Any vector that was embedded for a behaviour stands for all of its texts."""
    first: dict[str, np.ndarray] = {}
    for (name, _, _), vector in vectors.items():
        first.setdefault(name, vector)
    return lambda behaviour, prompt, sample: first[behaviour]


def audit_twice_as_long(setup: TrialSetup, seed: int) -> LongerRow:
    """A pair that differs grossly and irrelevantly: every response of one side is twice as long."""
    twice = Behaviour("twice", "length", setup.suite.topics[0], "is twice as long",
                      re.compile("(?!)"), None)  # fmt: skip
    everywhere = frozenset(range(len(setup.suite.ids)))
    vectors = nearly_its_own(setup.suite.vectors["intervention"])
    subject = SimulatedSubject(
        setup.suite, [PlantedBehaviour(twice, everywhere, 1.0)], seed, vectors
    )
    outcome = audit(subject, setup.settings, seed)
    return {
        "validated": [f.statement for f in outcome.validated],
        "uncut": [f.statement for f in outcome.findings if f.in_set],
    }


def nearly_its_own(vectors: np.ndarray) -> VectorOf:
    """A text said twice means what it meant: its vector stays, a little longer on one axis.

    vectors: of all texts, (prompts, samples, dimension).
    """

    def vector_of(behaviour: str, prompt: int, sample: int) -> np.ndarray:
        vector: np.ndarray = vectors[prompt, sample].astype(np.float32)
        vector[0] += 0.2
        return vector

    return vector_of


def run_part(
    part: str, setup: TrialSetup, bench: Repeats, cores: int
) -> LadderPart | NullPart | StrategiesPart | RatesPart:
    """One part of the benchmark; what it returns is written as JSON."""
    sets = groups(list(setup.behaviours), bench["together"])
    if part == "ladder":
        trials = ladder(setup.behaviours, bench)
        low = [t for t in trials if t.dose == LOW_DOSE and LEAST_SPREAD <= t.spread < 1]
        further = replace(setup, settings=with_larger_allowance(setup.settings))
        return {
            "usual": on_all_cores(setup, run_trial, trials, cores, "ladder"),
            "deep": on_all_cores(further, run_trial, low, cores, "ladder, deep"),
        }
    if part == "null":
        repeats = [Trial(seed) for seed in range(bench["null_repeats"])]
        return {
            "audits": on_all_cores(setup, run_trial, repeats, cores, "null"),
            "twice_as_long": on_all_cores(
                setup,
                audit_twice_as_long,
                range(max(2, bench["null_repeats"] // 20)),
                cores,
                "twice as long",
            ),
        }
    if part == "strategies":
        spread = min(s for s in bench["spreads"] if s >= LEAST_SPREAD)
        cells = [(dose, spread) for dose in bench["doses"] if LOW_DOSE <= dose < 1]
        kinds = [(name, False) for name in RULES] + [("default", True)]
        tasks = [
            (name, coupled, Trial(seed, group, spread, dose))
            for name, coupled in kinds
            for dose, spread in cells
            for seed in range(bench["seeds"])
            for group in [sets[seed % len(sets)]]
        ]
        return {"rows": on_all_cores(setup, strategy_row, tasks, cores, "strategies")}
    trials = [
        Trial(seed, group, spread, dose)
        for seed in range(bench["rate_repeats"])
        for dose, spread in RATES
        for group in [sets[seed % len(sets)]]
    ]
    return {"rows": on_all_cores(setup, rate_row, trials, cores, "rates")}


def main(job: Job) -> None:
    settings, part = job.settings(TrialsSettings), job.wildcards.part
    vectors = read_rewritten(job.input.rewritten)
    suite = suite_of(job.input)
    planted = load_planted_behaviours(job.local(BehavioursPlace)["behaviours"])
    behaviours = plantable_in(planted, suite.topics)
    setup = TrialSetup(suite, behaviours, vectors, settings["audit"])
    found = run_part(part, setup, settings["benchmark"], job.threads)
    write_json(job.output.trials, {"schema": 1, "part": part, **found})


if __name__ == "__main__":
    run(main)

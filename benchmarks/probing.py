"""Whether prompts written for a hypothesis prove what a bank tests badly, and nothing else.

    python -m benchmarks.probing RESULTS [--seeds 5] [--nulls 200] [--write]

RESULTS is the folder of an exhaustive run of the benchmark's suite (`snakemake benchmark --config
scale=full`, or what it makes of the stages bank, regions, decode, embed and rewrite). Subjects are
those of the benchmark: real draws of the base, rewritten where a behaviour is planted. The bank of
an audit is sixteen of the suite's topics; a behaviour is planted on a hundredth of its prompts and
on prompts of the other topics, which stand for those that an author writes on purpose. Audits run
the functions of the stages.

*today*: without probing. *proposed*: prompts are written for what the local assistant proposed and
the bank tests badly; who writes them knows on which the behaviour shows, if the hypothesis is about
it. *suspected*: a user brings the hypothesis, too. *other*: the user suspects a behaviour that is
not there, while another one is. *null*: nothing is there; the draws of a prompt are dealt to the
two sides anew.
"""

import argparse
import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, cast

from threadpoolctl import threadpool_limits

from benchmarks.speed import processor
from scripts.assistants.local import propose
from scripts.benchmark.audit import AuditOutcome, audit
from scripts.benchmark.planted import Behaviour, load_planted_behaviours, plantable_in
from scripts.benchmark.rewritten import read_rewritten
from scripts.benchmark.settings import AuditSettings
from scripts.benchmark.simulated import upper_bound
from scripts.benchmark.suite import (
    PlantedBehaviour,
    Rewritten,
    SimulatedSubject,
    Suite,
    looked_up,
    read_suite,
    rewritten,
)
from scripts.checks.check import Check, compare, graded
from scripts.core.vocabulary import SIDES
from scripts.draws.draw import PlannedDraw
from scripts.evidence.reasons import Status
from scripts.hypotheses.hypothesis import Hypothesis, new_hypothesis
from scripts.hypotheses.pairs import Pair
from scripts.hypotheses.probe import Written
from scripts.hypotheses.wording import claim
from scripts.prompts.prompt import content_id
from scripts.workflow.sections import Audit

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "docs" / "figures" / "probing.json"
BEHAVIOURS = ROOT / "config" / "benchmarks" / "behaviours.yaml"
OF_BANK, SPREAD = 16, 0.01  # topics of the bank, and the share of it that shows a behaviour
DOSES = (1.0, 0.3)
SHOWS = 0.5  # of the rewritten texts, which a check must tell apart to be about a behaviour
VARIANTS = ("today", "proposed", "suspected", "other")


class Trial(NamedTuple):
    """One audit: how it probes, the behaviour planted (or none), what a user suspects, the dose."""

    variant: str
    planted: str | None
    suspected: str
    dose: float
    seed: int


@dataclass(frozen=True)
class Setup:
    """What all trials share."""

    suite: Suite
    behaviours: Mapping[str, Behaviour]
    vectors: Rewritten
    settings: Mapping[str, Any]
    checks: Mapping[str, Check] = field(default_factory=dict)  # of each behaviour


def part_of(suite: Suite, places: Sequence[int]) -> Suite:
    """Some prompts of a suite, with the regions that they have."""
    region = [suite.region[p] for p in places]
    kept = [r for r in suite.regions if r.id in region]
    return Suite(
        [suite.ids[p] for p in places],
        [suite.topics[p] for p in places],
        kept,
        region,
        {side: [suite.texts[side][p] for p in places] for side in SIDES},
        {side: suite.vectors[side][list(places)] for side in SIDES},
        [suite.asked_at(p) for p in places],
    )


def told_apart(check: Check, setup: Setup, behaviour: Behaviour) -> float:
    """In which share of a behaviour's texts, once rewritten, a check sees it."""
    suite = setup.suite
    home = [p for p, topic in enumerate(suite.topics) if topic == behaviour.topic]
    seen = [
        compare(check, *(suite.said(t, p) for t in (text, rewritten(suite, behaviour, text, p, 0))))
        for p in home
        for text in suite.texts["intervention"][p][:1]
    ]
    return sum(score > 0 for score in seen) / len(seen)


def check_of(setup: Setup, behaviour: Behaviour) -> Check:
    """What the local assistant would look for in a behaviour: what it proposes from its home topic
    where every reply shows it."""
    suite = setup.suite
    home = [p for p, topic in enumerate(suite.topics) if topic == behaviour.topic]
    pairs = [
        Pair(suite.ids[p], suite.region[p], suite.texts["base"][p][0],
             rewritten(suite, behaviour, suite.texts["intervention"][p][0], p, 0),
             asked=suite.asked_at(p))
        for p in home
    ]  # fmt: skip
    regions = {r.id: r for r in suite.regions}
    settings = setup.settings["propose"] | {"promising": 1.0}
    found = propose(pairs, [suite.region[home[0]]], regions, settings)
    checks = [h.check for h in found if h.check and not graded(h.check)]
    return max(checks, key=lambda check: told_apart(check, setup, behaviour))


class SimulatedAuthor:
    """Writes prompts by taking them from topics that the bank does not have. Where a hypothesis is
    about the planted behaviour, it shows on those where it should."""

    def __init__(self, setup: Setup, reserve: SimulatedSubject, planted: Sequence[int],
                 about: str | None, own: Sequence[Hypothesis]):  # fmt: skip
        self.own = own
        self._setup, self._reserve, self._about = setup, reserve, about
        self._planted = list(planted)
        self._others = [p for p in range(len(reserve.suite.ids)) if p not in set(planted)]
        self._place = {content_id(name): p for p, name in enumerate(reserve.suite.ids)}

    def prompts(self, hypothesis: Hypothesis) -> list[Written]:
        count = self._setup.settings["probe"]["prompts"]
        shows = self._take(count, about_it(hypothesis.check, self._about))
        matched = self._take(count, False)
        ids = self._reserve.suite.ids
        return [Written(ids[p], p in set(shows)) for p in (*shows, *matched)]

    def pairs(self, draws: Sequence[PlannedDraw]) -> list[Pair]:
        found = []
        for draw in draws:
            place = self._place[draw.prompt]
            base, other = (self._reserve.text(side, place, draw.sample) for side in SIDES)
            found.append(Pair(draw.prompt, draw.region, base, other))
        return found

    def _take(self, count: int, planted: bool) -> list[int]:
        """The next prompts, each taken once."""
        source = self._planted if planted and self._planted else self._others
        taken, source[:] = source[:count], source[count:]
        return taken


def about_it(check: Check | None, behaviour: str | None) -> bool:
    """Whether what a check looks for is what a behaviour does to a text."""
    return check is not None and behaviour is not None and _about(check, behaviour)


@cache
def _about(check: Check, behaviour: str) -> bool:
    setup = _setup()
    return told_apart(check, setup, setup.behaviours[behaviour]) >= SHOWS


def run_trial(trial: Trial) -> dict[str, Any]:
    """Audit one simulated subject, and what it validated that is so, and is not."""
    setup = _setup()
    suite, settings = setup.suite, setup.settings
    behaviour = setup.behaviours[trial.planted or trial.suspected]
    topics = list(dict.fromkeys(suite.topics))
    first = topics.index(behaviour.topic)
    of_bank = {topics[(first + n) % len(topics)] for n in range(OF_BANK)}
    inside = [p for p, topic in enumerate(suite.topics) if topic in of_bank]
    outside = [p for p, topic in enumerate(suite.topics) if topic not in of_bank]
    bank, reserve = part_of(suite, inside), part_of(suite, outside)
    home = [p for p, topic in enumerate(bank.topics) if topic == behaviour.topic]
    few = frozenset(home[: max(1, round(SPREAD * len(bank.ids)))])
    written = frozenset(range(settings["probe"]["prompts"]))

    def vector_of(name: str, prompt: int, sample: int):
        return looked_up(setup.vectors)(name, inside[prompt], sample)

    about = setup.behaviours[trial.planted] if trial.planted else None
    plants = [[PlantedBehaviour(about, p, trial.dose)] if about else [] for p in (few, written)]
    null = about is None
    subject = SimulatedSubject(bank, plants[0], trial.seed, vector_of, null)
    elsewhere = SimulatedSubject(reserve, plants[1], trial.seed, null=null)
    own: list[Hypothesis] = []
    if trial.variant in ("suspected", "other", "null"):
        check = setup.checks[trial.suspected]
        said = f"The intervention model {claim(check)}"
        own = [new_hypothesis(said, "less" if check.absent else "more", "user",
                              [bank.region[home[0]]], check=check)]  # fmt: skip
    author = None
    if trial.variant != "today":
        author = SimulatedAuthor(
            setup, elsewhere, sorted(written) if about else [], trial.planted, own
        )
    return trial._asdict() | scored(
        audit(subject, cast(AuditSettings, settings), trial.seed, author=author), trial.planted
    )


def scored(outcome: AuditOutcome, about: str | None) -> dict[str, Any]:
    """What an audit validated. A finding is true where it is about the behaviour that is planted;
    of others on the bank, graded ones and side effects of the rewriting, only probes are counted as
    false, since of those it is known that nothing is there."""
    probes = [f for f in outcome.findings if f.probing]
    true = [f for f in outcome.validated if about_it(f.check, about)]
    return {
        "found": bool(true),
        "found_by_probe": any(f.probing for f in true),
        "proposed": any(f.probing and about_it(f.check, about) for f in outcome.findings),
        "probes": len(probes),
        "probes_tested": sum(f.e_value is not None for f in probes),
        "false_probes": sum(
            f.status == Status.VALIDATED and not about_it(f.check, about) for f in probes
        ),
        "validated": len(outcome.validated),
        "texts": sum(outcome.texts.values()),
        "texts_of_probes": outcome.texts.get("probe", 0),
    }


def trials_of(behaviours: Sequence[str], seeds: int, nulls: int) -> list[Trial]:
    """Every behaviour at every dose by every variant, and audits of nothing."""
    other = dict(zip(behaviours, [*behaviours[5:], *behaviours[:5]], strict=True))
    found = [
        Trial(variant, name, other[name] if variant == "other" else name, dose, seed)
        for variant in VARIANTS
        for dose in DOSES
        for seed in range(seeds)
        for name in behaviours
    ]
    return found + [
        Trial("null", None, behaviours[seed % len(behaviours)], 0.0, seed) for seed in range(nulls)
    ]


def summed(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The cells of the table."""
    cells: dict[tuple[str, float], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        cells[row["variant"], row["dose"]].append(row)
    return [
        {
            "variant": variant,
            "dose": dose,
            "audits": len(of_cell),
            "found": sum(row["found"] for row in of_cell),
            "found_by_probe": sum(row["found_by_probe"] for row in of_cell),
            "probed": sum(row["proposed"] for row in of_cell),
            "probes_tested": sum(row["probes_tested"] for row in of_cell),
            "audits_with_false_probes": (wrong := sum(row["false_probes"] > 0 for row in of_cell)),
            "upper_95": upper_bound(wrong, len(of_cell)),
            "audits_validating": sum(row["validated"] > 0 for row in of_cell),
            "texts": round(sum(row["texts"] for row in of_cell) / len(of_cell)),
            "texts_of_probes": round(sum(r["texts_of_probes"] for r in of_cell) / len(of_cell)),
        }
        for (variant, dose), of_cell in cells.items()
    ]


_ARGUMENTS: Path | None = None


@cache
def _setup() -> Setup:
    assert _ARGUMENTS is not None, "set before the workers are forked"
    return read_setup(_ARGUMENTS)


def read_setup(results: Path) -> Setup:
    """The suite, its behaviours and what the local assistant would look for in each."""

    def one(pattern: str) -> str:
        return str(sorted(results.glob(pattern))[0])

    shards = {s: [one(f"decode/*/{s}/*/exhaustive/shard-0-of-1.jsonl")] for s in SIDES}
    vectors = {s: one(f"embed/*/{s}/exhaustive.h5") for s in SIDES}
    suite = read_suite(one("bank/*/bank.jsonl"), one("regions/*/regions.json"),
                       one("regions/*/prompts.jsonl"), shards, vectors)  # fmt: skip
    behaviours = plantable_in(load_planted_behaviours(BEHAVIOURS), suite.topics)
    audited = Audit.model_validate(SETTINGS).model_dump()
    setup = Setup(suite, behaviours, read_rewritten(one("rewrite/*/vectors.h5")), audited)
    checks = {name: check_of(setup, b) for name, b in behaviours.items()}
    known = {n: b for n, b in behaviours.items() if told_apart(checks[n], setup, b) >= SHOWS}
    return Setup(suite, known, setup.vectors, audited, checks)


# As the benchmark's audits are set (config/benchmarks/full.yaml), with probing as it ships.
SETTINGS: dict[str, Any] = {
    "base": "x",
    "pools": {"explore": 0.36, "screen": 0.12, "confirm": 0.52},
    "plan": {"pilot": 6, "draws": 152},
    "measure": {"rounds": 4, "budget": 600},
    "propose": {"hypotheses": 12},
    "screen": {"prompts": 8, "samples": 4},
    "confirm": {"prompts": 32, "samples": 8, "draws": 400},
    "probe": {},
}


def main() -> None:
    global _ARGUMENTS
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("results", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--nulls", type=int, default=200)
    parser.add_argument("--write", action="store_true", help=f"write {FIGURES.name}")
    given = parser.parse_args()
    _ARGUMENTS = given.results
    setup = _setup()
    trials = trials_of(list(setup.behaviours), given.seeds, given.nulls)
    cores = len(os.sched_getaffinity(0))
    with threadpool_limits(1), ProcessPoolExecutor(cores, mp_context=get_context("fork")) as pool:
        rows = list(pool.map(run_trial, trials, chunksize=4))
    cells = summed(rows)
    for cell in cells:
        print(cell)
    if given.write:
        found = {
            "what": __doc__.strip().splitlines()[0],
            "processor": processor(),
            "behaviours": len(setup.behaviours),
            "seeds": given.seeds,
            "probe": setup.settings["probe"],
            "cells": cells,
        }
        FIGURES.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

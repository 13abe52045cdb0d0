"""Acquisition strategies compared by how many texts they need until a behaviour is proposed."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from scripts.assistants.local import propose
from scripts.benchmark.scoring import score_simulated
from scripts.benchmark.suite import Subject
from scripts.divergence.measurement import measure_draws, worth_a_look
from scripts.draws.planning import allocate, plan_round
from scripts.hypotheses.pairs import Pair

Shares = dict[str, float]
Score = Callable[[Mapping[str, Any], Mapping[str, Any]], float]


def by(score: Score, floor: float = 0.2) -> Callable[..., Shares]:
    """Shares in proportion to a score of a region and what was measured there, above a floor."""

    def acquisition(regions, measured, drawn, settings, round_number) -> Shares:
        scores = np.array([max(0.0, score(r, measured[r["id"]])) for r in regions])
        if not scores.sum():
            scores = np.ones(len(regions))
        weights = np.array([r["weight"] for r in regions])
        shares = floor * weights / weights.sum() + (1 - floor) * scores / scores.sum()
        return dict(zip([r["id"] for r in regions], shares.tolist(), strict=True))

    return acquisition


def mixed(**parts: float) -> Callable[..., Shares]:
    """The plan stage's own acquisition with other parts."""

    def acquisition(regions, measured, drawn, settings, round_number) -> Shares:
        return allocate(regions, measured, drawn, settings | parts, round_number)

    return acquisition


STRATEGIES: dict[str, Callable[..., Shares]] = {
    "uniform": by(lambda region, found: 1.0, floor=0.0),
    "proportional": by(lambda region, found: region["weight"], floor=0.0),
    "ucb": by(lambda region, found: found["divergence"] + 2 * found["error"]),
    "thompson": mixed(boundary=0.0, undersampled=0.0),
    "neyman": by(lambda region, found: region["weight"] * found["deviation"]),
    "classifier-score": by(lambda region, found: found["divergence"]),
    "peak-score": by(lambda region, found: max(0.0, found["peak"] - 1)),
    "boundary": mixed(boundary=0.8, undersampled=0.0),
    "default": allocate,
}


def texts_until_proposed(
    subject: Subject, settings: Mapping[str, Any], seed: int, strategy: str, coupled: bool = False
) -> dict[str, int | None]:
    """For each planted behaviour the texts (both sides) drawn when a hypothesis first names it.

    Looks after every round. With `coupled`, a draw that no rule rewrites has the base's own text
    and vector on both sides, as shared sampling noise gives it.
    """
    suite, place = subject.suite, subject.suite.place
    by_id = {region["id"]: region for region in suite.regions}
    prompts = suite.rows(seed, settings["pools"])
    planning = settings["plan"] | {
        "seed": seed, "ready": False, "budget": settings["measure"]["budget"],
    }  # fmt: skip
    found: dict[str, int | None] = {p.behaviour.name: None for p in subject.plants}
    drawn, pairs, measured, number = [], [], {}, 0
    base, intervention = [], []
    known: dict[str, frozenset[str]] = {}
    while None in found.values() and len(drawn) < planning["budget"]:
        rows = plan_round(
            suite.regions, prompts, drawn, measured, planning, number, STRATEGIES[strategy]
        )
        if not rows:
            break
        number += 1
        for row in rows:
            at = place[row["prompt"]], row["sample"]
            second = "intervention"
            first = second if coupled and subject.planted(*at) is None else "base"
            base.append(subject.vector(first, *at))
            intervention.append(subject.vector(second, *at))
            texts = subject.text(first, *at), subject.text(second, *at)
            pairs.append(Pair(row["prompt"], row["region"], *texts))
        drawn += rows
        vectors = np.array(base, np.float32), np.array(intervention, np.float32)
        seen = measure_draws(suite.regions, drawn, *vectors, settings["measure"] | {"seed": seed})
        measured = {row["region"]: row for row in seen.regions}
        chosen = worth_a_look(seen.regions, settings["measure"]["promising"])
        for hypothesis in propose(pairs, chosen, by_id, settings["propose"]):
            name = str((hypothesis["check"], hypothesis["regions"]))
            if name not in known:
                finding = hypothesis | {"regions": [{"id": r} for r in hypothesis["regions"]]}
                known[name] = score_simulated(finding, subject).names
            for behaviour in known[name]:
                found[behaviour] = found[behaviour] or 2 * len(drawn)
    return found

"""Acquisition rules compared by how many texts they need until a behaviour is proposed."""

import numpy as np

from scripts.assistants.local import propose
from scripts.benchmark.scoring import score_simulated
from scripts.benchmark.settings import AuditSettings
from scripts.benchmark.suite import SimulatedSubject
from scripts.divergence.measurement import MeasureSettings, measure_draws, worth_a_look
from scripts.draws.draw import PlannedDraw
from scripts.draws.planning import plan_round
from scripts.draws.settings import RoundSettings
from scripts.hypotheses.pairs import Pair
from scripts.prompts.region import RegionDivergence


def texts_until_proposed(
    subject: SimulatedSubject,
    settings: AuditSettings,
    seed: int,
    rule: str,
    coupled: bool = False,
) -> dict[str, int | None]:
    """For each planted behaviour the texts (both sides) drawn when a hypothesis first names it.

    Looks after every round. With `coupled`, a draw that no rule rewrites has the base's own text
    and vector on both sides, as shared sampling noise gives it.
    """
    suite, place = subject.suite, subject.suite.place
    by_id = {region.id: region for region in suite.regions}
    prompts = suite.rows(seed, settings["pools"])
    planning: RoundSettings = {
        **settings["plan"], "rule": rule, "seed": seed, "ready": False,
        "budget": settings["measure"]["budget"],
    }  # fmt: skip
    measuring: MeasureSettings = {**settings["measure"], "seed": seed}
    found: dict[str, int | None] = {p.behaviour.name: None for p in subject.plants}
    drawn: list[PlannedDraw] = []
    pairs: list[Pair] = []
    measured: dict[str, RegionDivergence] = {}
    number = 0
    base, intervention = [], []
    known: dict[str, frozenset[str]] = {}
    while None in found.values() and len(drawn) < planning["budget"]:
        rows = plan_round(suite.regions, prompts, drawn, measured, planning, number)
        if not rows:
            break
        number += 1
        for row in rows:
            at = place[row.prompt], row.sample
            second = "intervention"
            first = second if coupled and subject.planted(*at) is None else "base"
            base.append(subject.vector(first, *at))
            intervention.append(subject.vector(second, *at))
            texts = subject.text(first, *at), subject.text(second, *at)
            pairs.append(Pair(row.prompt, row.region, *texts, asked=suite.asked_at(at[0])))
        drawn += rows
        vectors = np.array(base, np.float32), np.array(intervention, np.float32)
        seen = measure_draws(suite.regions, drawn, *vectors, measuring)
        measured = {of_region.region: of_region for of_region in seen.regions}
        chosen = worth_a_look(seen.regions, settings["measure"]["promising"])
        for hypothesis in propose(pairs, chosen, by_id, settings["propose"]):
            if (check := hypothesis.check) is None:
                continue
            name = hypothesis.id
            if name not in known:
                known[name] = score_simulated(check, hypothesis.regions, subject).names
            for behaviour in known[name]:
                found[behaviour] = found[behaviour] or 2 * len(drawn)
    return found

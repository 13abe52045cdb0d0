"""Audits by language models of known quality: the product's stages from the screen to the findings,
on texts that say nothing, before a pool that answers as it is told.

Everything between a hypothesis and a finding is the product's: who reads which prompts, requests
with their coins and placebos, the screen, what it says of the judges, races, cascade, gates.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, cast
from unittest.mock import patch

import numpy as np

from benchmarks.simulated_pool import SimulatedJudges
from scripts.assistants.client import Pool
from scripts.assistants.judge import pairs_by_prompt
from scripts.assistants.provider import Request
from scripts.assistants.roles import ScreenRoles
from scripts.evidence.judge_split import Split
from scripts.evidence.reasons import Status, Stop
from scripts.hypotheses.hypothesis import Hypothesis, new_hypothesis
from scripts.hypotheses.pairs import Pair
from scripts.judging import confirmation, model_judges, schedule
from scripts.judging import findings as findings_module
from scripts.judging.calibration import Calibration, calibrated, screening_judges
from scripts.judging.confirmation import raced as raced_by_product
from scripts.judging.screening import left_out, screened_by_model
from scripts.judging.settings import ClaimSettings
from scripts.prompts.region import Region
from scripts.workflow.assistant_sections import Assistant
from scripts.workflow.sections import Confirm, Screen

CHEAP, STRONG = "cheap", "strong"
STATEMENT = re.compile(r"^(\d+)\. The response (.*)$", re.MULTILINE)
LONG, SHORT = "I am the longer of the two.", "Short."


@dataclass(frozen=True, kw_only=True)
class Habits:
    """How a simulated judge answers.

    accuracy: by model, the chance that a pair with a true hypothesis that shows is answered for the
    intervention, else for the base. neither: of any other sentence, placebos among them; else
    either side alike. lean: chance that a sentence, whichever it is, is answered for the longer
    response, which is the intervention's on a share `longer` of the prompts. garbage: share of the
    replies that nobody can read. shows: chance that a true hypothesis shows in a pair.
    """

    accuracy: Mapping[str, float]
    neither: float = 0.7
    lean: float = 0.0
    longer: float = 0.5
    garbage: float = 0.0
    shows: float = 1.0


class JudgesOfHabit(SimulatedJudges):
    """Judges that answer by habit."""

    def __init__(self, true: frozenset[str], habits: Habits, rng: np.random.Generator):
        super().__init__(habits.garbage, rng.random)
        self._true, self._habits, self._rng = true, habits, rng

    def judged(self, cheap: bool) -> int:
        """Requests that judge, of the cheap model or of all others."""
        asked = self.asked.items()
        return sum(n for (kind, by), n in asked if kind == "judge" and (by == CHEAP) == cheap)

    def verdicts(self, request: Request) -> dict[str, str]:
        responses, _, listed = request.prompt.rpartition("Statements:\n")
        statements = STATEMENT.findall(listed)
        intervention = "A" if "]]\nI. " in responses.partition("[[response B")[0] else "B"
        base = "BA"["AB".index(intervention)]
        longer = intervention if f"I. {LONG}" in responses else base
        habits, chance = self._habits, self._rng.random((4, len(statements)))
        found = {}
        for place, (number, statement) in enumerate(statements):
            first, second, third, fourth = chance[:, place]
            if third < habits.lean:
                found[number] = longer
            elif statement in self._true and fourth < habits.shows:
                found[number] = intervention if first < habits.accuracy[request.model] else base
            elif second < habits.neither:
                found[number] = "neither"
            else:
                found[number] = intervention if first < 0.5 else base
        return found


@dataclass(frozen=True)
class LineUp:
    """Hypotheses, dealt out over regions, of which some are true; the prompts of each region in the
    confirm pool; and the responses of either subject to each prompt."""

    hypotheses: int = 300
    regions: int = 20
    true: int = 30
    prompts: int = 480
    samples: int = Confirm().samples


class JudgedAudit(NamedTuple):
    """What a simulated audit asked and found."""

    screen: int  # requests of the screen, the cheap judge's unless it is the only one
    calibration: int  # of the strong judge in the screen
    cheap: int  # for the claims, by judge
    strong: int
    rates_cheap: int  # for rates, by judge
    rates_strong: int
    placebos: int  # to choose placebos, and to judge all of them where a judge leans
    power: float  # share of the true hypotheses validated
    false_share: float  # share of false ones among the validated
    tested: int  # hypotheses that the screen let pass
    kept: float  # share of the true ones among all true ones that passed
    share: int  # prompts of a region that the cheap judge might read
    accuracy_cheap: float  # as estimated
    accuracy_strong: float
    futile: float  # share of the true hypotheses that left the race as futile

    @property
    def claims(self) -> int:
        """Requests that judge hypotheses on the confirm pool, until they are decided."""
        return self.cheap + self.strong

    @property
    def requests(self) -> int:
        """All requests, from the screen to the findings."""
        of_cheap = self.screen + self.cheap + self.rates_cheap + self.placebos
        return of_cheap + self.calibration + self.strong + self.rates_strong


def audit(
    line_up: LineUp,
    habits: Habits,
    rng: np.random.Generator,
    *,
    one_judge: bool = False,
    eliminate: bool = True,
    share: float | None = None,
    confirm: Mapping[str, Any] | None = None,
    assistant: Mapping[str, Any] | None = None,
) -> JudgedAudit:
    """One audit at shipped defaults, but for the prompts of a region.

    one_judge: whether the strong model is the cheap one, too. eliminate: without, all hypotheses
    are tested, and the screen only says how right its judges are. share: part of each region's
    prompts that is the cheap judge's, where it is not chosen. confirm, assistant: settings that are
    not the defaults.
    """
    cheap = STRONG if one_judge else CHEAP
    given = {"provider": "openai", "models": {"cheap": cheap, "strong": STRONG}}
    of_stages = Assistant.model_validate(given | dict(assistant or {})).of_stages()
    assert of_stages is not None
    settings = Confirm(prompts=line_up.prompts).model_dump() | dict(confirm or {})
    settings |= {"seed": int(rng.integers(2**31)), "evidence": 0, "unit": "prompt"}
    regions = {f"r{j}": _region(f"r{j}", 1 / line_up.regions) for j in range(line_up.regions)}
    hypotheses = [
        new_hypothesis(
            f"h{i}", "more", "assistant", [f"r{i % line_up.regions}"], behaviour=f"does thing {i}"
        )
        for i in range(line_up.hypotheses)
    ]
    chosen = rng.choice(line_up.hypotheses, line_up.true, replace=False)
    true = {hypotheses[i].id: hypotheses[i].behaviour or "" for i in chosen}
    pool = JudgesOfHabit(frozenset(true.values()), habits, rng)
    prompts = dict.fromkeys(regions, Screen().prompts)
    rows, calibration = _screened(
        pool, of_stages.screen, hypotheses, _pairs("s", prompts, line_up, habits, rng), regions,
        settings["seed"],
    )  # fmt: skip
    in_screen = pool.judged(cheap=not one_judge)
    calibrating = 0 if one_judge else pool.judged(cheap=False)
    kept = [row for row in rows if row.goes_on] if eliminate else hypotheses
    prompts = dict.fromkeys(regions, line_up.prompts)
    beyond = left_out(kept, prompts, {"pool": "confirm", "prompts": line_up.prompts,
                                      "samples": settings["samples"], "ready": True,
                                      "draws": settings["draws"]})  # fmt: skip
    kept = [replace(row, beyond=beyond.get(row.id)) for row in kept]
    before = pool.judged(cheap=True), pool.judged(cheap=False)
    raced: list[tuple[int, int]] = []
    shares: list[Mapping[str, int]] = []

    def race(*args: Any, **named: Any) -> Any:
        standings = raced_by_product(*args, **named)
        raced.append((pool.judged(cheap=True), pool.judged(cheap=False)))
        shares.append(args[3].share)
        return standings

    with ExitStack() as changes:
        # Said of hypotheses that were not found, from the race's outcome, and slow to compute.
        changes.enter_context(
            patch.object(findings_module, "minimum_detectable_effect", _not_asked)
        )
        changes.enter_context(patch.object(confirmation, "raced", race))
        # Nobody waits for replies here, and the race is the same however far ahead it asks.
        changes.enter_context(patch.object(schedule, "AHEAD", 0))
        if share is not None:
            changes.enter_context(patch.object(model_judges, "choose", partial(_split, share)))
        pairs = _pairs("c", prompts, line_up, habits, rng)
        findings, _, _ = model_judges.confirm_with_models(
            cast(Pool, pool),
            of_stages.confirm,
            kept,
            pairs,
            _texts(pairs),
            regions,
            cast(ClaimSettings, settings),
            calibration=calibration,
        )
    found = {f.id for f in findings if f.status == Status.VALIDATED}
    (cheap_race, strong_race), at_end = (
        raced[0],
        (pool.judged(cheap=True), pool.judged(cheap=False)),
    )
    return JudgedAudit(
        screen=in_screen,
        calibration=calibrating,
        cheap=cheap_race - before[0],
        strong=strong_race - before[1],
        rates_cheap=at_end[0] - cheap_race,
        rates_strong=at_end[1] - strong_race,
        placebos=sum(n for (kind, _), n in pool.asked.items() if kind == "relate"),
        power=len(found & true.keys()) / max(1, line_up.true),
        false_share=len(found - true.keys()) / max(1, len(found)),
        tested=sum(not row.beyond for row in kept),
        kept=sum(row.id in true for row in kept) / max(1, line_up.true),
        share=max(shares[0].values(), default=0),
        accuracy_cheap=calibration.both[0].accuracy,
        accuracy_strong=calibration.both[1].accuracy,
        futile=sum(f.stopped == Stop.FUTILE for f in findings if f.id in true)
        / max(1, line_up.true),
    )


def _screened(
    pool: Any,
    roles: ScreenRoles,
    hypotheses: Sequence[Hypothesis],
    pairs: Sequence[Pair],
    regions: Mapping[str, Region],
    seed: int,
) -> tuple[list[Hypothesis], Calibration]:
    """What scripts/screen.py does."""
    by_prompt = pairs_by_prompt(pairs)
    cheap, decides = screening_judges(pool, roles, hypotheses, by_prompt, _texts(pairs), seed)
    rows = screened_by_model(hypotheses, pairs, regions, Screen().least_net, cheap)
    return rows, calibrated(cheap, decides, rows, by_prompt)


def _pairs(
    pool: str, prompts: Mapping[str, int], line_up: LineUp, habits: Habits, rng: np.random.Generator
) -> list[Pair]:
    """Texts that say which side's they are, and which is the longer one; the coin and the order of
    sentences hide it from no simulated judge."""
    pairs = []
    for region, count in prompts.items():
        longer = rng.random(count) < habits.longer
        for number in range(count):
            base, intervention = (SHORT, LONG) if longer[number] else (LONG, SHORT)
            pairs += [
                Pair(f"{pool}{region}-{number}", region, f"B. {base}", f"I. {intervention}")
            ] * line_up.samples
    return pairs


def _texts(pairs: Sequence[Pair]) -> dict[str, str]:
    return {pair.prompt: f"Question {pair.prompt}?" for pair in pairs}


def _region(name: str, weight: float) -> Region:
    return Region(name, name, name, name, 1.0, weight, 1, name, "prompt")


def _split(share: float, regions: Any, prompts: Mapping[str, int], *_: Any, **__: Any) -> Split:
    return Split({region: int(share * n) for region, n in prompts.items()}, 1, (0, 0), 0, 0)


def _not_asked(*_: Any, **__: Any) -> None:
    return None

"""A whole audit after decode in one process, by the functions of the stages themselves."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Protocol

import numpy as np

from scripts.assistants.local import propose
from scripts.benchmark.settings import AuditSettings
from scripts.benchmark.suite import AuditedSubject
from scripts.checks.check import Placed
from scripts.core.vocabulary import SIDES
from scripts.divergence.measurement import (
    Measured,
    MeasureSettings,
    measure_draws,
    promising,
    worth_a_look,
)
from scripts.divergence.round import Round
from scripts.divergence.stopping import stop_reason
from scripts.draws.draw import PlannedDraw
from scripts.draws.planning import (
    plan_pool,
    plan_round,
    with_everywhere,
)
from scripts.draws.settings import ConfirmPool, PoolSettings, RoundSettings
from scripts.evidence.betting import e_value
from scripts.evidence.ebh import e_bh
from scripts.evidence.reasons import Status
from scripts.evidence.request_counts import requests as asked_in
from scripts.hypotheses.finding import Behaviour, Finding
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.needs import samples_by_region
from scripts.hypotheses.pairs import Pair
from scripts.hypotheses.probe import Written, plan_probes, probes_of
from scripts.judging.confirmation import confirm
from scripts.judging.entries import entries
from scripts.judging.local_judge import placebos_of, probed_locally
from scripts.judging.probing import Probed, badly_tested
from scripts.judging.schedule import judging_order
from scripts.judging.screening import confirm_prompts, left_out, screened
from scripts.judging.settings import ClaimSettings
from scripts.prompts.pools import DealtPrompt
from scripts.prompts.region import RegionDivergence


class Author(Protocol):
    """Who writes prompts in a simulated audit, and suspects something beforehand."""

    own: Sequence[Hypothesis]

    def prompts(self, hypothesis: Hypothesis) -> Sequence[Written]:
        """Prompts on which a hypothesis should show if it is true, and matched ones."""

    def pairs(self, draws: Sequence[PlannedDraw]) -> list[Pair]:
        """What both subjects say to them."""


@dataclass
class AuditOutcome:
    """What an audit found and what it took: texts of both sides, and requests (one pair each)."""

    findings: list[Finding]
    texts: dict[str, int]
    requests: dict[str, int]
    dipped: int  # proposals that would pass on the very texts that proposed them
    entries: list[Behaviour]  # what a reader sees: behaviours

    @property
    def validated(self) -> list[Finding]:
        return [f for f in self.findings if f.status == Status.VALIDATED]


def audit(
    subject: AuditedSubject,
    settings: AuditSettings,
    seed: int,
    ready: bool = False,
    author: "Author | None" = None,
) -> AuditOutcome:
    """Audit a simulated subject; `settings` is the dumped audit section of the configuration.

    author: who writes prompts for what the bank tests badly, where the audit probes.

    ready: whether its texts are ready responses, which are taken whole. Kinds of texts and the
    direction are looked at where all its texts have vectors.
    """
    suite, regions = subject.suite, subject.suite.regions
    by_id = {region.id: region for region in regions}
    unit = settings.get("unit", "prompt")
    prompts = suite.rows(seed, settings["pools"], unit)

    def pairs(draws, places=((), ())):
        texts = (
            [subject.text(side, suite.place[draw.prompt], draw.sample) for draw in draws]
            for side in SIDES
        )
        where = [(draw.unit_name, draw.region) for draw in draws]
        found = zip_longest(where, *texts, *places)
        asked = (suite.asked_at(suite.place[draw.prompt]) for draw in draws)
        return [
            Pair(*at, *rest, asked=said) for (at, *rest), said in zip(found, asked, strict=True)
        ]

    drawn, _, last = explore(subject, prompts, settings, seed, ready)
    explored = pairs(drawn, explored_places_of(last) if subject.embedded else ((), ()))

    def fresh(draws):
        if not subject.embedded or not draws:
            return pairs(draws)
        region = [draw.region for draw in draws]
        vectors = (vectors_of(subject, side, draws) for side in SIDES)
        return pairs(draws, [last.space.placed(found, region) for found in vectors])

    chosen = worth_a_look(last.regions, settings["measure"]["promising"])
    proposing = settings["propose"]
    found = propose(explored, chosen, by_id, proposing)
    texts = {"explore": 2 * len(drawn)}
    requests = {"propose": len(chosen[: proposing["regions"]])}

    one = unit == "draw"  # which has one sample a prompt
    screening: PoolSettings = {
        "pool": "screen", "unit": unit, "prompts": settings["screen"]["prompts"],
        "samples": 1 if one else settings["screen"]["samples"], "ready": ready,
    }  # fmt: skip
    rows = plan_pool(prompts, samples_by_region(found, screening), screening)
    texts["screen"] = 2 * len(rows)
    in_region = Counter(r for h in found for r in h.regions)
    requests["screen"] = sum(asked_in(in_region[draw.region]) for draw in rows)
    met = screened(found, fresh(rows), by_id, settings["screen"]["least_net"])
    kept = [h for h in met if h.goes_on] + [*(author.own if author else ())]

    confirming = settings["confirm"]
    testing: ConfirmPool = {
        "pool": "confirm", "unit": unit, "prompts": confirming["prompts"],
        "samples": 1 if one else confirming["samples"], "ready": ready,
        "draws": confirming["draws"], "everywhere": confirming["everywhere"],
    }  # fmt: skip
    judging: ClaimSettings = {
        "q": confirming["q"], "delta": confirming["delta"], "placebos": confirming["placebos"],
        "evidence": 1, "seed": seed, "unit": unit,
    }  # fmt: skip
    available = confirm_prompts(prompts, testing["prompts"])
    beyond = left_out(kept, available, testing)
    tested = [h for h in kept if h.id not in beyond]
    needed = samples_by_region(tested, testing)
    samples = with_everywhere(needed, list(by_id), testing) if tested else needed
    rows = plan_pool(prompts, samples, testing)
    texts["confirm"] = 2 * len(rows)
    probed: list[Probed] = []
    read = list(explored)
    if author:
        badly = badly_tested(
            met, available, testing, len(tested), confirming["q"], settings["probe"]["hypotheses"]
        )
        written = [(h, "simulated", author.prompts(h)) for h in [*author.own, *badly]]
        probes = probes_of(written, [], seed)
        draws = plan_probes(probes, settings["probe"]["samples"])
        texts["probe"] = 2 * len(draws)
        of_probes = author.pairs(draws)
        probed = probed_locally(probes, of_probes, judging)
        explores = {name for probe in probes for name in probe.ids("explore")}
        read += [pair for pair in of_probes if pair.prompt in explores]
    base_texts = defaultdict(list)
    for pair in read:
        base_texts[pair.region].append(pair.sides[0])
    placebos = placebos_of(
        [*tested, *(p.hypothesis for p in probed if p.goes_on)], base_texts, judging
    )
    confirmed = fresh(rows)
    findings, judgements = confirm(tested, placebos, confirmed, by_id, judging, probed=probed)
    requests["confirm"] = requests_of(findings, rows, seed)
    shown = entries(findings, judgements, confirmed, by_id)
    return AuditOutcome(findings, texts, requests, dipped(found, confirming["q"]), shown)


def dipped(proposed: Sequence[Hypothesis], q: float) -> int:
    """How many proposals e-BH would validate on the explore pool itself: a control, no claim."""
    counts = [[sum(net[i] for net in h.explored.values()) for i in (0, 1)] for h in proposed]
    return int(e_bh([float(e_value(*wl)) for wl in counts], q).sum()) if counts else 0


def requests_of(findings: Sequence[Finding], draws: Iterable[PlannedDraw], seed: int) -> int:
    """Requests of the confirm stage: for each prompt the pairs of its samples, as long as any
    hypothesis of its region was still racing, up to TOGETHER hypotheses at once."""
    samples: dict[str, Counter[str]] = defaultdict(Counter)
    for draw in draws:
        samples[draw.region][draw.prompt] += 1
    total = 0
    for region, of_prompt in samples.items():
        used = [r.used for f in findings for r in f.regions if r.id == region]
        for place, prompt in enumerate(judging_order(of_prompt, seed)):
            live = sum(u > place for u in used)
            total += of_prompt[prompt] * asked_in(live)
    return total


def explore(
    subject: AuditedSubject,
    prompts: Sequence[DealtPrompt],
    settings: AuditSettings,
    seed: int,
    ready: bool = False,
) -> tuple[list[PlannedDraw], list[Round], Measured]:
    """The rounds of the explore pool: all draws, what each round saw, and the last in full."""
    suite = subject.suite
    planning: RoundSettings = {
        **settings["plan"], "unit": settings.get("unit", "prompt"), "seed": seed, "ready": ready,
        "budget": settings["measure"]["budget"],
    }  # fmt: skip
    measuring: MeasureSettings = {**settings["measure"], "seed": seed}
    drawn: list[PlannedDraw] = []
    rounds: list[Round] = []
    measured: dict[str, RegionDivergence] = {}
    found: Measured | None = None
    vectors: dict[str, list[np.ndarray]] = {side: [] for side in SIDES}
    while True:
        number = len(rounds)
        rows = plan_round(suite.regions, prompts, drawn, measured, planning, number)
        drawn += rows
        for side, parts in vectors.items():
            parts.append(vectors_of(subject, side, rows))
        base, intervention = (np.concatenate(parts) for parts in vectors.values())
        space = found.space if found else None
        found = measure_draws(suite.regions, drawn, base, intervention, measuring, space)
        measured = {of_region.region: of_region for of_region in found.regions}
        current = Round(
            round=len(rounds),
            draws=len(drawn),
            new_draws=len(rows),
            silhouette=found.silhouette,
            silhouette_error=found.silhouette_error,
            ari=None,
            promising=promising(found.regions, measuring["promising"]),
            stop=None,
        )
        rounds.append(current)
        before = rounds[-2] if len(rounds) > 1 else None
        if stop_reason(current, before, measuring, not ready and bool(rows)):
            return drawn, rounds, found


def vectors_of(subject: AuditedSubject, side: str, draws: Sequence[PlannedDraw]) -> np.ndarray:
    """The vectors of one side's texts; (draws, d) float32."""
    place, dimension = subject.suite.place, subject.suite.vectors[side].shape[-1]
    found = [subject.vector(side, place[draw.prompt], draw.sample) for draw in draws]
    return np.array(found, np.float32).reshape(len(draws), dimension)


def explored_places_of(measured: Measured) -> tuple[list[Placed], list[Placed]]:
    """Where the explored texts of either side lie, in the order of their draws."""
    kinds = measured.kinds.reshape(2, -1)
    base, intervention = (
        [Placed(int(kind), float(score)) for kind, score in zip(*of_side, strict=True)]
        for of_side in zip(kinds, measured.scores, strict=True)
    )
    return base, intervention

"""Hypotheses on the prompts written for them: which the bank tests badly, which go on after the
half that explores, and what the other half says.

The other half is judged whole, a number fixed beforehand, since a race would rest on its prompts
being drawn from many like them, and they were written (docs/statistics.md).
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from statistics import fmean
from typing import NamedTuple

from scripts.assistants.client import BudgetSpent
from scripts.assistants.judge import Judging
from scripts.checks.check import by_place, graded
from scripts.draws.settings import PoolSettings
from scripts.evidence.betting import e_value
from scripts.evidence.race import Standing
from scripts.evidence.reasons import Stop
from scripts.hypotheses.finding import Contrast, Explored, Finding, Probing
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.judgement import Judgement
from scripts.hypotheses.needs import expected_share
from scripts.hypotheses.pairs import Pair
from scripts.hypotheses.probe import Half, Probe
from scripts.judging.findings import (
    SHOWN_AT,
    Control,
    Evidence,
    finding_of,
    quotes_of,
    untested,
)
from scripts.judging.fixed import standing_at
from scripts.judging.gates import failed_gates
from scripts.judging.schedule import Bench, Judges


def badly_tested(
    hypotheses: Iterable[Hypothesis],
    prompts: Mapping[str, int],
    settings: PoolSettings,
    tested: int,
    q: float,
    most: int,
) -> list[Hypothesis]:
    """At most `most` hypotheses that could hardly be validated on the bank even if they are true:
    those expected to win too few of the confirm prompts of their regions. What the screen speaks
    against is none of them, nor what no written prompt would change (graded
    checks), or nobody reads off them (by_place).

    prompts: of the confirm pool, by region; tested: how many hypotheses the error control counts.
    Those that more of the screen speaks for come first, then those that were proposed first.
    """

    def net(hypothesis: Hypothesis) -> int:
        return hypothesis.screen.wins - hypothesis.screen.losses if hypothesis.screen else 0

    found = []
    for hypothesis in hypotheses:
        own = sum(min(settings["prompts"], prompts.get(r, 0)) for r in hypothesis.regions)
        shown = 1 - (1 - min(1.0, expected_share(hypothesis))) ** settings["samples"]
        badly = float(e_value(int(shown * own), 0)) < max(1, tested) / q
        if (
            badly
            and net(hypothesis) >= 0
            and not (graded(hypothesis.check) or by_place(hypothesis.check))
        ):
            found.append(hypothesis)
    return sorted(found, key=lambda h: -net(h))[:most]


class Probed(NamedTuple):
    """A probe after the half that explores, and the pairs of the other."""

    probe: Probe
    explored: Explored | None
    stopped: Stop | None
    """Why it does not go on, if so."""
    pairs: Sequence[Pair]
    """Of the confirm half, on prompts where the hypothesis should show."""
    matched: Sequence[Pair]

    @property
    def goes_on(self) -> bool:
        return self.stopped is None

    @property
    def hypothesis(self) -> Hypothesis:
        return self.probe.hypothesis


def explored_half(
    probes: Sequence[Probe], pairs: Sequence[Pair], judge: Judging, seed: int, least_net: int
) -> list[Probed]:
    """What the half that explores says: a hypothesis goes on when its wins minus losses reach
    `least_net` and it shows more on its prompts than on the matched ones.

    Raises BudgetSpent where a model judges and its budget ends.
    """
    half = {name: p for p in probes for shows in (True, False) for name in p.ids("explore", shows)}
    bench = Bench(judge, [pair for pair in pairs if pair.prompt in half], seed)
    where = {p.hypothesis.id: [r for r in (p.region.id, p.matched.id) if r in bench.order]
             for p in probes}  # fmt: skip
    bench.complete(where, {region: len(prompts) for region, prompts in bench.order.items()})
    found = []
    for probe in probes:
        shown = judged_of(bench, probe, probe.region.id)
        signs = [judgement.signs[0] for judgement in shown]
        share, matched = mean_of(shown), mean_of(judged_of(bench, probe, probe.matched.id))
        wins, losses = signs.count(1), signs.count(-1)
        explored = Explored(
            prompts=len(signs), wins=wins, losses=losses, share=share, matched=matched
        )
        goes_on = wins - losses >= least_net and share > matched
        confirmed = (_pairs_of(pairs, probe, "confirm", shows) for shows in (True, False))
        found.append(Probed(probe, explored, None if goes_on else Stop.NOT_SHOWN, *confirmed))
    return found


def unpaid(probes: Iterable[Probe]) -> list[Probed]:
    """Probes whose exploring half the assistant's budget did not reach."""
    return [Probed(probe, None, Stop.UNPAID, (), ()) for probe in probes]


def judged_of(bench: Bench, probe: Probe, region: str) -> list[Judgement]:
    """The judgements of a probe's hypothesis in one of its two regions."""
    judged = bench.judged[probe.hypothesis.id]
    return [j for prompt in bench.order.get(region, ()) if (j := judged.get(prompt)) is not None]


def mean_of(judgements: Sequence[Judgement]) -> float:
    """Their mean pair score; 0 of none."""
    return round(fmean(j.difference for j in judgements), 4) if judgements else 0.0


class Whole:
    """The confirm halves of the probes that go on, before the judge that decides. The budget may
    end before all prompts of one are judged: that one is undecided."""

    def __init__(self, going: Sequence[Probed], judge: Judging, seed: int):
        self._going = {probed.hypothesis.id: probed for probed in going}
        pairs = [pair for probed in going for pair in (*probed.pairs, *probed.matched)]
        self._bench = Bench(judge, pairs, seed)
        self._judge({name: probed.probe.region.id for name, probed in self._going.items()})

    def standings(self) -> dict[str, Standing]:
        """Where each stands that was judged whole."""
        found = {}
        for name, probed in self._going.items():
            prompts = self._bench.order.get(probed.probe.region.id, ())
            if all(prompt in self._bench.judged[name] for prompt in prompts):
                judged = judged_of(self._bench, probed.probe, probed.probe.region.id)
                found[name] = standing_at(probed.hypothesis, judged, len(prompts))
        return found

    def finding(
        self,
        probed: Probed,
        standing: Standing | None,
        control: Control,
        judges: Judges | None,
        quotes: int,
    ) -> Finding:
        """The decision on a probe. What the matched prompts say is asked where models judge only
        of what has evidence."""
        if standing is None:
            return untested_probe(probed)
        probe, hypothesis = probed.probe, probed.hypothesis
        own = judged_of(self._bench, probe, probe.region.id)
        evidence, regions = Evidence(own, [own], own), {probe.region.id: probe.region}
        gates = failed_gates(hypothesis, standing, evidence, control.threshold, judges)
        found = finding_of(hypothesis, standing, evidence, gates, regions, control)
        told = quotes_of(hypothesis, self._bench.by_region, own, quotes)
        matched: list[Judgement] = []
        if judges is None or standing.in_set or min(standing.e, standing.e_prime) >= SHOWN_AT:
            self._judge({hypothesis.id: probe.matched.id})
            matched = judged_of(self._bench, probe, probe.matched.id)
        return _on_written(replace(found, evidence=told), probed, matched)

    def judgements(self) -> list[Judgement]:
        """Those that are evidence."""
        return [
            replace(judgement, raced=True)
            for probed in self._going.values()
            for judgement in judged_of(self._bench, probed.probe, probed.probe.region.id)
        ]

    def _judge(self, where: Mapping[str, str]) -> None:
        whole = {region: len(prompts) for region, prompts in self._bench.order.items()}
        asked = {name: [region] for name, region in where.items() if region in whole}
        with suppress(BudgetSpent):
            self._bench.complete(asked, whole)


def untested_probe(probed: Probed) -> Finding:
    """The finding of a probe that nobody judged, or not to the end."""
    regions = {probed.probe.region.id: probed.probe.region}
    found = untested(probed.hypothesis, regions, probed.stopped or Stop.BUDGET)
    return _on_written(found, probed)


def _on_written(finding: Finding, probed: Probed, matched: Sequence[Judgement] = ()) -> Finding:
    """A finding about prompts that no bank has."""
    outside = tuple(replace(region, weight=0.0) for region in finding.regions)
    return replace(finding, regions=outside, probing=probing_of(probed, matched))


def probing_of(probed: Probed, matched: Sequence[Judgement] = ()) -> Probing:
    """What a finding tells of the prompts written for it. matched: the judgements of the confirm
    half's matched prompts, where they were judged."""
    probe, contrast = probed.probe, None
    if matched and not graded(probe.hypothesis.check):
        less = probe.hypothesis.direction == "less"
        sides = [fmean(getattr(j, side) for j in matched) for side in ("base", "intervention")]
        base, intervention = (round(1 - s if less else s, 4) for s in sides)
        contrast = Contrast(prompts=len(matched), base=base, intervention=intervention)
    contents = {
        shows: tuple(p.content for p in probe.prompts if p.half == "confirm" and p.shows == shows)
        for shows in (True, False)
    }
    return Probing(
        of=probe.of,
        written_by=probe.written_by,
        explored=probed.explored,
        prompts=contents[True],
        matched=contents[False],
        contrast=contrast,
        repeated=probe.repeated,
        in_bank=probe.in_bank,
    )


def _pairs_of(pairs: Iterable[Pair], probe: Probe, half: Half, shows: bool) -> list[Pair]:
    wanted = set(probe.ids(half, shows))
    return [pair for pair in pairs if pair.prompt in wanted]

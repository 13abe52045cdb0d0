"""Test the hypotheses on fresh draws of the confirm pool, with error control.

The null, the bet, e-BH, racing, gates, statuses and intervals are those of docs/statistics.md; the
functions in scripts/evidence/ name their sources. The unit is the prompt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from scripts.assistants.client import BudgetSpent
from scripts.assistants.judge import Judging
from scripts.checks.check import Check
from scripts.evidence.ebh import e_bh
from scripts.evidence.race import Standing
from scripts.evidence.reasons import Status, Stop
from scripts.hypotheses.finding import Finding
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.judgement import Judgement
from scripts.hypotheses.pairs import Pair
from scripts.judging.calibration import Calibration
from scripts.judging.findings import (
    SHOWN_AT,
    Control,
    Evidence,
    finding_of,
    looks_at,
    quotes_of,
    untested,
    with_reach,
)
from scripts.judging.gates import failed_gates
from scripts.judging.local_judge import local_judge
from scripts.judging.missing import Missing
from scripts.judging.probing import Probed, Whole
from scripts.judging.schedule import Bench, Judges, raced
from scripts.judging.settings import ClaimSettings
from scripts.prompts.region import Region

RATES_OF_CHEAP = 5  # times as many prompts of a region as the strong judge reads for rates


def confirm(
    hypotheses: Sequence[Hypothesis],
    placebos: Mapping[str, Sequence[Check]],
    pairs: Sequence[Pair],
    regions: Mapping[str, Region],
    settings: ClaimSettings,
    judges: Judges | None = None,
    missing: Missing | None = None,
    probed: Sequence[Probed] = (),
) -> tuple[list[Finding], list[Judgement]]:
    """Findings (strongest first) and all judgements behind them.

    placebos: checks by hypothesis. Without language models the local assistant judges, which costs
    nothing, so every prompt serves the rates; with them, and only of what has evidence,
    `rate_prompts` a region do, as the strong one judges them, with the help of the cheap one on its
    own share: both numbers are fixed beforehand. A hypothesis that a budget does not reach
    (`beyond`) is untested, and none of those that e-BH counts.

    `missing` is one more of those that are tested, on prompts of its own and at a fixed number; so
    are those of `probed` that go on after the half of their written prompts that explores.

    Where the draw is the unit, a region is a prompt, and every region has as many draws: one of
    each makes a block, and the race, which goes on in all regions at once, looks between blocks.
    """
    given, unit, seed = hypotheses, settings["unit"], settings["seed"]
    hypotheses = [h for h in given if not h.beyond]
    checks = {h.id: h.check for h in hypotheses if h.check}
    going = [p for p in probed if p.goes_on]
    decides: Judging = judges.strong if judges else local_judge(
        [*hypotheses, *(p.hypothesis for p in going)],
        placebos,
        [*pairs, *(pair for p in going for pair in (*p.pairs, *p.matched))],
        seed,
    )  # fmt: skip
    bench = Bench(decides, pairs, seed, judges and judges.share)
    benches = [Bench(judges.cheap, pairs, seed), bench] if judges else [bench]
    order = bench.order
    tested = [h for h in hypotheses if any(r in order for r in h.regions)]
    of_tested = {h.id: [r for r in h.regions if r in order] for h in tested}
    prompts = {region: len(of_region) for region, of_region in order.items()}
    if unit == "draw" and not _in_blocks(of_tested, prompts):
        raise ValueError("the regions of a hypothesis have unlike numbers of draws")
    K = len(hypotheses) + (missing is not None) + len(going)
    delta = judges.delta if judges else Calibration().deltas(settings["delta"], 0)
    standings = raced(of_tested, prompts, benches, judges, K, settings["q"], delta)
    if missing:
        standings[missing.hypothesis.id] = missing.standing()
    written = Whole(going, decides, seed)
    standings |= written.standings()
    if missing or going:
        standings = _in_one_set(standings, settings["q"], K)
    validated = sum(standing.in_set for standing in standings.values())
    control = Control(K, validated, settings["q"])
    rated = of_tested
    if judges:
        strong = {n for n, s in standings.items() if s.in_set or min(s.e, s.e_prime) >= SHOWN_AT}
        rated = {name: of_one for name, of_one in of_tested.items() if name in strong}
    counted = _read_for_rates(rated, benches, judges)
    weights = {name: region.weight for name, region in regions.items()}
    findings = []
    for hypothesis in hypotheses:
        name = hypothesis.id
        standing = standings.get(name)
        if standing is None:
            findings.append(untested(hypothesis, regions, Stop.NO_PROMPTS))
            continue
        used = [judgement for b in benches for judgement in b.raced[name]]
        evidence = Evidence(
            used if judges else bench.first(hypothesis, prompts),
            [
                b.first(hypothesis, of_one if name in rated else {})
                for b, of_one in zip(benches, counted, strict=True)
            ],
            used,
        )
        gates = failed_gates(hypothesis, standing, evidence, control.threshold, judges)
        finding = finding_of(hypothesis, standing, evidence, gates, regions, control, unit)
        if not judges:
            looks = looks_at(checks[name], bench)
            finding = with_reach(finding, checks[name], looks, weights)
        quotes = quotes_of(hypothesis, bench.by_region, evidence.all, settings["evidence"])
        findings.append(replace(finding, evidence=quotes))
    if missing:
        own, standing = missing.judgements, standings[missing.hypothesis.id]
        evidence = Evidence(own, [own], own)
        findings.append(
            finding_of(missing.hypothesis, standing, evidence, [], regions, control, unit)
        )
    findings += [
        written.finding(p, standings.get(p.hypothesis.id), control, judges, settings["evidence"])
        for p in probed
    ]
    findings += [untested(h, regions, h.beyond) for h in given if h.beyond]
    findings = [replace(finding, unit=unit) for finding in findings]
    rank = list(Status)
    findings.sort(key=lambda f: (rank.index(f.status), -(f.e_value or 0), f.id))
    judgements = [judgement for b in benches for judgement in b.all_judged()]
    judgements += written.judgements()
    return findings, [*judgements, *(missing.judgements if missing else ())]


def _in_one_set(standings: Mapping[str, Standing], q: float, K: int) -> dict[str, Standing]:
    """The standings with the e-BH set of all their values, stopped as they are."""
    inside = e_bh([min(s.e, s.e_prime) for s in standings.values()], q, K)
    return {
        name: standing._replace(in_set=bool(kept))
        for (name, standing), kept in zip(standings.items(), inside, strict=True)
    }


def _in_blocks(regions: Mapping[str, Sequence[str]], draws: Mapping[str, int]) -> bool:
    """Whether all regions of each hypothesis have as many draws."""
    return all(len({draws[region] for region in of_one}) == 1 for of_one in regions.values())


def rates_of(prompts: int) -> tuple[int, int]:
    """How many prompts of a region the cheap and the strong judge read for rates at most."""
    return RATES_OF_CHEAP * prompts, prompts


def _read_for_rates(
    regions: Mapping[str, Sequence[str]],
    benches: Sequence[Bench],
    judges: Judges | None,
) -> list[Mapping[str, int]]:
    """For each judge the first so many prompts of each region that rates rest on; of the hypotheses
    in `regions` all of them are judged afterwards, except where the budget ended."""
    whole = {region: len(prompts) for region, prompts in benches[-1].order.items()}
    counted: list[Mapping[str, int]] = [whole]
    if judges:
        cheap, strong = judges.rates
        of_cheap = {region: min(cheap, count) for region, count in judges.share.items()}
        counted = [of_cheap, dict.fromkeys(whole, strong)]
    for place in reversed(range(len(benches))):  # the strong one's first: without them no rate
        try:
            benches[place].complete(regions, counted[place])
        except BudgetSpent:
            counted[place] = {}
    return counted

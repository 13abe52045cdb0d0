"""Test the hypotheses on fresh draws of the confirm pool, with error control.

The null, the bet, e-BH, racing, gates, statuses and intervals are those of docs/statistics.md; the
functions in scripts/evidence/ name their sources. The unit is the prompt.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Literal, NotRequired, TypedDict

import numpy as np

from scripts.assistants.client import BudgetSpent, Pool
from scripts.assistants.judge import (
    MAJORITY,
    Asked,
    Judged,
    Judging,
    Majority,
    ModelJudge,
    pairs_by_prompt,
)
from scripts.assistants.local import placebo_checks
from scripts.assistants.placebos import placebos_by_region
from scripts.assistants.roles import ConfirmRoles, Role
from scripts.checks.check import Check, MissingCheck, Text, by_place, graded, value
from scripts.checks.words import equal_lengths
from scripts.core.job import log
from scripts.core.randomness import hash_generator
from scripts.evidence.cascade import Escalate
from scripts.evidence.ebh import e_bh
from scripts.evidence.judge_split import SPLITS, STRONG_ALONE, choose
from scripts.evidence.judge_split import Judges as Assumed
from scripts.evidence.race import Delta, Standing
from scripts.evidence.reasons import Status, Stop
from scripts.hypotheses.finding import Behaviour, Finding
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.judgement import Judgement, sign
from scripts.hypotheses.pairs import Pair, pair_score
from scripts.hypotheses.probe import Probe
from scripts.hypotheses.wording import composed, family, in_reading_order, tells
from scripts.judging.behaviours import Group, Won, behaviours_of
from scripts.judging.calibration import UNKNOWN, Calibration
from scripts.judging.findings import (
    SHOWN_AT,
    Control,
    Evidence,
    failed_gates,
    finding_of,
    look_at,
    mean_score,
    quotes_of,
    untested,
    with_reach,
)
from scripts.judging.missing import Missing
from scripts.judging.panel import NO_PANEL, PanelReport, read_by_others, report_of, with_judges
from scripts.judging.probing import Probed, Whole, explored_half, unpaid, untested_probe
from scripts.judging.reach import Look
from scripts.judging.schedule import Bench, Judges, judging_order, raced
from scripts.prompts.region import Region

RATES_OF_CHEAP = 5  # times as many prompts of a region as the strong judge reads for rates


class ConfirmSettings(TypedDict):
    """Of the confirm stage, as the configuration describes them; with the audit's seed and unit,
    and of how many prompts a region the rates are that a language model gives."""

    q: float
    delta: float | Literal["auto"]
    """`auto` where a language model judges: the effect of its accuracy, for each judge its own."""
    placebos: int
    evidence: int
    seed: int
    unit: NotRequired[Literal["prompt", "draw"]]
    rate_prompts: NotRequired[int]
    least_net: NotRequired[int]
    """Of the screen, where an audit probes."""


def judge(
    name: str, check: Check, placebos: Sequence[Check], pairs: Sequence[Pair], seed: int
) -> Judgement:
    """The local assistant's judgement of one prompt's pairs (one or several samples), for the
    hypothesis of that id and check."""
    base, intervention = zip(*(pair.sides for pair in pairs), strict=True)
    prompt = pairs[0].prompt
    chance = hash_generator("placebo", seed, name, prompt)
    drawn = int(chance.integers(len(placebos))) if placebos else None
    return Judgement(
        name,
        pairs[0].region,
        prompt,
        fmean(value(check, text) for text in base),
        fmean(value(check, text) for text in intervention),
        _on_cuts(check, pairs),
        tuple(mean_score(placebo, base, intervention) for placebo in placebos),
        None if graded(check) else drawn,
        score=mean_score(check, base, intervention) if graded(check) else None,
    )


def local_judge(
    hypotheses: Iterable[Hypothesis],
    placebos: Mapping[str, Sequence[Check]],
    pairs: Iterable[Pair],
    seed: int,
) -> Judging:
    """The local assistant in the place of a model that judges; placebos: by hypothesis."""
    checks = {h.id: h.check for h in hypotheses if h.check}
    of_prompt = pairs_by_prompt(pairs)

    def judged(asked: Asked) -> Callable[[], Judged]:
        return lambda: {
            region: {
                name: judge(name, checks[name], placebos.get(name, ()), of_prompt[prompt], seed)
                for name in names
            }
            for region, (prompt, names) in asked.items()
        }

    return judged


def probed_locally(
    probes: Sequence[Probe], pairs: Sequence[Pair], settings: ConfirmSettings
) -> list[Probed]:
    """What the half of the written prompts that explores says, as the local assistant reads it."""
    judging = local_judge([probe.hypothesis for probe in probes], {}, pairs, settings["seed"])
    return explored_half(probes, pairs, judging, settings["seed"], settings.get("least_net", 1))


def _on_cuts(check: Check, pairs: Sequence[Pair]) -> tuple[float, float] | None:
    """The pair scores on the first and on the last words; None for a check of length, and for one
    of where whole texts lie."""
    if by_place(check) or family(check) == "length":
        return None
    scores = []
    for end in (False, True):
        cuts = [equal_lengths(pair.base, pair.intervention, end) for pair in pairs]
        base, intervention = ([Text(text) for text in side] for side in zip(*cuts, strict=True))
        scores.append(mean_score(check, base, intervention))
    return scores[0], scores[1]


def placebos_of(
    hypotheses: Sequence[Hypothesis],
    explored: Mapping[str, Sequence[Text]],
    settings: ConfirmSettings,
) -> dict[str, list[Check]]:
    """Placebo checks of each hypothesis, fixed before a confirm text is looked at: only the base's
    texts of the explore pool, by region, are read."""
    return {
        h.id: placebo_checks(h, hypotheses, explored, settings["placebos"], settings["seed"])
        for h in hypotheses
    }


def confirm(
    hypotheses: Sequence[Hypothesis],
    placebos: Mapping[str, Sequence[Check]],
    pairs: Sequence[Pair],
    regions: Mapping[str, Region],
    settings: ConfirmSettings,
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
    given, unit, seed = hypotheses, settings.get("unit", "prompt"), settings["seed"]
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
    counted = _read_for_rates(rated, benches, judges, settings)
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


def looks_at(check: Check, bench: Bench) -> list[Look]:
    """What a check sees of every confirm prompt, of all regions, in the order of judging."""
    return [
        look_at(check, bench.by_region[region][prompt])
        for region, prompts in sorted(bench.order.items())
        for prompt in prompts
    ]


def entries(
    findings: Sequence[Finding], pairs: Sequence[Pair], regions: Mapping[str, Region]
) -> list[Behaviour]:
    """The validated findings as behaviours, what a reader sees as one entry: those with a mark
    first, which the base hardly shows, then by how much the leading finding tells.

    Those that a language model judged have no verdicts beyond their own regions, and stay alone,
    as does that responses are missing, and what is about prompts that no bank has.
    """
    shown = {f.id: f for f in findings if f.status == Status.VALIDATED}
    checks = {
        name: f.check
        for name, f in shown.items()
        if f.check and not f.probing and not isinstance(f.check, MissingCheck)
    }
    bench = Bench(lambda _: dict, pairs, 0)  # prompts in one order; nobody is asked
    groups = behaviours_of({name: won_by(check, bench, pairs) for name, check in checks.items()})
    groups += [Group([name], [], []) for name in shown if name not in checks]
    found = []
    for group in groups:
        parts = [p for names in group for p in in_reading_order([shown[name] for name in names])]
        found.append((not group.marks, -tells(parts[0]), parts))
    found.sort(key=lambda entry: entry[:2])
    return [
        Behaviour(
            id=f"b{number}",
            findings=tuple(part.id for part in parts),
            statement=composed(parts, regions),
        )
        for number, (_, _, parts) in enumerate(found, 1)
    ]


def won_by(check: Check, bench: Bench, pairs: Sequence[Pair]) -> Won:
    """Where a check is won, over all confirm prompts."""
    signs = [sign(look.score) for look in looks_at(check, bench)]
    shown = [pair_score(check, pair) > 0 for pair in pairs]
    topics = sorted({pair.region for pair in pairs})
    regions = [topics.index(pair.region) for pair in pairs]
    by_topic = np.bincount(regions, weights=shown) / np.bincount(regions)
    kinds = [pair.intervention_placed.kind for pair in pairs if pair.intervention_placed]
    if len(kinds) < len(pairs):
        return Won(signs, topics=by_topic.tolist())
    most = max(kinds) + 1
    of_won = np.bincount(kinds, weights=shown, minlength=most) / max(1, sum(shown))
    of_won = of_won - np.bincount(kinds, minlength=most) / len(kinds)
    return Won(signs, of_won.tolist(), by_topic.tolist())


def rates_of(prompts: int) -> tuple[int, int]:
    """How many prompts of a region the cheap and the strong judge read for rates at most."""
    return RATES_OF_CHEAP * prompts, prompts


def _read_for_rates(
    regions: Mapping[str, Sequence[str]],
    benches: Sequence[Bench],
    judges: Judges | None,
    settings: ConfirmSettings,
) -> list[Mapping[str, int]]:
    """For each judge the first so many prompts of each region that rates rest on; of the hypotheses
    in `regions` all of them are judged afterwards, except where the budget ended."""
    whole = {region: len(prompts) for region, prompts in benches[-1].order.items()}
    counted: list[Mapping[str, int]] = [whole]
    if judges:
        cheap, strong = rates_of(settings["rate_prompts"])
        of_cheap = {region: min(cheap, count) for region, count in judges.share.items()}
        counted = [of_cheap, dict.fromkeys(whole, strong)]
    for place in reversed(range(len(benches))):  # the strong one's first: without them no rate
        try:
            benches[place].complete(regions, counted[place])
        except BudgetSpent:
            counted[place] = {}
    return counted


def confirm_with_models(
    pool: Pool,
    roles: ConfirmRoles,
    hypotheses: Sequence[Hypothesis],
    pairs: Sequence[Pair],
    texts: Mapping[str, str],
    regions: Mapping[str, Region],
    settings: ConfirmSettings,
    missing: Missing | None = None,
    written: tuple[Sequence[Probe], Sequence[Pair]] = ((), ()),
    calibration: Calibration = UNKNOWN,
) -> tuple[list[Finding], list[Judgement], PanelReport]:
    """As `confirm`, judged by language models; without budget for placebos, all are untested. With
    several judges also how far they agree.

    written: probes, and the pairs of all their prompts.
    calibration: what the screen says of the judges. By it the races are made (their delta, where it
    is `auto`, and who reads how many prompts), before any confirm prompt is judged.
    """
    seed = settings["seed"]
    probes, of_probes = written
    probed = _probed(pool, roles.cheap, probes, of_probes, texts, settings)
    racing = [h for h in hypotheses if not h.beyond]
    tested = racing + [p.hypothesis for p in probed if p.goes_on]
    try:
        placebos = placebos_by_region(pool, roles.cheap, tested, settings["placebos"], seed)
    except BudgetSpent:
        findings = [untested(h, regions, h.beyond or Stop.BUDGET) for h in hypotheses]
        findings += [untested_probe(p) for p in probed]
        return findings, [], NO_PANEL
    by_prompt = pairs_by_prompt(pairs)
    most = Counter(of_prompt[0].region for of_prompt in by_prompt.values()).values()
    delta = calibration.deltas(settings["delta"], max(most, default=0))
    K = len(tested) + (missing is not None)
    share, samples = _share(roles, racing, by_prompt, settings, calibration.simulated(), delta, K)
    read = {prompt: of_prompt[:samples] for prompt, of_prompt in by_prompt.items()}
    read |= pairs_by_prompt(of_probes)
    majority = roles.panel is not None and roles.panel.decide == "majority"

    def judge_of(role: Role) -> ModelJudge:
        drawn_by = MAJORITY if majority and role in roles.judges else None
        return ModelJudge(pool, role, tested, placebos, read, texts, seed, drawn_by)

    first, *others = map(judge_of, roles.judges)
    strong = Majority([first, *others]) if majority else first
    escalate: Escalate = "band" if roles.escalate == "band" else "borderline"
    judges = Judges(judge_of(roles.cheap), strong, share, escalate, delta)
    settings = {**settings, "rate_prompts": roles.rate_prompts}
    findings, judgements = confirm(
        hypotheses, {}, pairs, regions, settings, judges, missing, probed
    )
    if roles.panel is None:
        return findings, judgements, NO_PANEL
    unread = 0
    if isinstance(strong, Majority):
        judgements += strong.own
    else:
        of_first = [judgement for judgement in judgements if judgement.judge == first.title]
        more, unread = read_by_others(others, of_first, roles.panel.share, seed)
        judgements += more
    by_hypothesis: dict[str, list[Judgement]] = defaultdict(list)
    for judgement in judgements:
        by_hypothesis[judgement.hypothesis].append(judgement)
    titles = [role.title for role in roles.judges]
    findings = [with_judges(finding, titles, by_hypothesis) for finding in findings]
    return findings, judgements, report_of(roles.judges, roles.panel, judgements, unread)


def _probed(
    pool: Pool,
    role: Role,
    probes: Sequence[Probe],
    pairs: Sequence[Pair],
    texts: Mapping[str, str],
    settings: ConfirmSettings,
) -> list[Probed]:
    """As `probed_locally`, read by a model, in the budget of the assistant."""
    seed, of_prompt = settings["seed"], pairs_by_prompt(pairs)
    reader = ModelJudge(pool, role, [p.hypothesis for p in probes], {}, of_prompt, texts, seed)
    try:
        return explored_half(probes, pairs, reader, seed, settings.get("least_net", 1))
    except BudgetSpent:
        return unpaid(probes)


def _share(
    roles: ConfirmRoles,
    hypotheses: Sequence[Hypothesis],
    pairs: Mapping[str, Sequence[Pair]],
    settings: ConfirmSettings,
    judges: Assumed,
    delta: tuple[Delta, Delta],
    K: int,
) -> tuple[dict[str, int], int]:
    """How many prompts of each region the cheap model reads before the strong one goes on, and how
    many pairs of each prompt either reads, fixed before any is judged. What `auto` simulates is the
    race that follows."""
    by_region: dict[str, list[str]] = defaultdict(list)
    for prompt, of_prompt in pairs.items():
        by_region[of_prompt[0].region].append(prompt)
    prompts = {region: len(of_region) for region, of_region in by_region.items()}
    samples = max((len(of_prompt) for of_prompt in pairs.values()), default=1)
    none = dict.fromkeys(prompts, 0)
    by_first = roles.panel is None or roles.panel.decide == "first"
    alone = by_first and roles.cheap.same_as(roles.judges[0])
    alone = alone or roles.escalate == "never"
    if alone and samples == 1:
        return none, samples
    if roles.escalate == "band" and not alone:
        return {region: 2 * count // 3 for region, count in prompts.items()}, samples
    lined_up = {h.id: [r for r in h.regions if r in prompts] for h in hypotheses}
    lined_up = {name: of_one for name, of_one in lined_up.items() if of_one}
    in_order = {r: judging_order(own, settings["seed"]) for r, own in by_region.items()}
    assumed = judges._replace(
        price_ratio=roles.price_ratio * (1 if by_first else len(roles.judges)),
        samples={r: [len(pairs[prompt]) for prompt in own] for r, own in in_order.items()},
        delta=delta,
        hypotheses=K,
        rates=rates_of(roles.rate_prompts),
    )
    shares = STRONG_ALONE if alone else SPLITS
    split = choose(
        lined_up, prompts, assumed, q=settings["q"], seed=settings["seed"], shares=shares
    )
    log.info(
        "the cheap model reads %s of the prompts, %d pairs of each", split.share, split.samples
    )
    return none | split.share, split.samples

"""One hypothesis with its decision: status, evidence, gates, rates, quoted pairs.

The formulas are those of docs/statistics.md; the modules beside this one name their sources.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from operator import attrgetter
from statistics import fmean
from typing import Any

from scripts.assistants.client import BudgetSpent
from scripts.checks.check import Text, compare, graded, value
from scripts.checks.features import quality
from scripts.checks.measures import MEASURES
from scripts.core.randomness import hash_unit
from scripts.evidence.betting import e_value, win_rate_interval
from scripts.evidence.ebh import e_threshold
from scripts.evidence.placebo import beats_placebos, judge_leans
from scripts.evidence.power import minimum_detectable_effect
from scripts.evidence.prediction_powered import corrected_rate
from scripts.evidence.race import Standing
from scripts.evidence.rates import stratified_rate
from scripts.evidence.status import decide
from scripts.hypotheses.judgement import Judgement, sign
from scripts.hypotheses.pairs import Pair
from scripts.judging.reach import (
    Look,
    auc_of,
    difference_of,
    effect_of,
    share_of,
    sign_test,
    transfer,
)
from scripts.judging.schedule import BUDGET, Judges

SHOWN_AT = 20.0  # a region's own e-value from which it is "shown here"
ALPHA = 0.05
NO_CHECK = {"kind": ""}  # of a hypothesis that a model judges
NO_REACH: dict[str, Any] = {"transfer": None, "bank": None}  # nobody looked beyond its regions


def finding_of(
    hypothesis, standing, seen, counted, used, gates, regions, K, validated, settings
) -> dict[str, Any]:
    """seen: all judgements; counted: those behind the rates, by judge; used: those of the race."""
    wins, ties, losses = standing.counts
    threshold = e_threshold(K, max(1, validated), settings["q"])
    status = decide(
        standing.e,
        standing.e_prime,
        in_set=standing.in_set,
        net=wins - losses,
        judged=standing.judged,
        hypotheses=K,
        q=settings["q"],
        validated=validated,
        gates_failed=gates,
        available=standing.judged + standing.remaining,
        stopped="exhausted" if standing.stopped == BUDGET else standing.stopped,
    )
    if standing.stopped == BUDGET and status == "unsupported":
        status = "untested"
    alpha = ALPHA * max(1, validated) / K if status == "validated" else ALPHA
    low, high = map(float, win_rate_interval(wins, losses, alpha))
    effect = None
    if status == "unsupported":
        share = losses / standing.judged if standing.judged else 0.0
        available = standing.judged + standing.remaining
        effect = minimum_detectable_effect(available, threshold, share)
    return {
        "schema": 1,
        "id": hypothesis["id"],
        "statement": hypothesis["statement"],
        "direction": hypothesis["direction"],
        "source": hypothesis["source"],
        "check": hypothesis.get("check"),
        "behaviour": hypothesis.get("behaviour"),
        "regions": [
            _region(
                regions[r],
                [j for j in seen if j.region == r],
                sum(standing.by_region[r][0]) if r in standing.by_region else 0,
            )
            for r in hypothesis["regions"]
        ],
        "status": status,
        "e_value": rounded(min(standing.e, standing.e_prime)),
        "e_value_plain": rounded(standing.e),
        "e_value_against_placebos": rounded(standing.e_prime),
        "win_rate": {
            "estimate": round(wins / (wins + losses), 4) if wins + losses else None,
            "low": round(low, 4),
            "high": round(high, 4),
            "confidence": round(1 - alpha, 6),
        },
        "judged": standing.judged,
        "available": standing.judged + standing.remaining,
        "wins": wins,
        "losses": losses,
        "ties": ties,
        "missing": standing.missing,
        "refused": sum(j.refused for j in seen),
        "unparsable": sum(j.unparsable for j in seen),
        "stopped": standing.stopped,
        "in_set": standing.in_set,
        "placebos": len(used[0].placebos) if used else 0,
        "gates_failed": gates,
        "minimum_detectable_effect": effect and round(effect, 4),
        "p_anytime": float(f"{min(1.0, 1 / max(1e-300, min(standing.e, standing.e_prime))):.4g}"),
        **_rates(hypothesis, counted, regions),
        **_looked_at(hypothesis, seen, regions, settings.get("unit")),
    }


def _rates(hypothesis, counted, regions) -> dict[str, Any]:
    """Rates of both sides; a graded check has none."""
    if graded(hypothesis.get("check") or NO_CHECK):
        return {"rate_base": None, "rate_intervention": None}
    return {
        f"rate_{side}": _rate(counted, side, hypothesis, regions)
        for side in ("base", "intervention")
    }


def _looked_at(hypothesis, seen: Sequence[Judgement], regions, unit: str | None) -> dict[str, Any]:
    """What all judgements of a finding's own regions say beside the race, which may end early: the
    sign test at their number (draws of unlike prompts do not allow it), the AUC of the paired
    score, the difference of the rates, the effect in units of a measure, what is left on texts cut
    to equal length, and how well the check agrees with people."""
    check = hypothesis.get("check") or NO_CHECK
    less = hypothesis["direction"] == "less" and not graded(check)
    looks = []
    for j in seen:
        if not (j.refused or j.unparsable):
            sides = (1 - j.base, 1 - j.intervention) if less else (j.base, j.intervention)
            looks.append(Look(j.region, j.prompt, *sides, j.difference))
    weights = {region: regions[region]["weight"] for region in hypothesis["regions"]}
    signs = [sign(look.score) for look in looks]
    cut = [j.cut for j in seen if j.cut is not None]
    return {
        "p_sign": float(f"{sign_test(signs.count(1), signs.count(-1)):.4g}")
        if looks and unit != "draw"
        else None,
        "auc": auc_of(looks, weights),
        "difference": None if graded(check) else difference_of(looks, weights),
        "effect": effect_in_units(check, looks, weights),
        "cut": [round(fmean(of_one), 4) for of_one in zip(*cut, strict=True)] if cut else None,
        "uncut": round(fmean(look.score for look in looks), 4) if looks else None,
        "agreement": agreement_of(check),
    }


def effect_in_units(check: Mapping[str, Any], looks: Sequence[Look], weights) -> Any:
    """The effect of a measure (reach.effect_of) with its unit; None for other checks."""
    if check["kind"] != "measure":
        return None
    measure = MEASURES[check["measure"]]
    found = effect_of(looks, weights, measure.told) if looks else None
    return found and {"unit": measure.unit, **found}


def agreement_of(check: Mapping[str, Any]) -> dict[str, Any] | None:
    """Recall and precision of a named feature on labelled texts, where they were measured."""
    measured = quality(check["feature"]) if check["kind"] == "feature" else None
    return measured._asdict() if measured else None


def reach_of(
    hypothesis: Mapping[str, Any], looks: Sequence[Look], regions: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """How far a finding reaches (evidence/reach.py). looks: at every confirm prompt, of whatever
    region; of a behaviour that the intervention shows less often they are on the behaviour."""
    check = hypothesis.get("check") or NO_CHECK
    weights = {name: region["weight"] for name, region in regions.items()}
    bank: dict[str, Any] = {"effect": effect_in_units(check, looks, weights)}
    if not graded(check):
        for side in ("base", "intervention"):
            bank[f"rate_{side}"] = share_of(looks, weights, attrgetter(side))
        bank["difference"] = difference_of(looks, weights)
    return {"transfer": transfer(looks, hypothesis["regions"]), "bank": bank}


def look_at(check: Mapping[str, Any], pairs: Sequence[Pair]) -> Look:
    """What a check sees of a prompt's pairs; of one that is absent, the thing that is absent."""
    plain = {**check, "absent": False}
    base, intervention = zip(*(pair.sides for pair in pairs), strict=True)
    return Look(
        pairs[0].region,
        pairs[0].prompt,
        fmean(value(plain, text) for text in base),
        fmean(value(plain, text) for text in intervention),
        mean_score(check, base, intervention),
    )


def mean_score(check, base: Sequence[Text], intervention: Sequence[Text]) -> float:
    """The mean over all pairs of samples of a prompt of their pair score."""
    if not graded(check):
        return fmean(value(check, t) for t in intervention) - fmean(value(check, t) for t in base)
    return fmean(compare(check, a, b) for a in base for b in intervention)


def failed_gates(
    hypothesis: Mapping[str, Any],
    standing: Standing,
    seen: Sequence[Judgement],
    used: Sequence[Judgement],
    threshold: float,
    judges: Judges | None,
) -> list[str]:
    """Reasons for which evidence alone does not validate; each is one sentence.

    Texts cut to equal length are tested on all prompts, a number fixed beforehand: where the race
    stops, uncut texts barely reach the threshold, and one phrase that was cut off would fail it.
    What length alone brings about vanishes from beginnings and from ends, so one of the two must
    show it; the cut-off part of a text that ends or begins in a certain way says nothing. They need
    the threshold of all hypotheses: those that reach it on whole texts are a selection, which at an
    e-value of 20 let a phrase through in two of eight audits of texts twice as long.
    A hypothesis on length itself is exempt: of equally long texts it says nothing; so are those on
    where whole texts lie. A model that judges is shown no cut texts; if it leans to longer ones,
    its placebos show that.
    """
    failed = []
    cuts = list(zip(*([sign(s) for s in j.cut] for j in seen if j.cut is not None), strict=True))
    on_cuts = max((float(e_value(c.count(1), c.count(-1))) for c in cuts), default=threshold)
    if judges is None and on_cuts < threshold:
        failed.append("not shown on texts cut to equal length")
    if graded(hypothesis.get("check") or NO_CHECK):
        return failed
    if not used or not used[0].placebos:
        return [*failed, "no placebo of a similar base rate was found"]
    by_judge: dict[str, list[Judgement]] = defaultdict(list)
    for judgement in used:
        by_judge[judgement.judge].append(judgement)
    for own in by_judge.values():
        drawn = [sign(j.placebos[j.drawn]) for j in own if j.drawn is not None]
        if judge_leans(drawn.count(1), drawn.count(-1)):
            nets = _placebo_nets(hypothesis, own, standing, judges)
            net = sum(j.signs[0] for j in own)
            if nets is None or not bool(beats_placebos(net, nets)):
                return [*failed, "the responses lean: a placebo does as well"]
    return failed


def _placebo_nets(
    hypothesis: Mapping[str, Any],
    used: Sequence[Judgement],
    standing: Standing,
    judges: Judges | None,
) -> list[int] | None:
    """Net wins of every placebo on the prompts that one judge read; None where they could not be
    judged. Only what is in the e-BH set is worth the requests of a model."""
    if judges is not None:
        if not standing.in_set:
            return None
        model = judges.strong if used[0].judge == judges.strong.model else judges.cheap
        try:
            scores = model.all_placebos([(j.region, j.prompt) for j in used])
        except BudgetSpent:
            return None
        turn = -1 if hypothesis["direction"] == "less" else 1
        used = [
            replace(j, placebos=tuple(turn * (x or 0.0) for x in scores[j.prompt])) for j in used
        ]
    count = min(len(j.placebos) for j in used)
    return [sum(sign(j.placebos[c]) for j in used) for c in range(count)]


def _rate(
    counted: Sequence[Sequence[Judgement]], side: str, hypothesis: Mapping[str, Any], regions
) -> dict[str, float] | None:
    """Prevalence of the behaviour over the regions that were judged, by their weights in the bank.

    counted: the judgements of each judge, the last one's are what the rate is of. Where a judge
    before it read the same prompts and others, its verdicts on the others, corrected by those on
    the same, make the interval narrower. Of a behaviour that the intervention shows less often, the
    rate is that of the behaviour, not of its absence.
    """
    shares: list[dict[str, dict[str, float]]] = []
    for of_judge in counted:
        shares.append(defaultdict(dict))
        for j in of_judge:
            if not (j.refused or j.unparsable):
                share = getattr(j, side)
                shares[-1][j.region][j.prompt] = (
                    share if hypothesis["direction"] == "more" else 1 - share
                )
    *before, last = shares
    last = {region: of_one for region, of_one in last.items() if len(of_one) >= 2}
    if not last:
        return None
    weights = {region: regions[region]["weight"] for region in last}
    rate = stratified_rate(weights, {r: list(of_one.values()) for r, of_one in last.items()})
    for cheap in before:
        both = {
            r: [(cheap[r][p], share) for p, share in of_one.items() if p in cheap[r]]
            for r, of_one in last.items()
        }
        alone = {r: [s for p, s in cheap[r].items() if p not in last[r]] for r in last}
        if all(len(both[r]) >= 2 and len(alone[r]) >= 2 for r in last):
            rate = corrected_rate(weights, alone, both)
    return {
        "estimate": round(rate.estimate, 4),
        "low": round(rate.low, 4),
        "high": round(rate.high, 4),
        "prompts": rate.prompts,
    }


def _region(
    region: Mapping[str, Any], judged: Sequence[Judgement] = (), used: int = 0
) -> dict[str, Any]:
    """A region's own record over all its confirm prompts, a number fixed beforehand; `used` of
    them had been judged when the hypothesis left the race."""
    signs = [j.signs[0] for j in judged]
    wins, losses = signs.count(1), signs.count(-1)
    e = float(e_value(wins, losses))
    return {
        **{k: region[k] for k in ("id", "name", "category", "weight")},
        "prompts": len(signs),
        "used": used,
        "wins": wins,
        "losses": losses,
        "e_value": rounded(e),
        "shown": e >= SHOWN_AT,
    }


def evidence_of(hypothesis, by_region, judged, count) -> list[dict[str, str]]:
    """Quoted pairs from prompts that were won, a region in turn, those that show it most first."""
    won: dict[str, list[Judgement]] = defaultdict(list)
    for judgement in sorted(
        (j for j in judged if j.signs[0] > 0),
        key=lambda j: hash_unit("evidence", hypothesis["id"], j.prompt),
    ):
        won[judgement.region].append(judgement)
    often = sorted(won, key=lambda r: (-len(won[r]) / len(by_region[r]), r))
    turns = [j for turn in zip_longest(*(won[r] for r in often)) for j in turn if j is not None]
    found = []
    for judgement in turns[:count]:
        pairs = by_region[judgement.region][judgement.prompt]
        best, check = pairs[judgement.telling], hypothesis.get("check")
        if check and judgement.judge == "local":
            best = max(pairs, key=lambda p: compare(check, *p.sides))
        found.append({"prompt": best.prompt, "base": best.base, "intervention": best.intervention})
    return found


def untested(hypothesis, regions, stopped: str) -> dict[str, Any]:
    """The finding of a hypothesis that nobody judged, with the reason."""
    return {
        "schema": 1,
        **{k: hypothesis[k] for k in ("id", "statement", "direction", "source")},
        **{k: hypothesis.get(k) for k in ("check", "behaviour")},
        "regions": [_region(regions[r]) for r in hypothesis["regions"]],
        "status": "untested",
        "e_value": None,
        "e_value_plain": None,
        "e_value_against_placebos": None,
        "win_rate": None,
        "judged": 0,
        "available": 0,
        "wins": 0,
        "losses": 0,
        "ties": 0,
        "missing": 0,
        "refused": 0,
        "unparsable": 0,
        "stopped": stopped,
        "in_set": False,
        "placebos": 0,
        "gates_failed": [],
        "minimum_detectable_effect": None,
        **dict.fromkeys(
            (
                "p_anytime",
                "rate_base",
                "rate_intervention",
                "p_sign",
                "auc",
                "difference",
                "effect",
                "cut",
                "uncut",
                "agreement",
            )
        ),
        **NO_REACH,
        "evidence": [],
    }


def rounded(e: float) -> float:
    """Four significant digits; an infinite e-value is written as the largest number."""
    return float(f"{min(e, 1e300):.4g}")

"""Test the hypotheses on fresh draws of the confirm pool, with error control.

The null, the bet, e-BH, racing, gates, statuses and intervals are those of docs/statistics.md; the
functions in scripts/evidence/ name their sources. The unit is the prompt.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from scripts.assistants.checks import LENGTH_FEATURES, equal_lengths, holds
from scripts.assistants.local import Pair, placebo_checks
from scripts.evidence.betting import e_value, win_rate_interval
from scripts.evidence.ebh import e_threshold
from scripts.evidence.placebo import beats_placebos, judge_leans
from scripts.evidence.power import minimum_detectable_effect
from scripts.evidence.race import Race, Standing, drive
from scripts.evidence.rates import stratified_rate
from scripts.evidence.status import decide
from scripts.propose import read_pairs
from scripts.workflow.chance import hash_generator, hash_unit
from scripts.workflow.files import read_json, read_jsonl, write_jsonl
from scripts.workflow.job import Ledger, job, log, progress

SHOWN_AT = 20.0  # a region's own e-value from which it is "shown here"
ALPHA = 0.05


@dataclass(frozen=True)
class Judgement:
    """What the assistant says of one hypothesis on one confirm prompt; scores are means of samples.

    base and intervention: shares of the samples that show the hypothesis; placebos: the pair
    scores of all its placebos; drawn: the one that rode along; cut: the pair scores on the first
    and on the last words of both texts, as many as the shorter one has.
    """

    hypothesis: str
    region: str
    prompt: str
    base: float
    intervention: float
    cut: tuple[float, float]
    placebos: tuple[float, ...]
    drawn: int | None

    @property
    def signs(self) -> tuple[int, int]:
        """s and s', the sign against the placebo drawn for this prompt."""
        score = self.intervention - self.base
        placebo = self.placebos[self.drawn] if self.drawn is not None else 0.0
        return _sign(score), _sign(score - placebo)


def _sign(score: float) -> int:
    return int(score > 1e-12) - int(score < -1e-12)


def judge(
    hypothesis: Mapping[str, Any],
    placebos: Sequence[Mapping[str, Any]],
    pairs: Sequence[Pair],
    seed: int,
) -> Judgement:
    """The local assistant's judgement of one prompt's pairs (one or several samples)."""

    def share(check, texts):
        return float(np.mean([holds(check, text) for text in texts]))

    check = hypothesis["check"]
    base, intervention = [p.base for p in pairs], [p.intervention for p in pairs]
    cuts = [
        list(zip(*(equal_lengths(p.base, p.intervention, end) for p in pairs), strict=True))
        for end in (False, True)
    ]
    prompt = pairs[0].prompt
    chance = hash_generator("placebo", seed, hypothesis["id"], prompt)
    return Judgement(
        hypothesis["id"],
        pairs[0].region,
        prompt,
        share(check, base),
        share(check, intervention),
        tuple(share(check, second) - share(check, first) for first, second in cuts),
        tuple(share(p, intervention) - share(p, base) for p in placebos),
        int(chance.integers(len(placebos))) if placebos else None,
    )


def placebos_of(
    hypotheses: Sequence[Mapping[str, Any]],
    explored: Mapping[str, Sequence[str]],
    settings: Mapping[str, Any],
) -> dict[str, list[dict[str, Any]]]:
    """Placebo checks of each hypothesis, fixed before a confirm text is looked at: only the base's
    texts of the explore pool, by region, are read."""
    return {
        h["id"]: placebo_checks(h, hypotheses, explored, settings["placebos"], settings["seed"])
        for h in hypotheses
    }


def judging_order(prompts: Iterable[str], seed: int) -> list[str]:
    """The order in which the prompts of a region are judged, by chance alone."""
    return sorted(prompts, key=lambda prompt: hash_unit("confirm", seed, prompt))


def confirm(
    hypotheses: Sequence[Mapping[str, Any]],
    placebos: Mapping[str, Sequence[Mapping[str, Any]]],
    pairs: Sequence[Pair],
    regions: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any],
) -> tuple[list[dict[str, Any]], list[Judgement]]:
    """Findings (strongest first) and all judgements behind them.

    A hypothesis that the budget did not reach is untested, and none of those that e-BH counts.
    """
    beyond = [h for h in hypotheses if not h.get("within_budget", True)]
    hypotheses = [h for h in hypotheses if h.get("within_budget", True)]
    by_region: dict[str, dict[str, list[Pair]]] = defaultdict(lambda: defaultdict(list))
    for pair in pairs:
        by_region[pair.region][pair.prompt].append(pair)
    seed = settings["seed"]
    order = {region: judging_order(prompts, seed) for region, prompts in by_region.items()}
    tested = [h for h in hypotheses if any(r in order for r in h["regions"])]
    judged: dict[str, dict[str, Judgement]] = {}
    with progress(len(tested), "hypothesis", "judge") as bar:
        for hypothesis in tested:
            judged[hypothesis["id"]] = {
                prompt: judge(
                    hypothesis, placebos[hypothesis["id"]], by_region[region][prompt], seed
                )
                for region in hypothesis["regions"]
                for prompt in order.get(region, ())
            }
            bar.update()
    race = Race(
        {h["id"]: [r for r in h["regions"] if r in order] for h in tested},
        {region: len(prompts) for region, prompts in order.items()},
        q=settings["q"],
        delta=settings["delta"],
        hypotheses=len(hypotheses),
    )
    taken = dict.fromkeys(order, 0)

    def next_prompts(wanted):
        results = {}
        for region, names in wanted.items():
            prompt = order[region][taken[region]]
            taken[region] += 1
            results[region] = {name: judged[name][prompt].signs for name in names}
        return results

    standings = drive(race, next_prompts)
    validated = sum(standing.in_set for standing in standings.values())
    findings = []
    for hypothesis in hypotheses:
        standing = standings.get(hypothesis["id"])
        if standing is None:
            findings.append(_untested(hypothesis, regions, "no prompts"))
            continue
        every = list(judged[hypothesis["id"]].values())
        used = _used(judged[hypothesis["id"]], order, standing)
        findings.append(
            _finding(
                hypothesis,
                standing,
                every,
                used,
                regions,
                len(hypotheses),
                validated,
                settings,
            )
            | {"evidence": _evidence(hypothesis, by_region, every, settings["evidence"])}
        )
    findings += [_untested(hypothesis, regions, "budget") for hypothesis in beyond]
    rank = ["validated", "suggestive", "unsupported", "untested"]
    findings.sort(key=lambda f: (rank.index(f["status"]), -(f["e_value"] or 0), f["id"]))
    return findings, [j for of_one in judged.values() for j in of_one.values()]


def _used(
    judged: Mapping[str, Judgement], order: Mapping[str, Sequence[str]], standing: Standing
) -> list[Judgement]:
    """The judgements that the race had used when the hypothesis left."""
    used = []
    for region, (tally, _) in standing.by_region.items():
        used += [judged[prompt] for prompt in order[region][: sum(tally)]]
    return used


def _finding(hypothesis, standing, every, used, regions, K, validated, settings) -> dict[str, Any]:
    wins, ties, losses = standing.counts
    threshold = e_threshold(K, max(1, validated), settings["q"])
    of_length = hypothesis["check"].get("feature") in LENGTH_FEATURES
    gates = _failed_gates(standing, every, used, threshold, of_length)
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
        stopped=standing.stopped,
    )
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
        "check": hypothesis["check"],
        "regions": [
            _region(
                regions[r],
                [j for j in every if j.region == r],
                sum(standing.by_region[r][0]) if r in standing.by_region else 0,
            )
            for r in hypothesis["regions"]
        ],
        "status": status,
        "e_value": _rounded(min(standing.e, standing.e_prime)),
        "e_value_plain": _rounded(standing.e),
        "e_value_against_placebos": _rounded(standing.e_prime),
        "win_rate": {
            "estimate": round(wins / (wins + losses), 4) if wins + losses else None,
            "low": round(low, 4),
            "high": round(high, 4),
            "confidence": round(1 - alpha, 6),
        },
        "judged": standing.judged,
        "wins": wins,
        "losses": losses,
        "ties": ties,
        "missing": standing.missing,
        "stopped": standing.stopped,
        "in_set": standing.in_set,
        "placebos": len(used[0].placebos) if used else 0,
        "gates_failed": gates,
        "minimum_detectable_effect": effect and round(effect, 4),
        "rate_base": _rate(every, "base", hypothesis, regions),
        "rate_intervention": _rate(every, "intervention", hypothesis, regions),
    }


def _failed_gates(
    standing: Standing,
    every: Sequence[Judgement],
    used: Sequence[Judgement],
    threshold: float,
    of_length: bool,
) -> list[str]:
    """Reasons for which evidence alone does not validate; each is one sentence.

    Texts cut to equal length are tested on all prompts, a number fixed beforehand: where the race
    stops, uncut texts barely reach the threshold, and one phrase that was cut off would fail it.
    What length alone brings about vanishes from beginnings and from ends, so one of the two must
    show it; the cut-off part of a text that ends or begins in a certain way says nothing.
    A hypothesis on length itself is exempt: of equally long texts it says nothing.
    """
    failed = []
    cuts = zip(*([_sign(score) for score in j.cut] for j in every), strict=True)
    on_cuts = max((float(e_value(c.count(1), c.count(-1))) for c in cuts), default=0.0)
    if not of_length and on_cuts < threshold:
        failed.append("not shown on texts cut to equal length")
    if not used or not used[0].placebos:
        return [*failed, "no placebo of a similar base rate was found"]
    drawn = [_sign(j.placebos[j.drawn]) for j in used]
    if judge_leans(drawn.count(1), drawn.count(-1)):
        nets = [sum(_sign(j.placebos[c]) for j in used) for c in range(len(used[0].placebos))]
        net = standing.counts.wins - standing.counts.losses
        if not bool(beats_placebos(net, nets)):
            failed.append("the responses lean: a placebo does as well")
    return failed


def _rate(
    judgements: Sequence[Judgement], side: str, hypothesis: Mapping[str, Any], regions
) -> dict[str, float] | None:
    """Prevalence of the behaviour over the regions that were judged, by their weights in the bank.

    Of a behaviour that the intervention shows less often, the rate is that of the behaviour, not of
    its absence.
    """
    values = defaultdict(list)
    for judgement in judgements:
        share = getattr(judgement, side)
        values[judgement.region].append(share if hypothesis["direction"] == "more" else 1 - share)
    values = {region: v for region, v in values.items() if len(v) >= 2}
    if not values:
        return None
    rate = stratified_rate({r: regions[r]["weight"] for r in values}, values)
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
        "e_value": _rounded(e),
        "shown": e >= SHOWN_AT,
    }


def _evidence(hypothesis, by_region, judged, count) -> list[dict[str, str]]:
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
        check = hypothesis["check"]
        best = max(pairs, key=lambda p: holds(check, p.intervention) - holds(check, p.base))
        found.append({"prompt": best.prompt, "base": best.base, "intervention": best.intervention})
    return found


def _untested(hypothesis, regions, stopped: str) -> dict[str, Any]:
    return {
        "schema": 1,
        **{k: hypothesis[k] for k in ("id", "statement", "direction", "source", "check")},
        "regions": [_region(regions[r]) for r in hypothesis["regions"]],
        "status": "untested",
        "e_value": None,
        "e_value_plain": None,
        "e_value_against_placebos": None,
        "win_rate": None,
        "judged": 0,
        "wins": 0,
        "losses": 0,
        "ties": 0,
        "missing": 0,
        "stopped": stopped,
        "in_set": False,
        "placebos": 0,
        "gates_failed": [],
        "minimum_detectable_effect": None,
        "rate_base": None,
        "rate_intervention": None,
        "evidence": [],
    }


def _rounded(e: float) -> float:
    """Four significant digits; an infinite e-value is written as the largest number."""
    return float(f"{min(e, 1e300):.4g}")


def write_findings(snakemake, ledger: Ledger) -> None:
    settings = snakemake.params.settings
    regions = {r["id"]: r for r in read_json(snakemake.input.regions)["regions"]}
    hypotheses = read_jsonl(snakemake.input.hypotheses)
    pairs = read_pairs(snakemake.input.base, snakemake.input.intervention)
    explored: dict[str, list[str]] = defaultdict(list)
    for path in snakemake.input.explored:
        for row in read_jsonl(path):
            explored[row["region"]].append(row["text"])
    placebos = placebos_of(hypotheses, explored, settings)
    findings, judgements = confirm(hypotheses, placebos, pairs, regions, settings)
    prompts = {row["id"]: row for row in read_jsonl(snakemake.input.bank)}
    for finding in findings:
        for pair in finding["evidence"]:
            prompt = prompts[pair["prompt"]]
            pair["prompt"] = prompt.get("text") or prompt["messages"]
    log.info(
        "%d findings of %d validated",
        sum(f["status"] == "validated" for f in findings),
        len(findings),
    )
    write_jsonl(snakemake.output.findings, findings)
    write_jsonl(
        snakemake.output.judgements,
        (
            {
                "hypothesis": j.hypothesis,
                "region": j.region,
                "prompt": j.prompt,
                "base": j.base,
                "intervention": j.intervention,
                "cut": list(j.cut),
                "placebos": list(j.placebos),
                "drawn": j.drawn,
            }
            for j in judgements
        ),
    )


if __name__ == "__main__":
    with job(snakemake) as ledger:
        write_findings(snakemake, ledger)

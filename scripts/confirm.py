"""Test the hypotheses on fresh draws of the confirm pool, with error control.

The null, the bet, e-BH, racing, gates, statuses and intervals are those of docs/statistics.md; the
functions in scripts/evidence/ name their sources. The unit is the prompt.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from scripts.assistants.checks import LENGTH_FEATURES, equal_lengths, holds
from scripts.assistants.judge import Asked, Judged, ModelJudge, pairs_by_prompt, prompt_texts
from scripts.assistants.judgement import Judgement, sign
from scripts.assistants.local import Pair, placebo_checks
from scripts.assistants.placebos import placebos_by_region
from scripts.assistants.pool import BudgetSpent, Pool, write_usage
from scripts.assistants.themes import themes_of
from scripts.evidence.betting import e_value, win_rate_interval
from scripts.evidence.cascade import Escalate, Outcome, cascade
from scripts.evidence.choice import ASSUMED, choose
from scripts.evidence.ebh import e_threshold
from scripts.evidence.placebo import beats_placebos, judge_leans
from scripts.evidence.power import minimum_detectable_effect
from scripts.evidence.race import Race, Standing, Tally, drive
from scripts.evidence.rates import stratified_rate
from scripts.evidence.status import decide
from scripts.propose import read_pairs
from scripts.workflow.chance import hash_generator, hash_unit
from scripts.workflow.files import read_json, read_jsonl, write_json, write_jsonl
from scripts.workflow.job import Ledger, job, log

SHOWN_AT = 20.0  # a region's own e-value from which it is "shown here"
ALPHA = 0.05
BUDGET = "budget"  # why a hypothesis stopped that the budget left undecided


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
    cut = [equal_lengths(p.base, p.intervention) for p in pairs]
    prompt = pairs[0].prompt
    chance = hash_generator("placebo", seed, hypothesis["id"], prompt)
    return Judgement(
        hypothesis["id"],
        pairs[0].region,
        prompt,
        share(check, base),
        share(check, intervention),
        share(check, [b for _, b in cut]) - share(check, [a for a, _ in cut]),
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


class Bench:
    """The confirm pool before one judge: each hypothesis on each prompt is judged once at most.

    judge: from what is asked to Judgements; pairs: those of the pool; start: how many prompts of a
    region come before this judge's own. `raced` are the judgements that a race used, `ended` says
    that the budget ended.
    """

    def __init__(
        self,
        judge: Callable[[Asked], Judged],
        pairs: Sequence[Pair],
        seed: int,
        start: Mapping[str, int] | None = None,
    ):
        self._judge = judge
        self.by_region: dict[str, dict[str, list[Pair]]] = defaultdict(lambda: defaultdict(list))
        for pair in pairs:
            self.by_region[pair.region][pair.prompt].append(pair)
        self.order = {
            region: sorted(prompts, key=lambda p: hash_unit("confirm", seed, p))
            for region, prompts in self.by_region.items()
        }
        self.judged: dict[str, dict[str, Judgement | None]] = defaultdict(dict)
        self.raced: dict[str, list[Judgement]] = defaultdict(list)
        self.ended = False
        self._taken = {region: (start or {}).get(region, 0) for region in self.order}

    def next_prompts(self, wanted: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
        """The judge of a race: the signs of the hypotheses on the next prompt of each region;
        nothing when the budget has ended."""
        asked = {r: (self.order[r][self._taken[r]], names) for r, names in wanted.items()}
        try:
            results = self._ask(asked)
        except BudgetSpent:
            self.ended = True
            return {}
        for region, of_region in results.items():
            self._taken[region] += 1
            for name, judgement in of_region.items():
                if judgement is not None:
                    self.raced[name].append(judgement)
        return {
            region: {name: j and j.signs for name, j in of_region.items()}
            for region, of_region in results.items()
        }

    def complete(self, regions: Mapping[str, Sequence[str]], prompts: int | None) -> None:
        """Judge these hypotheses on the first so many prompts of their regions, or on all."""
        most = max((len(self.order[r]) for of_one in regions.values() for r in of_one), default=0)
        for number in range(most if prompts is None else min(most, prompts)):
            asked: dict[str, tuple[str, list[str]]] = {}
            for name, of_one in regions.items():
                for region in of_one:
                    if number < len(self.order[region]):
                        prompt = self.order[region][number]
                        if prompt not in self.judged[name]:
                            asked.setdefault(region, (prompt, []))[1].append(name)
            if asked:
                self._ask(asked)

    def first(self, hypothesis: Mapping[str, Any], prompts: int | None) -> list[Judgement]:
        """The judgements of a hypothesis on the first so many prompts of each region, or on all."""
        chosen = [p for r in hypothesis["regions"] for p in self.order.get(r, ())[:prompts]]
        found = [self.judged[hypothesis["id"]].get(prompt) for prompt in chosen]
        return [judgement for judgement in found if judgement is not None]

    def _ask(self, asked: Asked) -> Judged:
        results = self._judge(asked)
        for region, (prompt, _) in asked.items():
            for name, judgement in results[region].items():
                self.judged[name][prompt] = judgement
        return results


class Judges(NamedTuple):
    """The language models of a confirm stage: which share of each region's prompts the cheap one
    reads (0: none), before the strong one goes on with the others."""

    cheap: ModelJudge
    strong: ModelJudge
    share: Mapping[str, int]
    escalate: Escalate


def confirm(
    hypotheses: Sequence[Mapping[str, Any]],
    placebos: Mapping[str, Sequence[Any]],
    pairs: Sequence[Pair],
    regions: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any],
    judges: Judges | None = None,
) -> tuple[list[dict[str, Any]], list[Judgement]]:
    """Findings (strongest first) and all judgements behind them.

    placebos: checks by hypothesis. Without language models the local assistant judges, which costs
    nothing, so every prompt serves the rates; with them, `rate_prompts` a region do, fixed
    beforehand, as the strong one judges them, and only of what has evidence.
    """
    seed = settings["seed"]
    by_id = {h["id"]: h for h in hypotheses}

    def local(asked: Asked) -> Judged:
        return {
            region: {
                name: judge(by_id[name], placebos[name], bench.by_region[region][prompt], seed)
                for name in names
            }
            for region, (prompt, names) in asked.items()
        }

    bench = Bench(judges.strong if judges else local, pairs, seed, judges and judges.share)
    benches = [Bench(judges.cheap, pairs, seed), bench] if judges else [bench]
    order = bench.order
    tested = [h for h in hypotheses if any(r in order for r in h["regions"])]
    of_tested = {h["id"]: [r for r in h["regions"] if r in order] for h in tested}
    prompts = {region: len(of_region) for region, of_region in order.items()}
    standings = _standings(of_tested, prompts, benches, judges, len(hypotheses), settings)
    validated = sum(standing.in_set for standing in standings.values())
    strong = [n for n, s in standings.items() if s.in_set or min(s.e, s.e_prime) >= SHOWN_AT]
    counted = settings["rate_prompts"] if judges else None
    try:
        bench.complete({n: of_tested[n] for n in (strong if judges else of_tested)}, counted)
    except BudgetSpent:
        counted = 0
    findings = []
    for hypothesis in hypotheses:
        name = hypothesis["id"]
        standing = standings.get(name)
        if standing is None:
            findings.append(_untested(hypothesis, regions))
            continue
        used = [judgement for b in benches for judgement in b.raced[name]]
        seen = used if judges else bench.first(hypothesis, None)
        threshold = e_threshold(len(hypotheses), max(1, validated), settings["q"])
        findings.append(
            _finding(
                hypothesis,
                standing,
                seen,
                bench.first(hypothesis, counted) if name in strong or not judges else [],
                used,
                _failed_gates(hypothesis, standing, seen, used, threshold, judges),
                regions,
                len(hypotheses),
                validated,
                settings,
            )
            | {"evidence": _evidence(hypothesis, bench.by_region, seen, settings["evidence"])}
        )
    rank = ["validated", "suggestive", "unsupported", "untested"]
    findings.sort(key=lambda f: (rank.index(f["status"]), -(f["e_value"] or 0), f["id"]))
    every = (j for b in benches for of_one in b.judged.values() for j in of_one.values())
    return findings, [j for j in every if j is not None]


def _standings(
    of_tested: Mapping[str, Sequence[str]],
    prompts: Mapping[str, int],
    benches: Sequence[Bench],
    judges: Judges | None,
    K: int,
    settings: Mapping[str, Any],
) -> dict[str, Standing]:
    """Where each hypothesis stands after the race, or after the races of both judges. What the
    budget left undecided says so."""
    q, delta = settings["q"], settings["delta"]
    if judges is None or not any(judges.share.values()):
        race = Race(of_tested, prompts, q=q, delta=delta, hypotheses=K)
        found = drive(race, benches[-1].next_prompts)
    else:
        outcomes = cascade(
            of_tested,
            prompts,
            *(bench.next_prompts for bench in benches),
            share=judges.share,
            q=q,
            delta=(delta, delta),
            hypotheses=K,
            escalate=judges.escalate,
        )
        found = {name: _joined(outcome) for name, outcome in outcomes.items()}
    if any(bench.ended for bench in benches):
        log.warning("the budget ended before every hypothesis was decided")
        for name, standing in found.items():
            if standing.stopped == "exhausted" and standing.remaining:
                found[name] = standing._replace(stopped=BUDGET)
    return found


def _joined(outcome: Outcome) -> Standing:
    """One standing for what two judges said on different prompts."""
    cheap, strong = outcome.cheap, outcome.strong
    changed = {"e": outcome.e, "e_prime": outcome.e_prime, "in_set": outcome.in_set}
    if strong is None:
        return cheap._replace(**changed, stopped=outcome.stopped)

    def both(first, second):
        return Tally(*(a + b for a, b in zip(first, second, strict=True)))

    return strong._replace(
        **changed,
        stopped=outcome.stopped,
        counts=both(cheap.counts, strong.counts),
        counts_prime=both(cheap.counts_prime, strong.counts_prime),
        judged=cheap.judged + strong.judged,
        missing=cheap.missing + strong.missing,
        by_region={
            region: tuple(
                both(*pair) for pair in zip(tallies, strong.by_region[region], strict=True)
            )
            for region, tallies in cheap.by_region.items()
        },
    )


def confirm_with_models(
    pool: Pool,
    hypotheses: Sequence[Mapping[str, Any]],
    pairs: Sequence[Pair],
    texts: Mapping[str, str],
    regions: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any],
) -> tuple[list[dict[str, Any]], list[Judgement]]:
    """As `confirm`, judged by language models; without budget for placebos, all are untested."""
    assistant, seed = settings["assistant"], settings["seed"]
    try:
        placebos = placebos_by_region(
            pool, assistant["models"]["cheap"], hypotheses, settings["placebos"], seed
        )
    except BudgetSpent:
        return [_untested(h, regions) | {"stopped": BUDGET} for h in hypotheses], []
    by_prompt = pairs_by_prompt(pairs)
    share, samples = _share(assistant, hypotheses, by_prompt, settings)
    read = {prompt: of_prompt[:samples] for prompt, of_prompt in by_prompt.items()}
    cheap, strong = (
        ModelJudge(pool, assistant["models"][role], hypotheses, placebos, read, texts, seed)
        for role in ("cheap", "strong")
    )
    escalate: Escalate = "band" if assistant["escalate"] == "band" else "borderline"
    rates = {"rate_prompts": assistant["rate_prompts"]}
    judges = Judges(cheap, strong, share, escalate)
    return confirm(hypotheses, {}, pairs, regions, {**settings, **rates}, judges)


def _share(
    assistant: Mapping[str, Any],
    hypotheses: Sequence[Mapping[str, Any]],
    pairs: Mapping[str, Sequence[Pair]],
    settings: Mapping[str, Any],
) -> tuple[dict[str, int], int]:
    """How many prompts of each region the cheap model reads before the strong one goes on, and how
    many pairs of each prompt either reads, fixed before any is judged."""
    prompts = Counter(of_prompt[0].region for of_prompt in pairs.values())
    samples = max((len(of_prompt) for of_prompt in pairs.values()), default=1)
    none = dict.fromkeys(prompts, 0)
    if assistant["escalate"] == "never" or len(set(assistant["models"].values())) < 2:
        return none, samples
    if assistant["escalate"] == "band":
        return {region: 2 * count // 3 for region, count in prompts.items()}, samples
    lined_up = {h["id"]: [r for r in h["regions"] if r in prompts] for h in hypotheses}
    lined_up = {name: of_one for name, of_one in lined_up.items() if of_one}
    assumed = ASSUMED._replace(price_ratio=assistant["price_ratio"], samples=samples)
    split = choose(lined_up, prompts, assumed, q=settings["q"], seed=settings["seed"])
    log.info(
        "the cheap model reads %s of the prompts, %d pairs of each", split.share, split.samples
    )
    return none | split.share, split.samples


def _finding(
    hypothesis, standing, seen, counted, used, gates, regions, K, validated, settings
) -> dict[str, Any]:
    """seen: all judgements; counted: those behind the rates; used: those of the race."""
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
        "refused": sum(j.refused for j in seen),
        "unparsable": sum(j.unparsable for j in seen),
        "stopped": standing.stopped,
        "in_set": standing.in_set,
        "placebos": len(used[0].placebos) if used else 0,
        "gates_failed": gates,
        "minimum_detectable_effect": effect and round(effect, 4),
        "rate_base": _rate(counted, "base", hypothesis, regions),
        "rate_intervention": _rate(counted, "intervention", hypothesis, regions),
    }


def _failed_gates(
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
    A hypothesis on length itself is exempt: of equally long texts it says nothing. A model that
    judges is shown no cut texts; if it leans to longer ones, its placebos show that.
    """
    failed = []
    of_length = (hypothesis.get("check") or {}).get("feature") in LENGTH_FEATURES
    signs = [sign(j.cut) for j in seen if j.cut is not None]
    cut_too_short = float(e_value(signs.count(1), signs.count(-1))) < threshold
    if judges is None and not of_length and cut_too_short:
        failed.append("not shown on texts cut to equal length")
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
    judgements: Sequence[Judgement], side: str, hypothesis: Mapping[str, Any], regions
) -> dict[str, float] | None:
    """Prevalence of the behaviour over the regions that were judged, by their weights in the bank.

    Of a behaviour that the intervention shows less often, the rate is that of the behaviour, not of
    its absence.
    """
    values = defaultdict(list)
    for judgement in judgements:
        if judgement.refused or judgement.unparsable:
            continue
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
        best, check = pairs[judgement.telling], hypothesis.get("check")
        if check and judgement.judge == "local":
            best = max(pairs, key=lambda p: holds(check, p.intervention) - holds(check, p.base))
        found.append({"prompt": best.prompt, "base": best.base, "intervention": best.intervention})
    return found


def _untested(hypothesis, regions) -> dict[str, Any]:
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
        "wins": 0,
        "losses": 0,
        "ties": 0,
        "missing": 0,
        "refused": 0,
        "unparsable": 0,
        "stopped": "no prompts",
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
    bank = read_jsonl(snakemake.input.bank)
    themes: list[dict[str, Any]] = []
    usage: dict[str, Any] = {}
    if settings["assistant"] == "local":
        placebos = placebos_of(hypotheses, explored, settings)
        findings, judgements = confirm(hypotheses, placebos, pairs, regions, settings)
    else:
        spent = [read_json(path) for path in snakemake.input.spent]
        access, cache = snakemake.params.local["access"], Path(snakemake.params.cache)
        with Pool(settings["assistant"], access, cache, spent) as pool:
            findings, judgements = confirm_with_models(
                pool, hypotheses, pairs, prompt_texts(bank), regions, settings
            )
            themes = themes_of(pool, settings["assistant"]["models"]["strong"], findings)
            usage = pool.usage
    prompts = {row["id"]: row for row in bank}
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
    write_usage(snakemake.output.usage, ledger, usage)
    write_json(snakemake.output.themes, {"schema": 1, "themes": themes})
    write_jsonl(
        snakemake.output.judgements,
        (
            {
                "hypothesis": j.hypothesis,
                "region": j.region,
                "prompt": j.prompt,
                "base": j.base,
                "intervention": j.intervention,
                "cut": j.cut,
                "placebos": list(j.placebos),
                "drawn": j.drawn,
                "refused": j.refused,
                "unparsable": j.unparsable,
                "judge": j.judge,
            }
            for j in judgements
        ),
    )


if __name__ == "__main__":
    with job(snakemake) as ledger:
        write_findings(snakemake, ledger)

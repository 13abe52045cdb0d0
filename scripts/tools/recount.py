"""An audit's findings counted again from its judgements, with Python's standard library alone.

Written apart from the modules that made the findings, so that a mistake there, or a change to
either file, shows; the formulas are those of docs/statistics.md. Of a finding it counts again the
signs, e-values, e-BH set, the gates as far as judgements decide them, status and win rate; not the
prevalences, nor the smallest effect that would have been found.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import exp, inf, isclose, isinf, lgamma, log, pi
from typing import Any

Row = Mapping[str, Any]  # a line of a JSONL file
Counts = tuple[int, int]  # prompts won and lost

SUGGESTIVE_AT = SHOWN_AT = LEANS_AT = 20.0
ALPHA = 0.05
BEYOND = (
    "prompts",
    "draws",
    "unpaid",
    "not shown",
)  # why a hypothesis is none of the K tested ones
# Checks of two texts at once, and of none, which have no placebos.
GRADED = ("measure", "direction", "missing")
NOT_ON_CUTS, NO_PLACEBO, LEANING = "equal length", "placebos", "no leaning"  # gates
LARGEST = 1e300
RESCALED_AT = 1e250
FOUR_DIGITS = 6e-4  # relative; e-values are written with four significant digits,
FOUR_DECIMALS = 6e-5  # rates with four decimals
BISECTIONS = 100


def log_e_value(wins: int, losses: int) -> float:
    """Natural log of the one-sided e-value of a count of prompts.

    E = 2F1(w+l+1, 1; l+3/2; 1/2) / (pi (l+1/2)), which is the 2^(w+l) (2/pi) B(w+1/2, l+1/2)
    I_(1/2)(l+1/2, w+1/2) of docs/statistics.md by DLMF 8.17.8. All terms are positive, so nothing
    cancels: against scipy's incomplete beta the relative error of E stays below 1e-11 up to 2,000
    prompts.
    """
    total = term = 1.0
    scale, k = 0.0, 0
    while term > 1e-17 * total or k < wins:
        term *= (wins + losses + 1 + k) / (2 * (losses + 1.5 + k))
        total += term
        k += 1
        if total > RESCALED_AT:
            scale += log(total)
            total, term = 1.0, term / total
    return scale + log(total) - log(pi * (losses + 0.5))


def e_value(wins: int, losses: int) -> float:
    value = log_e_value(wins, losses)
    return exp(value) if value < 709 else inf


def e_bh(values: Mapping[str, float], q: float, hypotheses: int) -> set[str]:
    """The names whose e-values are in the e-BH set of so many hypotheses."""
    ranked = sorted(values.values(), reverse=True)
    sizes = [k for k, e in enumerate(ranked, start=1) if e >= hypotheses / (q * k)]
    if not sizes:
        return set()
    return {name for name, e in values.items() if e >= hypotheses / (q * max(sizes))}


def win_rate_interval(wins: int, losses: int, alpha: float) -> tuple[float, float]:
    """Both ends of the confidence sequence of w / (w + l)."""
    if not wins + losses:
        return 0.0, 1.0
    mixture = lgamma(wins + 0.5) + lgamma(losses + 0.5) - lgamma(wins + losses + 1) - log(pi)

    def excluded(p: float) -> bool:
        if (wins and p <= 0) or (losses and p >= 1):
            return True
        likelihood = (wins and wins * log(p)) + (losses and losses * log(1 - p))
        return mixture - likelihood >= -log(alpha)

    def boundary(outer: float, inner: float) -> float:
        for _ in range(BISECTIONS):
            middle = (outer + inner) / 2
            outer, inner = (middle, inner) if excluded(middle) else (outer, middle)
        return outer

    best = wins / (wins + losses)
    return boundary(0.0, best) if wins else 0.0, boundary(1.0, best) if losses else 1.0


def sign(score: float) -> int:
    """The sign of a mean of samples, which may miss zero by rounding."""
    return (score > 1e-12) - (score < -1e-12)


def signs(judgement: Row) -> tuple[int, int]:
    """s, and s' against the placebo that was drawn for the prompt."""
    score, placebo = judgement["intervention"] - judgement["base"], 0.0
    if judgement.get("score") is not None:  # graded: the sides' values are in units of their own
        score = judgement["score"]
    if judgement["drawn"] is not None and judgement["judge"] != "local":
        placebo = judgement["placebos"][judgement["drawn"]]
    return sign(score), sign(score - placebo)


def counted(values: Sequence[int]) -> Counts:
    return values.count(1), values.count(-1)


def evidence(raced: Sequence[Row]) -> tuple[float, float]:
    """E and E': products over the judges, who read different prompts."""
    by_judge = _by_judge(raced)
    found = []
    for which in (0, 1):
        logs = [log_e_value(*counted([signs(j)[which] for j in own])) for own in by_judge]
        found.append(exp(sum(logs)) if sum(logs) < 709 else inf)
    return found[0], found[1]


def failed_gates(finding: Row, judged: Sequence[Row], threshold: float, local: bool) -> list[str]:
    """The gates that a finding fails. Where models lean and their placebos' verdicts are not among
    the judgements (a language model was asked about them apart), the finding is believed."""
    failed = []
    raced = [j for j in judged if j["raced"]]
    if local:
        cut = [[sign(score) for score in j["cut"]] for j in judged if j["cut"] is not None]
        best = max((e_value(*counted(of_one)) for of_one in zip(*cut, strict=True)), default=inf)
        if best < threshold:
            failed.append(NOT_ON_CUTS)
    if (finding["check"] or {}).get("kind") in GRADED:
        return failed
    if not raced or not raced[0]["placebos"]:
        return [*failed, NO_PLACEBO]
    for own in _by_judge(raced):
        drawn = [sign(j["placebos"][j["drawn"]]) for j in own if j["drawn"] is not None]
        if e_value(*counted(drawn)) < LEANS_AT:
            continue
        if not local:
            return [*failed, *([LEANING] if LEANING in finding["gates_failed"] else [])]
        nets = [sum(sign(score) for score in of_one)
                for of_one in zip(*(j["placebos"] for j in own), strict=False)]  # fmt: skip
        if sum(signs(j)[0] for j in own) <= max(nets):
            return [*failed, LEANING]
    return failed


def fewest_prompts(threshold: float) -> int:
    """How many prompts, all won, reach an e-value."""
    wins = 0
    while log_e_value(wins, 0) < log(threshold):
        wins += 1
    return wins


def status_of(
    finding: Row, e: float, in_set: bool, gates: Sequence[str], K: int, k: int, q: float
) -> str:
    """The status that follows from e = min(E, E'), the k of K hypotheses in the e-BH set, the gates
    and the reason for which the race left the hypothesis."""
    net, stopped = finding["wins"] - finding["losses"], finding["stopped"]
    if in_set and net > 0 and not gates:
        return "validated"
    if e >= SUGGESTIVE_AT or (in_set and gates):
        return "suggestive"
    if stopped == "futile":
        return "unsupported"
    reach = finding["available"] if stopped == "hopeless" else finding["judged"]
    enough = reach >= fewest_prompts(K / (q * min(k + 1, K)))
    return "unsupported" if enough and stopped != "budget" else "untested"


def recount(
    findings: Sequence[Row], judgements: Sequence[Row], q: float, local: bool
) -> Iterator[str]:
    """One sentence for every figure of the findings that does not follow from the judgements.

    q: the false discovery rate; local: whether the local assistant judged, or language models.
    """
    by_name: dict[str, list[Row]] = defaultdict(list)
    for judgement in judgements:
        by_name[judgement["hypothesis"]].append(judgement)
    for name in sorted(set(by_name) - {finding["id"] for finding in findings}):
        yield f"{name}: there are judgements of it, but no finding"
    K = sum(finding["stopped"] not in BEYOND for finding in findings)
    tested = [finding for finding in findings if finding["e_value"] is not None]
    values = {f["id"]: evidence([j for j in by_name[f["id"]] if j["raced"]]) for f in tested}
    members = e_bh({name: min(both) for name, both in values.items()}, q, K)
    for finding in findings:
        name = finding["id"]
        if name not in values:
            again: dict[str, object] = {"status": "untested", "judged": 0, "in_set": False}
        else:
            again = _again(finding, by_name[name], values[name], members, K, q, local)
        for figure, value in again.items():
            written = _written(finding, figure)
            if not _same(figure, written, value):
                yield f"{name}: {figure} is {written}, but the judgements give {value}"


def _again(
    finding: Row, judged: Sequence[Row], both: tuple[float, float], members: set[str], K: int,
    q: float, local: bool,
) -> dict[str, object]:  # fmt: skip
    """Every figure of a finding that its judgements decide, by its name."""
    raced = [j for j in judged if j["raced"]]
    wins, losses = counted([signs(j)[0] for j in raced])
    k, in_set = len(members), finding["id"] in members
    gates = failed_gates(finding, judged, K / (q * max(1, k)), local)
    recounted = {**finding, "wins": wins, "losses": losses, "judged": len(raced)}
    status = status_of(recounted, min(both), in_set, gates, K, k, q)
    alpha = ALPHA * max(1, k) / K if status == "validated" else ALPHA
    low, high = win_rate_interval(wins, losses, alpha)
    again = {
        "judged": len(raced),
        "wins": wins,
        "losses": losses,
        "ties": len(raced) - wins - losses,
        "e_value_plain": both[0],
        "e_value_against_placebos": both[1],
        "e_value": min(both),
        "in_set": in_set,
        "gates_failed": gates,
        "status": status,
        "win_rate.estimate": wins / (wins + losses) if wins + losses else None,
        "win_rate.low": low,
        "win_rate.high": high,
    }
    # The local judge reads every prompt of a region, a number fixed beforehand; models those raced.
    seen = judged if local else raced
    for place, region in enumerate(finding["regions"]):
        own = [signs(j)[0] for j in seen if j["region"] == region["id"]]
        won, lost = counted(own)
        e = e_value(won, lost)
        figures = {"prompts": len(own), "wins": won, "losses": lost, "e_value": e}
        for figure, value in (figures | {"shown": e >= SHOWN_AT}).items():
            again[f"regions.{place}.{figure}"] = value
    return again


def _written(finding: Row, figure: str) -> object:
    """What a finding says under a name like `regions.0.wins`."""
    value: Any = finding
    for part in figure.split("."):
        value = value[int(part)] if part.isdigit() else value[part]
    return value


def _same(figure: str, written: object, value: object) -> bool:
    if not isinstance(value, float) or not isinstance(written, int | float):
        return bool(written == value)
    if figure.startswith("win_rate"):
        return abs(written - value) < FOUR_DECIMALS
    return isclose(written, LARGEST if isinf(value) else value, rel_tol=FOUR_DIGITS)


def _by_judge(judgements: Sequence[Row]) -> list[list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for judgement in judgements:
        found[judgement["judge"]].append(judgement)
    return list(found.values())

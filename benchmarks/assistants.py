"""Judging by requests, measured on simulated judges of known quality: ours beside the others'.

    python -m benchmarks.assistants [PART ...]

An audit has 300 hypotheses, 15 in each of 20 regions with 480 confirm prompts each, four responses
of either subject to each; 30 are true. Its stages are the product's, at shipped defaults but for
the prompts of a region (judged.py). The fixed protocol spends 50 single judgements on each
hypothesis. Prints both sides and adds the figures to docs/figures/assistants.json; ratios are ours
over theirs. Parts: claims, recorded, cascade, whole, nulls, rates, seldom; all together take half
an hour on one core.
"""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.judged import CHEAP, STRONG, Habits, JudgedAudit, LineUp, audit
from benchmarks.speed import record
from scripts.benchmark.null_audits import corrected_coverage
from scripts.evidence.simulated_judge import fixed_protocol

OUT = Path("docs/figures/assistants.json")
LINE_UP = LineUp()
RECORDED = replace(LINE_UP, samples=1)
SMALL = LineUp(hypotheses=40, regions=4, true=4, prompts=60, samples=1)
JUDGEMENTS = 50
THEIRS = LINE_UP.hypotheses * JUDGEMENTS
A_CHEAP, A_STRONG, A_WEAK = 0.70, 0.80, 0.65
MOSTLY, COIN = 0.7, 0.0  # chance that a false sentence is answered neither
HABITS = ((MOSTLY, "mostly neither", ""), (COIN, "coin flips", "_coinflip"))
AUDITS, WEAK_AUDITS, CASCADES, NULL_AUDITS, FIXED_AUDITS = 10, 5, 4, 200, 2000
SEED = 20261128  # the settings were chosen on other seeds
Figures = dict[str, Any]


class Measured:
    """Means over simulated audits; printed as a line."""

    def __init__(self, name: str, audits: list[JudgedAudit], seconds: float):
        self.audits = audits
        rows = np.array(audits, dtype=float)
        self.mean = JudgedAudit(*rows.mean(axis=0).tolist())
        power = JudgedAudit._fields.index("power")
        error = rows[:, power].std(ddof=1) / math.sqrt(len(rows))
        self.record = {"name": name, "audits": len(rows), "power_error": round(error, 4)}
        self.record |= {k: round(v, 5) for k, v in self.mean._asdict().items()}
        self.record |= {"claims": round(self.claims, 1), "requests": round(self.requests, 1)}
        m = self.mean
        print(
            f"{name:58} power {m.power:.3f} ± {error:.3f}  false {m.false_share:.4f}  claims "
            f"{m.cheap:6,.0f} cheap {m.strong:6,.0f} strong  all {self.requests:6,.0f}  estimated "
            f"{m.accuracy_cheap:.2f} {m.accuracy_strong:.2f}  {seconds:.0f} s",
            flush=True,
        )

    @property
    def claims(self) -> float:
        """Requests for the claims, over both judges."""
        return self.mean.cheap + self.mean.strong

    @property
    def requests(self) -> float:
        return float(np.mean([one.requests for one in self.audits]))

    def dollars(self, ratio: float, whole: bool = False) -> float:
        """In requests of the strong judge: for the claims, or for the whole audit."""
        m = self.mean
        claims = m.cheap / ratio + m.strong
        others = (m.screen + m.placebos + m.rates_cheap) / ratio + m.calibration + m.rates_strong
        return claims + others if whole else claims


def audits(
    name: str, habits: Habits, count: int, line_up: LineUp = LINE_UP, seed: int = 0, **options: Any
) -> Measured:
    """So many simulated audits."""
    rng, began = np.random.default_rng([SEED, seed]), time.perf_counter()
    rows = [audit(line_up, habits, rng, **options) for _ in range(count)]
    return Measured(name, rows, time.perf_counter() - began)


def one(accuracy: float, neither: float, **more: float) -> Habits:
    return Habits(accuracy={STRONG: accuracy}, neither=neither, **more)


def two(neither: float, **more: float) -> Habits:
    return Habits(accuracy={CHEAP: A_CHEAP, STRONG: A_STRONG}, neither=neither, **more)


def fixed(accuracy: float) -> float:
    """Power of the fixed protocol, printed with its false discoveries."""
    rng = np.random.default_rng([SEED, 1])
    is_true = np.arange(LINE_UP.hypotheses) < LINE_UP.true
    power, false = [], []
    for _ in range(FIXED_AUDITS):
        found = fixed_protocol(rng, is_true, accuracy, JUDGEMENTS)
        power.append(found[is_true].mean())
        false.append(found[~is_true].sum() / max(1, found.sum()))
    name = f"fixed {JUDGEMENTS} each, accuracy {accuracy}"
    print(f"{name:58} power {np.mean(power):.3f}  fdr {np.mean(false):.4f}  requests {THEIRS:7,}")
    return float(np.mean(power))


def claims() -> Figures:
    """All 300 hypotheses are tested, as the fixed protocol tests them."""
    found: Figures = {"power_080_fixed50": fixed(A_STRONG), "power_065_fixed50": fixed(A_WEAK)}
    return found | _claims(LINE_UP)


def recorded() -> Figures:
    """As claims, with one recorded response to each prompt."""
    return {f"{name}_recorded": value for name, value in _claims(RECORDED).items()}


def _claims(line_up: LineUp) -> Figures:
    found: Figures = {}
    kept = []
    for accuracy, count, name in ((A_STRONG, AUDITS, "080"), (A_WEAK, WEAK_AUDITS, "065")):
        for neither, habit, end in HABITS:
            line = f"one judge, {accuracy}, {habit}, {line_up.samples} samples"
            ours = audits(line, one(accuracy, neither), count, line_up, one_judge=True,
                          eliminate=False)  # fmt: skip
            kept.append(ours.record)
            found[f"power_{name}{end}"] = ours.mean.power
            ratio = f"requests_ratio{end}" if name == "080" else f"power_065{end}_requests_ratio"
            found[ratio] = ours.claims / THEIRS
            found[f"{ratio}_all"] = ours.requests / THEIRS
    return found | {"judging": kept}


def cascade() -> Figures:
    """The cheap judge first, at price ratio 20, against the strong one alone."""
    found: Figures = {}
    kept = []
    for neither, habit, end in HABITS:
        options: dict[str, Any] = {"eliminate": False, "seed": 2}
        alone = audits(f"strong alone, {habit}", two(neither), CASCADES,
                       assistant={"escalate": "never"}, **options)  # fmt: skip
        both = audits(f"cascade, price 20, {habit}", two(neither), CASCADES,
                      assistant={"price_ratio": 20.0}, **options)  # fmt: skip
        band = audits(f"band, {habit}", two(neither), 2, assistant={"escalate": "band"}, **options)
        kept += [alone.record, both.record, band.record]
        found[f"dollars_ratio{end}"] = both.dollars(20) / alone.dollars(20)
        found[f"dollars_ratio{end}_all"] = both.dollars(20, True) / alone.dollars(20, True)
        found[f"dollars_ratio{end}_power"] = both.mean.power
        found[f"dollars_ratio{end}_power_alone"] = alone.mean.power
        found[f"band_dollars_ratio{end}"] = band.dollars(20) / alone.dollars(20)
        found[f"band_power{end}"] = band.mean.power
    return found | {"cascades": kept}


def whole() -> Figures:
    """Whole audits: the screen eliminates first, by one or four responses to each prompt."""
    kept = []
    for accuracy in (A_STRONG, A_WEAK):
        for samples in (1, 4):
            name = f"whole audit, {accuracy}, mostly neither, {samples} samples"
            line_up = replace(LINE_UP, samples=samples)
            kept.append(audits(name, one(accuracy, MOSTLY), 6, line_up, 3, one_judge=True).record)
    return {"whole_audits": kept}


def seldom() -> Figures:
    """Behaviours that show in some responses only, by delta, with few prompts and with many."""
    kept = []
    for samples, prompts in ((1, 24), (1, 60), (1, 240), (4, 60), (4, 240)):
        for shows in (1.0, 0.5, 0.3):
            for delta in ("auto", 0.1, 0.5):
                line_up = LineUp(hypotheses=40, regions=4, true=8, prompts=prompts, samples=samples)
                line = audits(
                    f"{prompts} prompts, {samples} samples, shows in {shows}, delta {delta}",
                    one(0.9, MOSTLY, shows=shows), 10, line_up, 4, one_judge=True,
                    eliminate=False, confirm={"delta": delta},
                )  # fmt: skip
                told = {"prompts": prompts, "samples": samples, "shows": shows, "delta": delta}
                kept.append(told | line.record)
    return {"seldom": kept}


def nulls() -> Figures:
    """False discoveries, 40 hypotheses in 4 regions of 60 prompts, all tested."""
    lean = {"lean": 0.3, "longer": 0.9}
    panel = {"judges": [STRONG, "second", "third"], "escalate": "never"}
    three = {STRONG: 0.8, "second": 0.7, "third": 0.65, CHEAP: A_CHEAP}
    lines: list[tuple[str, Habits, dict[str, Any]]] = [
        ("one judge", one(A_STRONG, COIN), {"one_judge": True}),
        ("one judge, leans to longer texts", one(A_STRONG, MOSTLY, **lean), {"one_judge": True}),
        ("cascade", two(COIN), {"share": 2 / 3}),
        ("cascade, leans to longer texts", two(MOSTLY, **lean), {"share": 2 / 3}),
        ("first of three", Habits(accuracy=three, neither=COIN), {"assistant": panel}),
        ("majority of three", Habits(accuracy=three, neither=COIN),
         {"assistant": panel | {"decide": "majority"}}),
    ]  # fmt: skip
    kept = []
    for name, habits, options in lines:
        none = audits(f"none true, {name}", habits, NULL_AUDITS, replace(SMALL, true=0), 5,
                      eliminate=False, **options)  # fmt: skip
        wrong = sum(one.false_share > 0 for one in none.audits)
        print(f"   {wrong} of {NULL_AUDITS} audits discover anything")
        kept.append(none.record | {"discovering": wrong})
    for name, habits, options in lines[:3:2]:
        some = audits(f"4 of 40 true, {name}", habits, NULL_AUDITS, SMALL, 6, eliminate=False,
                      **options)  # fmt: skip
        kept.append(some.record)
    worst = max(max(row["false_share"], row.get("discovering", 0) / NULL_AUDITS) for row in kept)
    return {"fdr": worst, "fdr_audits": NULL_AUDITS * len(kept), "nulls": kept}


def rates() -> Figures:
    """Coverage and width of 95 % intervals of a rate, by rate, agreement and prompts a region."""
    rows: list[dict[str, Any]] = []
    for mean in (0.03, 0.1, 0.3, 0.6):
        for agreement in (1.0, 0.95, 0.8):
            for cheap_only, both, samples in ((60, 5, 1), (60, 12, 2), (200, 20, 1)):
                row = {"rate": mean, "agreement": agreement, "both": both, "cheap_only": cheap_only}
                covered = corrected_coverage(mean, agreement, cheap_only, both, samples)
                rounded = {k: [round(x, 5) for x in v] for k, v in covered.items()}
                rows.append(row | {"samples": samples} | rounded)
    for name in ("corrected", "cheap", "strong"):
        coverage, width, bias = np.array([row[name] for row in rows]).T
        print(f"   {name:9} coverage {coverage.min():.3f} to {coverage.max():.3f}, mean "
              f"{coverage.mean():.3f}; mean width {width.mean():.3f}; bias {bias.min():+.3f} to "
              f"{bias.max():+.3f}")  # fmt: skip
    return {
        "corrected_coverage": min(row["corrected"][0] for row in rows),
        "cheap_coverage": min(row["cheap"][0] for row in rows),
        "corrected_rates": rows,
    }


PARTS: dict[str, Callable[[], Figures]] = {
    part.__name__: part for part in (claims, recorded, cascade, whole, nulls, rates, seldom)
}


def main() -> None:
    for name in sys.argv[1:] or PARTS:
        print(f"== {name}: {PARTS[name].__doc__}", flush=True)
        found = PARTS[name]()
        record(OUT, **{k: round(v, 5) if isinstance(v, float) else v for k, v in found.items()})


if __name__ == "__main__":
    main()

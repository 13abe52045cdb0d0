"""Judging by requests, measured on simulated judges of known quality: ours beside the others'.

    python -m benchmarks.assistants

An audit has 300 hypotheses, 15 in each of 20 regions with 480 confirm prompts each; 30 are true.
The fixed protocol spends 50 single judgements on each. Prints both sides and adds the figures to
results/benchmarks/assistants.json; ratios are ours over theirs. About ten minutes on one core.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed import record
from scripts.benchmark.null_audits import corrected_coverage
from scripts.evidence.judge_split import Judges, cheapest, choose, effect_sought, splits
from scripts.evidence.race import Race, drive
from scripts.evidence.simulated_judge import (
    JudgedAudit,
    SimulatedJudge,
    fixed_protocol,
    judged_audit,
)

OUT = Path("results/benchmarks/assistants.json")
HYPOTHESES, REGIONS, PROMPTS, TRUE = 300, 20, 480, 30
JUDGEMENTS = 50
THEIRS = HYPOTHESES * JUDGEMENTS
CHEAP, STRONG, WEAK = 0.70, 0.80, 0.65
MOSTLY, COIN = 0.7, 0.0  # chance that a false sentence is answered neither
AUDITS, NULL_AUDITS, FIXED_AUDITS = 60, 200, 2000
SCREEN_PROMPTS, LEAST_NET = 12, 2
SAMPLES = 8  # at most, of a prompt
SEED = 20261121  # the settings were chosen on other seeds


def line_up(
    regions: int = REGIONS, hypotheses: int = HYPOTHESES, prompts: int = PROMPTS
) -> tuple[dict[str, tuple[str, ...]], dict[str, int]]:
    """Regions of each hypothesis, prompts of each region."""
    return (
        {f"h{i}": (f"r{i % regions}",) for i in range(hypotheses)},
        {f"r{j}": prompts for j in range(regions)},
    )


class Measured:
    """Means over simulated audits; printed as a line."""

    def __init__(self, name: str, rows: list[JudgedAudit]):
        self.rows = np.array(rows)
        mean = self.rows.mean(axis=0)
        self.cheap, self.strong, self.escalated, self.power, self.fdr = mean.tolist()
        error = self.rows[:, 3].std(ddof=1) / math.sqrt(len(rows))
        print(
            f"{name:58} power {self.power:.3f} ± {error:.3f}  fdr {self.fdr:.4f}  requests "
            f"{self.cheap:7,.0f} cheap {self.strong:7,.0f} strong  escalated {self.escalated:.0f}",
            flush=True,
        )
        self.record = {
            "name": name,
            "audits": len(rows),
            "power": round(self.power, 4),
            "fdr": round(self.fdr, 5),
            "cheap_requests": round(self.cheap, 1),
            "strong_requests": round(self.strong, 1),
        }

    def dollars(self, ratio: float) -> float:
        """In strong requests."""
        return self.cheap / ratio + self.strong


def audits(
    name: str,
    accuracies: tuple[float, float],
    *,
    share: dict[str, int] | None = None,
    regions: int = REGIONS,
    true: int = TRUE,
    count: int = AUDITS,
    assumed: tuple[float, float] | None = None,
    seed: int = 0,
    **options,
) -> Measured:
    """Simulated audits; without a share the strong judge is alone. `assumed` are the accuracies by
    which the race chooses the effect that it seeks, where the judges are not what was assumed."""
    lines, prompts = line_up(regions)
    cheap, strong = assumed or accuracies
    rng = np.random.default_rng([SEED, seed])
    rows = [
        judged_audit(
            lines,
            prompts,
            share or dict.fromkeys(prompts, 0),
            true=true,
            accuracies=accuracies,
            delta=(effect_sought(cheap), effect_sought(strong)),
            rng=rng,
            **options,
        )
        for _ in range(count)
    ]
    return Measured(name, rows)


def fixed(accuracy: float) -> float:
    """Power of the fixed protocol, printed with its false discoveries."""
    rng = np.random.default_rng([SEED, 1])
    is_true = np.arange(HYPOTHESES) < TRUE
    power, false = [], []
    for _ in range(FIXED_AUDITS):
        found = fixed_protocol(rng, is_true, accuracy, JUDGEMENTS)
        power.append(found[is_true].mean())
        false.append(found[~is_true].sum() / max(1, found.sum()))
    name = f"fixed {JUDGEMENTS} each, accuracy {accuracy}"
    print(f"{name:58} power {np.mean(power):.3f}  fdr {np.mean(false):.4f}  requests {THEIRS:7,}")
    return float(np.mean(power))


def screened_audit(prompts: int, neither: float, rng: np.random.Generator) -> JudgedAudit:
    """The cheap judge screens on prompts of their own: a net of two wins goes on. The strong one
    confirms what is left, which alone counts for K."""
    lines, bank = line_up(prompts=prompts)
    true = set(rng.choice(list(lines), TRUE, replace=False).tolist())
    cheap, strong = (
        SimulatedJudge(true, accuracy=a, neither=neither, seed=int(rng.integers(2**63)))
        for a in (CHEAP, STRONG)
    )
    wanted = {region: tuple(h for h in lines if lines[h] == (region,)) for region in bank}
    net = dict.fromkeys(lines, 0)
    for _ in range(SCREEN_PROMPTS):
        for signs in cheap(wanted).values():
            for name, sign in signs.items():
                net[name] += sign[0] if sign else 0
    race = Race(
        {name: own for name, own in lines.items() if net[name] >= LEAST_NET},
        bank,
        delta=effect_sought(STRONG),
    )
    found = {name for name, standing in drive(race, strong).items() if standing.in_set}
    return JudgedAudit(
        cheap.requests,
        strong.requests,
        0,
        len(found & true) / TRUE,
        len(found - true) / max(1, len(found)),
    )


def by_prompts(neither: float) -> list[dict]:
    """What each way costs (in strong requests) and finds, by the prompts of a region."""
    rows = []
    for prompts in (24, 40, 60, 120, 240):
        lines, bank = line_up(prompts=prompts)
        rng = np.random.default_rng([SEED, prompts])
        screened = [screened_audit(prompts, neither, rng) for _ in range(10)]
        cheap, strong, _, power, _ = np.mean(screened, axis=0).tolist()
        options = splits(
            lines, bank, Judges(CHEAP, STRONG, 20, neither, TRUE / HYPOTHESES, SAMPLES)
        )
        one = [option for option in options if option.samples == 1]
        ways = {
            "strong alone": (options[0].cost, options[0].power),
            "cheap screen, then strong": (cheap / 20 + strong, power),
        }
        row: dict[str, Any] = {"prompts": prompts, "neither": neither}
        for name, chosen in (("one sample", cheapest(one)), ("several", cheapest(options))):
            ways[f"chosen, {name}"] = chosen.cost, chosen.power
            row[f"{name}: cheap reads, samples"] = chosen.share["r0"], chosen.samples
        print(f"   {row}")
        for name, (cost, power) in ways.items():
            print(f"      {name:28} cost {cost:6,.0f}  power {power:.2f}", flush=True)
        rows.append(row | {name: [round(c, 1), round(p, 3)] for name, (c, p) in ways.items()})
    return rows


def corrected_rates() -> list[dict]:
    """Coverage and width of 95 % intervals of a rate, by rate, agreement and prompts a region."""
    rows = []
    for mean in (0.03, 0.1, 0.3, 0.6):
        for agreement in (1.0, 0.95, 0.8):
            for cheap_only, both, samples in ((60, 5, 1), (60, 12, 2), (200, 20, 1)):
                row = {"rate": mean, "agreement": agreement, "both": both, "cheap_only": cheap_only}
                covered = corrected_coverage(mean, agreement, cheap_only, both, samples)
                rows.append(row | {"samples": samples} | {k: list(v) for k, v in covered.items()})
    for name in ("corrected", "cheap", "strong"):
        coverage, width, bias = np.array([row[name] for row in rows]).T
        print(f"   {name:9} coverage {coverage.min():.3f} to {coverage.max():.3f}, mean "
              f"{coverage.mean():.3f}; mean width {width.mean():.3f}; bias {bias.min():+.3f} to "
              f"{bias.max():+.3f}")  # fmt: skip
    return rows


def main() -> None:
    found, kept = {}, []

    def measure(*args, **options) -> Measured:
        kept.append(audits(*args, **options))
        return kept[-1]

    print(f"== accuracy {WEAK}, no more requests than the fixed protocol")
    weak = measure(f"ours, {WEAK}, mostly neither", (WEAK, WEAK), neither=MOSTLY)
    weak_coin = measure(f"ours, {WEAK}, coin flips", (WEAK, WEAK), neither=COIN)
    found["power_065"], found["power_065_coinflip"] = weak.power, weak_coin.power
    found["power_065_fixed50"] = fixed(WEAK)
    found["power_065_requests_ratio"] = weak.strong / THEIRS
    found["power_065_coinflip_requests_ratio"] = weak_coin.strong / THEIRS

    print(f"== accuracy {STRONG}, the same decisions")
    ours = measure(f"ours, {STRONG}, mostly neither", (STRONG, STRONG), neither=MOSTLY)
    coin = measure(f"ours, {STRONG}, coin flips", (STRONG, STRONG), neither=COIN)
    found["power_080"], found["power_080_coinflip"] = ours.power, coin.power
    found["power_080_fixed50"] = fixed(STRONG)
    found["requests_ratio"] = ours.strong / THEIRS
    found["requests_ratio_coinflip"] = coin.strong / THEIRS
    print("   other line-ups: requests ratio")
    for regions, true in ((30, 30), (20, 60), (10, 30)):
        for neither, habit in ((MOSTLY, "mostly neither"), (COIN, "coin flips")):
            name = f"{HYPOTHESES // regions} in each of {regions} regions, {true} true, {habit}"
            other = measure(
                name, (STRONG, STRONG), regions=regions, true=true, neither=neither, count=20
            )
            print(f"   1/{THEIRS / other.strong:.1f}")
    print(f"   the judge is worse than the {STRONG} assumed")
    for accuracy in (0.75, CHEAP, WEAK):
        measure(f"ours, {accuracy}", (accuracy,) * 2, assumed=(STRONG,) * 2, neither=MOSTLY,
                count=20)  # fmt: skip

    print(f"== cascade, cheap {CHEAP}, strong {STRONG}, against the strong judge alone")
    for neither, habit, alone in ((MOSTLY, "mostly neither", ours), (COIN, "coin flips", coin)):
        end = "" if neither == MOSTLY else "_coinflip"
        for ratio in (20, 50):
            judges = Judges(CHEAP, STRONG, ratio, neither, TRUE / HYPOTHESES)
            own, bank = line_up()
            share = choose(own, bank, judges).share
            both = measure(f"cascade {share['r0']}/{PROMPTS}, price {ratio}, {habit}",
                           (CHEAP, STRONG), share=share, neither=neither, seed=2)  # fmt: skip
            key = ("dollars_ratio" if ratio == 20 else f"dollars_ratio_{ratio}") + end
            found[key] = both.dollars(ratio) / alone.strong
            found[f"{key}_power"] = both.power
            print(f"   dollars 1/{1 / found[key]:.1f} of {alone.strong:,.0f} strong requests, "
                  f"power {both.power:.3f} against {alone.power:.3f}")  # fmt: skip
        for key, cheap_prompts in (("band60", 60), ("band", share["r0"])):
            band = measure(f"band {cheap_prompts}/{PROMPTS}, {habit}", (CHEAP, STRONG),
                           share=dict.fromkeys(share, cheap_prompts), neither=neither,
                           escalate="band", count=20)  # fmt: skip
            part = band.dollars(20) / alone.strong
            print(f"   dollars 1/{1 / part:.1f} at price 20, power {band.power:.3f}")
            found[f"{key}_dollars_ratio{end}"] = part
            found[f"{key}_power{end}"] = band.power

    print(f"== false discoveries, {NULL_AUDITS} audits a line, cascade with half of the prompts")
    half = dict.fromkeys(line_up()[1], PROMPTS // 2)
    lean = {"lean": 0.3, "longer": 0.9}
    nulls = [
        ("30 true, mostly neither", {"true": TRUE, "neither": MOSTLY}),
        ("30 true, coin flips", {"true": TRUE, "neither": COIN}),
        ("none true, mostly neither", {"true": 0, "neither": MOSTLY}),
        ("none true, coin flips", {"true": 0, "neither": COIN}),
        ("none true, leans to longer texts", {"true": 0, "neither": MOSTLY, **lean}),
        ("30 true, leans, a tenth garbage", {"true": TRUE, "garbage": 0.1, **lean}),
    ]
    lines = [
        measure(name, (CHEAP, STRONG), share=half, count=NULL_AUDITS, seed=10 + i, **options)
        for i, (name, options) in enumerate(nulls)
    ]
    found["fdr"] = max(line.fdr for line in lines)
    found["fdr_audits"] = NULL_AUDITS * len(lines)

    print("== fewer prompts: cost in strong requests at price ratio 20 (power)")
    chosen = [row for neither in (MOSTLY, COIN) for row in by_prompts(neither)]

    print("== rates of a cheap judge, 36 settings")
    rates = corrected_rates()
    found["corrected_coverage"] = min(row["corrected"][0] for row in rates)
    found["cheap_coverage"] = min(row["cheap"][0] for row in rates)

    found = {name: round(value, 5) for name, value in found.items()}
    found["judging"] = [line.record for line in kept]
    found["by_prompts"] = chosen
    found["corrected_rates"] = rates
    record(OUT, **found)
    for name, value in found.items():
        if not isinstance(value, list):
            is_ratio = "ratio" in name and not name.endswith("power")
            print(f"{name:40} {value}" + (f"  (1/{1 / value:.1f})" if is_ratio and value else ""))


if __name__ == "__main__":
    main()

"""The audit's tests and intervals on simulated judges: how often they are wrong, what they find."""

from scripts.benchmark.null_audits import Bet, Null, null_audits, power_audits, rate_coverage
from scripts.benchmark.rows import CoverageRow, NullAudits, PowerRow, Statistics

AUDITS = 1000
SIZE = {"hypotheses": 40, "prompts": 25, "samples": 8}
TRUE = 8
ALLOWED = 0.05
EFFECTS = (0.5, 0.75, 1.0, 1.5)  # half the log-odds between the two subjects
MEANS = (0.05, 0.3, 0.6)  # true rates whose intervals are checked
# null, bet, whether at most 5 % of the audits may discover anything; the rest are controls, which
# must exceed it: they show that the simulation can tell a wrong test from a right one.
NULLS: tuple[tuple[Null, Bet, bool], ...] = (
    ("exchangeable", "prompt-sign", True),
    ("symmetric-prompt-effects", "prompt-sign", True),
    ("symmetric-prompt-effects", "product-over-pairs", False),
    ("reversed", "two-sided", False),
)


def null_rows(audits: int = AUDITS, seed: int = 0) -> list[NullAudits]:
    """Shares of audits that discover anything although nothing is true."""
    rows = []
    for null, bet, ours in NULLS:
        found = null_audits(audits=audits, **SIZE, null=null, bet=bet, seed=seed)
        share = found / audits
        passed = share <= ALLOWED if ours else share > ALLOWED
        rows.append(
            NullAudits(
                null=null, bet=bet, control=not ours, audits=audits, discovering=found,
                as_expected=passed,
            )
        )  # fmt: skip
    return rows


def power_rows(audits: int = AUDITS, seed: int = 0) -> list[PowerRow]:
    """False discovery rate and power with some hypotheses true."""
    rows = []
    for effect in EFFECTS:
        fdr, power = power_audits(audits=audits, **SIZE, true=TRUE, effect=effect, seed=seed)
        rows.append(
            PowerRow(
                half_log_odds=effect, true=TRUE, audits=audits, fdr=round(fdr, 5),
                power=round(power, 4),
            )
        )  # fmt: skip
    return rows


def coverage_rows(repeats: int = 2000, seed: int = 0) -> list[CoverageRow]:
    """Share of rate intervals (95 %) that contain the true rate, their width and the bias."""
    rows = []
    for mean in MEANS:
        coverage, width, bias = rate_coverage(mean=mean, repeats=repeats, seed=seed)
        rows.append(
            CoverageRow(
                mean=mean, repeats=repeats, coverage=round(coverage, 4), width=round(width, 4),
                bias=round(bias, 5),
            )
        )  # fmt: skip
    return rows


def statistics(audits: int = AUDITS, repeats: int = 2000, seed: int = 0) -> Statistics:
    """All of it, as summary.json holds it."""
    return {
        "size": SIZE,
        "null": null_rows(audits, seed),
        "power": power_rows(audits, seed),
        "coverage": coverage_rows(repeats, seed),
    }

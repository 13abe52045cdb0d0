"""Simulate audits whose truth is known: how often they are wrong, and what they find.

Writes results/benchmarks/null.json and prints the same as tables. No model is needed.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scripts.evidence.simulation import null_audits, power_audits, rate_coverage
from scripts.workflow.files import write_json
from scripts.workflow.job import job
from scripts.workflow.tables import table

SCHEMA = 1
AUDITS = 1000
SIZE = {"hypotheses": 40, "prompts": 25, "samples": 8}
TRUE = 8
ALLOWED = 0.05
EFFECTS = (0.5, 0.75, 1.0, 1.5)  # half the log-odds between the two subjects
MEANS = (0.05, 0.3, 0.6)  # true rates whose intervals are checked
# null, bet, whether at most 5 % of the audits may discover anything; the rest are controls, which
# must exceed it: they show that the simulation can tell a wrong test from a right one.
NULLS = (
    ("exchangeable", "prompt-sign", True),
    ("symmetric-prompt-effects", "prompt-sign", True),
    ("symmetric-prompt-effects", "product-over-pairs", False),
    ("reversed", "two-sided", False),
)


def null_rows(audits: int = AUDITS, seed: int = 0) -> list[dict[str, Any]]:
    """Shares of audits that discover anything although nothing is true."""
    rows = []
    for null, bet, ours in NULLS:
        found = null_audits(audits=audits, **SIZE, null=null, bet=bet, seed=seed)
        share = found / audits
        passed = share <= ALLOWED if ours else share > ALLOWED
        row = {"null": null, "bet": bet, "control": not ours}
        rows.append(row | {"audits": audits, "discovering": found, "as_expected": passed})
    return rows


def power_rows(audits: int = AUDITS, seed: int = 0) -> list[dict[str, Any]]:
    """False discovery rate and power with some hypotheses true."""
    rows = []
    for effect in EFFECTS:
        fdr, power = power_audits(audits=audits, **SIZE, true=TRUE, effect=effect, seed=seed)
        row = {"half_log_odds": effect, "true": TRUE, "audits": audits}
        rows.append(row | {"fdr": round(fdr, 5), "power": round(power, 4)})
    return rows


def coverage_rows(repeats: int = 2000, seed: int = 0) -> list[dict[str, Any]]:
    """Share of rate intervals (95 %) that contain the true rate, their width and the bias."""
    rows = []
    for mean in MEANS:
        coverage, width, bias = rate_coverage(mean=mean, repeats=repeats, seed=seed)
        row = {"mean": mean, "repeats": repeats, "coverage": round(coverage, 4)}
        rows.append(row | {"width": round(width, 4), "bias": round(bias, 5)})
    return rows


def measured(audits: int = AUDITS, repeats: int = 2000, seed: int = 0) -> dict[str, Any]:
    """All of it, as null.json holds it."""
    return {
        "schema": SCHEMA,
        "seed": seed,
        "size": SIZE,
        "allowed": ALLOWED,
        "null": null_rows(audits, seed),
        "power": power_rows(audits, seed),
        "coverage": coverage_rows(repeats, seed),
    }


def shown(found: Mapping[str, Any]) -> Iterator[str]:
    """The tables that are printed."""
    size = found["size"]
    yield (
        f"{found['null'][0]['audits']:,} simulated audits of {size['hypotheses']} hypotheses, "
        f"{size['prompts']} prompts, {size['samples']} samples; seed {found['seed']}"
    )
    yield "\nNothing is true. Audits that discover anything, stopped at the worst time:\n"
    yield table(
        ["null", "bet", "discovering", "expected"],
        [
            [
                row["null"],
                row["bet"] + (" (must fail)" if row["control"] else ""),
                f"{row['discovering'] / row['audits']:.1%}",
                ("> " if row["control"] else "<= ") + f"{found['allowed']:.0%}",
            ]
            for row in found["null"]
        ],
        left=2,
    )
    yield f"\n{TRUE} of {size['hypotheses']} hypotheses are true:\n"
    yield table(
        ["half log-odds", "false discoveries", "power"],
        [[str(r["half_log_odds"]), f"{r['fdr']:.2%}", f"{r['power']:.1%}"] for r in found["power"]],
    )
    yield "\n95 % intervals of a rate over four regions:\n"
    yield table(
        ["true rate about", "cover it", "width", "bias"],
        [
            [str(r["mean"]), f"{r['coverage']:.1%}", f"{r['width']:.3f}", f"{r['bias']:+.4f}"]
            for r in found["coverage"]
        ],
    )


if __name__ == "__main__":
    with job(snakemake):
        found = measured()
        write_json(Path(snakemake.params.results), found)
        for line in shown(found):
            print(line, flush=True)
        print(f"\nWritten to {snakemake.params.results}", flush=True)

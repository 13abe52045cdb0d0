"""Put the benchmark's parts together: figures, tables and plots in results/benchmarks/.

summary.json holds the figures, tables.txt what is printed, *.svg the plots. Simulated and real
subjects are shown apart. What is broken on purpose stands beside what it breaks.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from scripts.benchmark.heatmap import heatmap
from scripts.benchmark.planted import load_planted_behaviours
from scripts.benchmark.real import audited, both_protocols, warm_ratio
from scripts.benchmark.rows import (
    AuditFiles,
    BothProtocols,
    Broken,
    Figures,
    Goal,
    Real,
    RealAudit,
    Summary,
    TrialParts,
)
from scripts.benchmark.simulated import of_ladder, of_null, of_rates, of_strategies, share
from scripts.benchmark.simulated_judges import statistics
from scripts.benchmark.tables import shown
from scripts.core.files import read_json, replacing, write_json
from scripts.core.job import Job, run
from scripts.core.ledger import Ledger
from scripts.core.rows import read_document

SCHEMA = 2
MEASURED, COUNTED = "measured", "counted, not run"


def goals(summary: Figures) -> list[Goal]:
    """The goals that were set, each with its figure, whether that was measured or is a count
    against a plan that was never run, and whether it reaches the goal."""
    rows = (
        ("texts, exhaustive over active", 10, summary["texts_ratio"], MEASURED),
        ("wall seconds, exhaustive over active", 20, summary["wall_ratio"], MEASURED),
        ("a second run from the caches", 5, summary["cache_ratio"], MEASURED),
        ("clustering, exhaustive over active", 2, summary["cluster_ratio"], MEASURED),
        ("silhouette, share of the exhaustive", 0.95, summary["silhouette_share"], MEASURED),
        ("judge calls, texts judged over requests", 10, summary["calls_ratio"], COUNTED),
        ("confirm draws of every prompt over those taken", 3, summary["filter_ratio"], COUNTED),
        ("sharded decoding over devices", 4, None, MEASURED),
    )
    return [
        {"figure": name, "goal": goal, "found": found, "how": None if found is None else how,
         "reached": None if found is None else found >= goal}
        for name, goal, found, how in rows
    ]  # fmt: skip


def controls(summary: Figures, parts: TrialParts) -> list[Broken]:
    """What each figure becomes when one component is broken on purpose."""
    nulls = parts["null"]["audits"]
    dipped = sum(row["dipped"] > 0 for row in nulls) / len(nulls)
    (pairs,) = [
        row["discovering"] / row["audits"]
        for row in summary["statistics"]["null"]
        if row["bet"] == "product-over-pairs"
    ]
    strategies = summary["strategies"]
    worst = max(strategies.values(), key=lambda s: s["texts"])
    rows = [
        ("tests on the texts that proposed", "null_fdr", summary["null_fdr"], dipped, ">"),
        ("the pair as unit, not the prompt", "null_fdr", summary["null_fdr"], pairs, ">"),
        ("no cut to equal length", "findings on a pair twice as long",
         summary["twice_as_long_other_validated"], summary["twice_as_long_uncut"], ">"),
        ("rates from explore draws", "rate over truth", 1.0, summary["naive_bias"], ">"),
        ("usual draws at a low dose", "recall_10", summary["recall_10"],
         summary["recall_10_usual"], "<"),
        ("worst acquisition", "texts until proposed", strategies["default"]["texts"],
         worst["texts"], ">"),
    ]  # fmt: skip
    return [
        {"broken": name, "figure": figure, "ours": ours, "then": then,
         "noticed": ours is not None and then is not None
         and (then > ours if worse == ">" else then < ours)}
        for name, figure, ours, then, worse in rows
    ]  # fmt: skip


def summarise(parts: TrialParts, real: Real) -> Summary:
    """All figures; `parts` are the simulated ones, `real` the audits of real subjects."""
    both = real["both"]

    def mean_ratio(name):
        return share(row["ratios"][name] for row in both.values() if name in row["ratios"])

    figures: Figures = {
        "schema": SCHEMA,
        **of_ladder(parts["ladder"]),
        **of_null(parts["null"]),
        **of_rates(parts["rates"]),
        "strategies": of_strategies(parts["strategies"]),
        "texts_ratio": mean_ratio("texts"),
        "calls_ratio": mean_ratio("calls"),
        "wall_ratio": mean_ratio("wall_seconds"),
        "cluster_ratio": mean_ratio("cluster_seconds"),
        "silhouette_share": share(row["silhouette_share"] for row in both.values()),
        "silhouette_share_k_means": share(row["silhouette_share_k_means"] for row in both.values()),
        "ari": share(row["ari"] for row in both.values()),
        "ari_k_means": share(row["ari_k_means"] for row in both.values()),
        "cache_ratio": real["cache_ratio"],
        "filter_ratio": real["filter_ratio"],
        "real": real,
        "statistics": statistics(),
    }
    return {**figures, "goals": goals(figures), "controls": controls(figures, parts)}


def collect(job: Job) -> Summary:
    """Read all inputs of the rule and summarise."""
    params = job.params
    behaviours = load_planted_behaviours(params.behaviours)
    read = {part: read_json(path) for part, path in params.parts.items()}
    parts = cast(TrialParts, read)
    both: dict[str, BothProtocols] = {}
    audits: dict[str, RealAudit] = {}
    of_audits: Mapping[str, AuditFiles] = params.audits
    for name, files in of_audits.items():
        truths = params.truths.get(name, {})
        audits[name] = audited(files, truths, behaviours)
        if "exhaustive" in files:
            both[name] = both_protocols(files, truths, behaviours)
    ledgers = [
        read_document(path, Ledger)
        for files in of_audits.values()
        for path in files.get("ledgers", ())
    ]
    drawn = sum(row["confirm_texts"] for row in audits.values())
    unfiltered = sum(row["confirm_texts_unfiltered"] for row in audits.values())
    real: Real = {
        "both": both,
        "audits": audits,
        "cache_ratio": warm_ratio(ledgers),
        "filter_ratio": round(unfiltered / drawn, 2) if drawn else None,
    }
    return summarise(parts, real)


def main(job: Job) -> None:
    summary = collect(job)
    folder = Path(job.params.results)
    write_json(folder / "summary.json", summary)
    lines = list(shown(summary))
    with replacing(folder / "tables.txt") as temporary:
        Path(temporary).write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, cells in (("ladder", summary["cells"]), ("ladder-deep", summary["cells_deep"])):
        if cells:
            heatmap(cells, folder / f"{name}.svg")
    print("\n".join(lines), flush=True)
    print(f"\nWritten to {folder}", flush=True)


if __name__ == "__main__":
    run(main)

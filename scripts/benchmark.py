"""Put the benchmark's parts together: figures, tables and plots in results/benchmarks/.

summary.json holds the figures, tables.txt what is printed, *.svg the plots. Simulated and real
subjects are shown apart. What is broken on purpose stands beside what it breaks.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.stats import beta
from sklearn.metrics import adjusted_rand_score, silhouette_score

from scripts.measure import region_centres
from scripts.page.heatmap import heatmap
from scripts.simulated.audit import A_REQUEST, requests_of
from scripts.simulated.behaviours import Behaviour, read_behaviours
from scripts.simulated.scoring import score_real
from scripts.simulated.statistics import statistics
from scripts.simulated.suite import SIDES, Suite, read_suite
from scripts.workflow.files import read_json, read_jsonl, replacing, write_json
from scripts.workflow.job import Ledger, job
from scripts.workflow.tables import table

SCHEMA = 1
HIGH, LOW = 0.3, 0.1  # doses that the promises are about
LEAST_SPREAD = 0.03
EXPECTED = 10  # positives from which an interval must cover closely
COMMON = 3000  # texts on which two clusterings are compared


def share(values: Iterable[float]) -> float | None:
    """Mean, or None of nothing."""
    values = list(values)
    return round(float(np.mean(values)), 4) if values else None


def upper_bound(found: int, of: int) -> float:
    """Upper 95 % bound of a proportion (Clopper & Pearson 1934), one-sided."""
    return round(float(beta.ppf(0.95, found + 1, of - found)) if found < of else 1.0, 4)


def cells(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The ladder by spread and dose: recall, precision, texts and requests of an audit."""
    grouped = defaultdict(list)
    for row in rows:
        grouped[row["spread"], row["dose"]].append(row)
    found = []
    for (spread, dose), of_cell in sorted(grouped.items()):
        ranks = [rank for row in of_cell for rank in row["rank"].values()]
        validated = sum(row["validated"] for row in of_cell)
        found.append(
            {
                "spread": spread,
                "dose": dose,
                "audits": len(of_cell),
                "planted": len(ranks),
                "recall": share(rank is not None for rank in ranks),
                "rank": share(rank for rank in ranks if rank is not None),
                "validated": validated,
                "precision": share(
                    [sum(row["true"] for row in of_cell) / validated] if validated else []
                ),
                "texts": share(row["texts"] for row in of_cell),
                "requests": share(row["requests"] for row in of_cell),
            }
        )
    return found


def recall_by_behaviour(rows: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Recall of each behaviour at doses of HIGH and above."""
    ranks = defaultdict(list)
    for row in rows:
        if row["dose"] >= HIGH and row["spread"] >= LEAST_SPREAD:
            for name, rank in row["rank"].items():
                ranks[name].append(rank is not None)
    return {name: share(found) for name, found in sorted(ranks.items())}


def of_ladder(ladder: Mapping[str, Any]) -> dict[str, Any]:
    """Recall and precision over the ladder; doses below HIGH as the deep audits find them."""
    usual, deep = cells(ladder["usual"]), cells(ladder["deep"])
    wide = [c for c in usual if c["spread"] >= LEAST_SPREAD]
    deep_cells = {(c["spread"], c["dose"]): c for c in deep}
    low = [deep_cells.get((c["spread"], c["dose"]), c) for c in wide if c["dose"] == LOW]
    everything = [*ladder["usual"], *ladder["deep"]]
    validated = sum(row["validated"] for row in everything)
    return {
        "recall_30": share(c["recall"] for c in wide if c["dose"] >= HIGH),
        "recall_10": share(c["recall"] for c in low),
        "recall_10_usual": share(c["recall"] for c in wide if c["dose"] == LOW),
        "precision": share([sum(r["true"] for r in everything) / validated] if validated else []),
        "validated": validated,
        "false": sorted({s for row in everything for s in row["false"]})[:20],
        "cells": usual,
        "cells_deep": deep,
        "by_behaviour": recall_by_behaviour(ladder["usual"]),
    }


def of_null(null: Mapping[str, Any]) -> dict[str, Any]:
    """Audits of the base against itself, and the pair that differs in length alone."""
    audits = null["audits"]
    found = sum(row["validated"] > 0 for row in audits)
    twice = null["twice_as_long"]
    return {
        "null_fdr": round(found / len(audits), 4),
        "null_repeats": len(audits),
        "null_discovering": found,
        "null_upper_95": upper_bound(found, len(audits)),
        "null_tested": share(row["tested"] for row in audits),
        "twice_as_long_audits": len(twice),
        "twice_as_long_other_validated": sum(_other_than_length(row["validated"]) for row in twice),
        "twice_as_long_uncut": sum(_other_than_length(row["uncut"]) for row in twice),
    }


def _other_than_length(statements: Sequence[str]) -> int:
    return sum("shorter than" not in s and "longer than" not in s for s in statements)


def of_rates(rates: Mapping[str, Any]) -> dict[str, Any]:
    """How often intervals of confirm draws cover the planted rate; naive explore shares beside."""
    many, few, naive = [], [], []
    for row in rates["rows"]:
        for expected, low, high in row["intervals"]:
            (many if expected >= EXPECTED else few).append(low <= row["rate"] <= high)
        naive.append(row["explored_share"] / row["bank_share"])
    return {
        "coverage_95": share(many),
        "coverage_intervals": len(many),
        "coverage_95_few": share(few),
        "coverage_intervals_few": len(few),
        "naive_bias": share(naive),
    }


def of_strategies(strategies: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Texts until a behaviour is proposed, by strategy, and the factor against uniform."""
    texts, found = defaultdict(list), defaultdict(list)
    for row in strategies["rows"]:
        texts[row["strategy"]] += row["texts"]
        found[row["strategy"]] += row["found"]
    uniform = np.mean(texts["uniform"])
    return {
        name: {
            "texts": round(float(np.mean(values)), 1),
            "found": share(found[name]),
            "factor": round(float(uniform / np.mean(values)), 3),
        }
        for name, values in sorted(texts.items(), key=lambda item: np.mean(item[1]))
    }


# Real subjects


def seconds(ledgers: Iterable[Mapping[str, Any]], stage: str) -> float:
    """Wall seconds of a stage as from empty caches."""
    return sum(e["wall_seconds"] + e["saved_seconds"] for e in ledgers if e["stage"] == stage)


def compared(files: Mapping[str, Any], truths, behaviours) -> dict[str, Any]:
    """One audit of real subjects by both protocols: what each took, found and clustered."""
    suite = read_suite(
        files["bank"], files["regions"], files["prompts"],
        {side: files[side] for side in SIDES}, {side: files[f"vectors_{side}"] for side in SIDES},
    )  # fmt: skip
    planted = planted_on(suite, truths, behaviours)
    done = read_json(files["exhaustive"])
    ledgers = [read_json(path) for path in files["ledgers"]]
    exhaustive = {
        "texts": done["texts"],
        "tokens": sum(e["tokens"] + e["saved_tokens"] for e in ledgers),
        "decode_seconds": seconds(ledgers, "decode"),
        "embed_seconds": seconds(ledgers, "embed"),
        "cluster_seconds": done["cluster_seconds"],
        "assistant_seconds": done["assistant_seconds"],
        "calls": done["judge_calls"] + done["label_calls"],
        "peak_mib": max(e.get("peak_mib", 0) for e in ledgers),
        **found_by([f for f in done["findings"] if f["significant"]], planted, suite),
    }
    costs, audit = read_json(files["costs"]), read_json(files["audit"])
    findings = read_jsonl(files["findings"])
    stages = {name: cost["full"] for name, cost in costs["stages"].items()}
    active = {
        "texts": audit["counts"]["draws"],
        "tokens": int(stages["decode"]["tokens"]),
        "decode_seconds": stages["decode"]["wall_seconds"],
        "embed_seconds": stages["embed"]["wall_seconds"],
        "cluster_seconds": stages["measure"]["wall_seconds"],
        "assistant_seconds": sum(
            stages[s]["wall_seconds"] for s in ("propose", "screen", "confirm")
        ),
        "calls": calls_of(files, findings),
        "peak_mib": max(read_json(path).get("peak_mib", 0) for path in files["active_ledgers"]),
        **found_by([f for f in findings if f["status"] == "validated"], planted, suite),
    }
    for protocol in (exhaustive, active):
        protocol["wall_seconds"] = round(
            sum(v for name, v in protocol.items() if name.endswith("_seconds")), 1
        )
    clusters = compare_clusters(suite, files)
    return {
        "exhaustive": exhaustive,
        "active": active,
        "ratios": {
            name: round(exhaustive[name] / active[name], 2)
            for name in ("texts", "tokens", "calls", "wall_seconds", "decode_seconds",
                         "embed_seconds", "cluster_seconds", "assistant_seconds", "peak_mib")
            if active[name]
        },
        **clusters,
    }  # fmt: skip


def planted_on(
    suite: Suite, truths: Mapping[str, Sequence[str]], behaviours: Mapping[str, Behaviour]
) -> list[tuple[Behaviour, set[int]]]:
    """Each planted behaviour with the places of its prompts; no topics are all topics."""
    return [
        (behaviours[name], {p for p, t in enumerate(suite.topics) if not topics or t in topics})
        for name, topics in truths.items()
    ]


def found_by(
    findings: Sequence[Mapping[str, Any]], planted: list[tuple[Behaviour, set[int]]], suite: Suite
) -> dict[str, Any]:
    """Recall over the planted behaviours and precision of the findings."""
    scores = [score_real(f, planted, suite.region, suite.texts) for f in findings]
    named = {name for score in scores for name in score.names}
    return {
        "validated": len(findings),
        "recall": round(len(named) / len(planted), 4) if planted else None,
        "precision": share(bool(score.names) or score.true for score in scores),
        "missed": sorted({b.name for b, _ in planted} - named),
    }


def calls_of(files: Mapping[str, Any], findings: Sequence[Mapping[str, Any]]) -> int:
    """Requests of an active audit: proposals, and pairs judged with up to ten hypotheses each."""
    rounds = read_jsonl(files["rounds"])
    proposals = len(rounds[-1]["promising"])
    in_region = defaultdict(int)
    for hypothesis in read_jsonl(files["screened"]):
        for region in hypothesis["regions"] + hypothesis.get("dropped_regions", []):
            in_region[region] += 1
    screening = sum(
        -(-in_region[row["region"]] // A_REQUEST) for row in read_jsonl(files["screen"])
    )
    samples: dict[str, int] = {}
    for row in read_jsonl(files["confirm"]):
        samples[row["region"]] = max(samples.get(row["region"], 0), row["sample"] + 1)
    return proposals + screening + requests_of(findings, samples)


def compare_clusters(suite: Suite, files: Mapping[str, Any]) -> dict[str, Any]:
    """Clusters from the active audit's texts against those from all texts, on a common sample."""
    every = np.concatenate([
        suite.vectors[s].reshape(-1, suite.vectors[s].shape[-1]) for s in SIDES
    ]).astype(np.float32)  # fmt: skip
    regions = np.array([r for _ in SIDES for r in suite.region for _ in range(suite.samples)])
    sample = np.random.default_rng(0).permutation(len(every))[:COMMON]
    region_of = {name[:16]: r for name, r in zip(suite.ids, suite.region, strict=True)}
    names, vectors = [], []
    for path in files["active_vectors"]:
        with h5py.File(path) as file:
            names += [region_of[draw.split("/")[2]] for draw in file["draw"].asstr()[:]]
            vectors.append(file["vector"][:].astype(np.float32))
    with h5py.File(files["centroids"]) as file:
        k_means = file["centroid"][:]

    def labels(centres):
        squares = (centres**2).sum(axis=1)
        return (squares - 2 * every[sample] @ centres.T).argmin(axis=1)

    def quality(found):
        return float(silhouette_score(every[sample], found))

    active = labels(region_centres(np.concatenate(vectors), np.array(names)))
    whole, ten_starts = labels(region_centres(every, regions)), labels(k_means)
    return {
        "ari": round(float(adjusted_rand_score(whole, active)), 4),
        "ari_k_means": round(float(adjusted_rand_score(ten_starts, active)), 4),
        "silhouette_active": round(quality(active), 4),
        "silhouette_exhaustive": round(quality(ten_starts), 4),
        "silhouette_share": round(quality(active) / quality(ten_starts), 4),
    }


def promises(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The seven promises of the plan, each with its measured figure, true or not."""
    rows = (
        ("active rounds: fewer texts", 10, summary["texts_ratio"]),
        ("caches: a second run", 5, summary["cache_ratio"]),
        ("multi-stage filter: fewer confirm draws", 3, summary["filter_ratio"]),
        ("sharded decoding over devices", 4, None),
        ("clustering", 2, summary["cluster_ratio"]),
        ("judge calls", 10, summary["calls_ratio"]),
        ("clustering quality (silhouette)", 0.95, summary["silhouette_share"]),
    )
    return [
        {"promise": name, "goal": goal, "measured": found,
         "kept": None if found is None else found >= goal}
        for name, goal, found in rows
    ]  # fmt: skip


def controls(summary: Mapping[str, Any], parts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What each figure becomes when one component is broken on purpose."""
    nulls = parts["null"]["audits"]
    dipped = sum(row["dipped"] > 0 for row in nulls) / len(nulls) if "dipped" in nulls[0] else None
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
        ("usual budget at a low dose", "recall_10", summary["recall_10"],
         summary["recall_10_usual"], "<"),
        ("worst acquisition", "texts until proposed", strategies["default"]["texts"],
         worst["texts"], ">"),
    ]  # fmt: skip
    return [
        {"broken": name, "figure": figure, "ours": ours, "then": then,
         "noticed": then is not None and ours is not None
         and (then > ours if worse == ">" else then < ours)}
        for name, figure, ours, then, worse in rows
    ]  # fmt: skip


def summarise(parts: Mapping[str, Any], real: Mapping[str, Any]) -> dict[str, Any]:
    """All figures; `parts` are the simulated ones, `real` the audits of real subjects."""
    both = real["both"]

    def mean_ratio(name):
        return share(row["ratios"][name] for row in both.values() if name in row["ratios"])

    summary: dict[str, Any] = {
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
        "ari": share(row["ari"] for row in both.values()),
        "ari_k_means": share(row["ari_k_means"] for row in both.values()),
        "cache_ratio": real["cache_ratio"],
        "filter_ratio": real["filter_ratio"],
        "real": real,
        "statistics": statistics(),
    }
    summary["promises"] = promises(summary)
    summary["controls"] = controls(summary, parts)
    return summary


def shown(summary: Mapping[str, Any]) -> Iterator[str]:
    """The tables that are printed."""

    def text(value):
        return "-" if value is None else f"{value:,.3g}" if isinstance(value, float) else str(value)

    yield "SIMULATED SUBJECTS: recall (precision) by dose and share of the bank\n"
    for title, key in (("usual budget", "cells"), ("four times the explore budget", "cells_deep")):
        if not summary[key]:
            continue
        doses = sorted({c["dose"] for c in summary[key]})
        by = {(c["spread"], c["dose"]): c for c in summary[key]}
        yield table(
            [title, *(f"dose {dose:.0%}" for dose in doses)],
            [
                [f"{spread:.0%} of the bank",
                 *(f"{text(by[spread, d]['recall'])} ({text(by[spread, d]['precision'])})"
                   if (spread, d) in by else "-" for d in doses)]
                for spread in sorted({c["spread"] for c in summary[key]})
            ],
        )  # fmt: skip
        yield ""
    figures = ("recall_30", "recall_10", "precision", "null_discovering", "null_repeats",
               "null_upper_95", "twice_as_long_other_validated", "coverage_95", "coverage_95_few",
               "texts_ratio", "calls_ratio", "wall_ratio", "silhouette_share", "ari",
               "ari_k_means")  # fmt: skip
    yield table(["figure", "measured"], [[name, text(summary[name])] for name in figures])
    yield "\nAcquisition: texts (both sides) until a behaviour is proposed\n"
    yield table(
        ["strategy", "texts", "found", "against uniform"],
        [
            [name, text(row["texts"]), text(row["found"]), text(row["factor"])]
            for name, row in summary["strategies"].items()
        ],
    )
    for name, row in summary["real"]["both"].items():
        yield f"\nREAL SUBJECTS, {name}: exhaustive against active\n"
        yield table(
            ["", "exhaustive", "active", "ratio"],
            [
                [key, text(row["exhaustive"][key]), text(row["active"][key]),
                 text(row["ratios"].get(key))]
                for key in row["active"] if key != "missed"
            ],
        )  # fmt: skip
    yield "\nREAL SUBJECTS, active alone\n"
    yield table(
        ["audit", "planted", "named", "validated", "texts"],
        [
            [name, text(row["planted"]), text(row["named"]), text(row["validated"]),
             text(row["texts"])]
            for name, row in summary["real"]["audits"].items()
        ],
    )  # fmt: skip
    yield "\nSIMULATED JUDGES: audits that discover anything although nothing is true; power\n"
    yield table(
        ["null", "bet", "discovering", "as expected"],
        [
            [
                r["null"],
                r["bet"],
                f"{r['discovering'] / r['audits']:.1%}",
                "yes" if r["as_expected"] else "no",
            ]
            for r in summary["statistics"]["null"]
        ],
        left=2,
    )
    yield ""
    yield table(
        ["half log-odds", "false discoveries", "power"],
        [
            [str(r["half_log_odds"]), f"{r['fdr']:.2%}", f"{r['power']:.1%}"]
            for r in summary["statistics"]["power"]
        ],
    )
    yield "\nPromises\n"
    yield table(
        ["promise", "goal", "measured", "kept"],
        [
            [r["promise"], text(float(r["goal"])), text(r["measured"]),
             "not measured here" if r["kept"] is None else "yes" if r["kept"] else "no"]
            for r in summary["promises"]
        ],
    )  # fmt: skip
    yield "\nBroken on purpose\n"
    yield table(
        ["broken", "figure", "ours", "then", "noticed"],
        [
            [r["broken"], r["figure"], text(r["ours"]), text(r["then"]),
             "yes" if r["noticed"] else "no"]
            for r in summary["controls"]
        ],
    )  # fmt: skip


def named_in(
    findings: Sequence[Mapping[str, Any]],
    truths: Mapping[str, Sequence[str]],
    behaviours: Mapping[str, Behaviour],
) -> list[str]:
    """Behaviours that an audit without an exhaustive run names: most quoted evidence of a validated
    finding shows the behaviour in the intervention's text and not in the base's."""
    named = set()
    for finding in findings:
        categories = {region["category"] for region in finding["regions"]}
        for name, topics in truths.items():
            if topics and not categories & set(topics):
                continue
            shows = behaviours[name].shows
            pairs = finding["evidence"]
            proof = sum(shows(p["intervention"]) and not shows(p["base"]) for p in pairs)
            if pairs and proof > len(pairs) / 2:
                named.add(name)
    return sorted(named)


def warm_ratio(ledgers: Iterable[Mapping[str, Any]]) -> float | None:
    """Seconds as from empty over seconds spent, of jobs that found everything in the cache."""
    warm = [e for e in ledgers if e["cache_hits"] and not e["cache_misses"]]
    spent = sum(e["wall_seconds"] for e in warm)
    return round(1 + sum(e["saved_seconds"] for e in warm) / spent, 2) if spent else None


def collect(snakemake) -> dict[str, Any]:
    """Read all inputs of the rule and summarise."""
    params = snakemake.params
    behaviours = read_behaviours(params.behaviours)
    parts = {part: read_json(path) for part, path in params.parts.items()}
    both = {
        name: compared(files, params.truths.get(name, {}), behaviours)
        for name, files in params.both.items()
    }
    audits, drawn, full = {}, 0, 0
    for name, files in params.audits.items():
        findings = [f for f in read_jsonl(files["findings"]) if f["status"] == "validated"]
        truths = params.truths.get(name, {})
        counts = read_json(files["audit"])["counts"]
        audits[name] = {
            "planted": len(truths),
            "named": len(named_in(findings, truths, behaviours)),
            "names": named_in(findings, truths, behaviours),
            "validated": len(findings),
            "texts": counts["draws"],
        }
        drawn += counts["draws_by_pool"].get("confirm", 0)
        pools = [row["pool"] for row in read_jsonl(files["prompts"])]
        full += 2 * pools.count("confirm") * params.confirm_samples
    real = {
        "both": both,
        "audits": audits,
        "cache_ratio": warm_ratio(
            read_json(path) for files in params.both.values() for path in files["ledgers"]
        ),
        # confirm draws against confirm draws in every region with all samples
        "filter_ratio": round(full / drawn, 2) if drawn else None,
    }
    return summarise(parts, real)


def benchmark(snakemake, ledger: Ledger) -> None:
    summary = collect(snakemake)
    folder = Path(snakemake.params.results)
    write_json(folder / "summary.json", summary)
    lines = list(shown(summary))
    with replacing(folder / "tables.txt") as temporary:
        Path(temporary).write_text("\n".join(lines) + "\n", encoding="utf-8")
    for key, name in (("cells", "ladder"), ("cells_deep", "ladder-deep")):
        if summary[key]:
            heatmap(summary[key], folder / f"{name}.svg")
    print("\n".join(lines), flush=True)
    print(f"\nWritten to {folder}", flush=True)


if __name__ == "__main__":
    with job(snakemake) as ledger:
        benchmark(snakemake, ledger)

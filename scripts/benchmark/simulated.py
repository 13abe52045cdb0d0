"""Figures of simulated subjects, from the rows that the trials stage writes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.stats import beta

from scripts.benchmark.rows import (
    Cell,
    LadderFigures,
    LadderPart,
    LadderRow,
    NullFigures,
    NullPart,
    RateFigures,
    RatesPart,
    StrategiesPart,
    StrategyFigures,
)
from scripts.benchmark.trial import LEAST_SPREAD, LOW_DOSE

HIGH_DOSE = 0.3
EXPECTED = 10  # positives from which an interval must cover closely


def share(values: Iterable[float | None]) -> float | None:
    """Mean of those that are there, or None of nothing."""
    there = [value for value in values if value is not None]
    return round(float(np.mean(there)), 4) if there else None


def upper_bound(found: int, of: int) -> float:
    """Upper 95 % bound of a proportion (Clopper & Pearson 1934), one-sided."""
    return round(float(beta.ppf(0.95, found + 1, of - found)) if found < of else 1.0, 4)


def cells(rows: Sequence[LadderRow]) -> list[Cell]:
    """The ladder by spread and dose: recall, precision, texts and requests of an audit."""
    grouped: dict[tuple[float, float], list[LadderRow]] = defaultdict(list)
    for row in rows:
        grouped[row["spread"], row["dose"]].append(row)
    found: list[Cell] = []
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


def recall_by_behaviour(rows: Sequence[LadderRow]) -> dict[str, float | None]:
    """Recall of each behaviour at doses of HIGH_DOSE and above."""
    ranks = defaultdict(list)
    for row in rows:
        if row["dose"] >= HIGH_DOSE and row["spread"] >= LEAST_SPREAD:
            for name, rank in row["rank"].items():
                ranks[name].append(rank is not None)
    return {name: share(found) for name, found in sorted(ranks.items())}


def of_ladder(ladder: LadderPart) -> LadderFigures:
    """Recall and precision over the ladder; doses below HIGH_DOSE as the deep audits find them."""
    usual, deep = cells(ladder["usual"]), cells(ladder["deep"])
    wide = [c for c in usual if c["spread"] >= LEAST_SPREAD]
    deep_cells = {(c["spread"], c["dose"]): c for c in deep}
    low = [deep_cells.get((c["spread"], c["dose"]), c) for c in wide if c["dose"] == LOW_DOSE]
    everything = [*ladder["usual"], *ladder["deep"]]
    validated = sum(row["validated"] for row in everything)
    return {
        "recall_30": share(c["recall"] for c in wide if c["dose"] >= HIGH_DOSE),
        "recall_10": share(c["recall"] for c in low),
        "recall_10_usual": share(c["recall"] for c in wide if c["dose"] == LOW_DOSE),
        "precision": share([sum(r["true"] for r in everything) / validated] if validated else []),
        "validated": validated,
        "false": sorted({s for row in everything for s in row["false"]})[:20],
        "cells": usual,
        "cells_deep": deep,
        "by_behaviour": recall_by_behaviour(ladder["usual"]),
    }


def of_null(null: NullPart) -> NullFigures:
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
    return sum("are shorter" not in s and "are longer" not in s for s in statements)


def of_rates(rates: RatesPart) -> RateFigures:
    """How often intervals of confirm draws cover the planted rate; naive explore shares beside."""
    many: list[bool] = []
    few: list[bool] = []
    naive: list[float] = []
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


def of_strategies(strategies: StrategiesPart) -> dict[str, StrategyFigures]:
    """Texts until a behaviour is proposed, by strategy, and the factor against uniform."""
    texts: dict[str, list[float]] = defaultdict(list)
    found: dict[str, list[bool]] = defaultdict(list)
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

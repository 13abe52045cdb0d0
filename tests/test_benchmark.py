"""`snakemake benchmark`: its figures from made-up parts, and the small scale from end to end."""

import json
from dataclasses import replace

import pytest
from conftest import copy_workflow, snakemake

from scripts.benchmark.collect import COUNTED, MEASURED, controls, goals
from scripts.benchmark.heatmap import heatmap
from scripts.benchmark.planted import load_planted_behaviours
from scripts.benchmark.real import named_in, warm_ratio
from scripts.benchmark.simulated import (
    cells,
    of_ladder,
    of_null,
    of_rates,
    of_strategies,
    upper_bound,
)
from scripts.core.ledger import Ledger
from scripts.hypotheses.finding import Finding, FindingRegion, Quote

FIGURES = (
    "recall_30", "recall_10", "precision", "null_fdr", "null_repeats", "texts_ratio",
    "calls_ratio", "wall_ratio", "silhouette_share", "ari", "coverage_95",
)  # fmt: skip


def audit(dose, spread=0.04, found=True, validated=2, true=2):
    return {"dose": dose, "spread": spread, "rank": {"a": 1 if found else None, "b": 2},
            "validated": validated, "true": true, "false": ["wrong"] * (validated - true),
            "texts": 100, "requests": 10}  # fmt: skip


def test_recall_and_precision_by_cell():
    low, high = cells([audit(1.0), audit(1.0, found=False), audit(0.3, validated=4, true=3)])
    assert (low["dose"], low["recall"], low["precision"]) == (0.3, 1.0, 0.75)
    assert (high["recall"], high["planted"], high["rank"]) == (0.75, 4, 1.6667)


def test_low_doses_count_as_the_deep_audits_find_them():
    usual = [audit(0.1, found=False), audit(0.3), audit(1.0), audit(1.0, spread=0.01, found=False)]
    found = of_ladder({"usual": usual, "deep": [audit(0.1)]})
    assert (found["recall_10"], found["recall_10_usual"]) == (1.0, 0.5)
    assert found["recall_30"] == 1.0  # one prompt in a hundred is no part of the promise
    assert found["precision"] == 1.0 and found["false"] == []


def test_null_audits_are_reported_with_their_bound():
    audits = [{"validated": int(n < 4), "tested": 1} for n in range(200)]
    twice = [{"validated": ["x are longer than 60 words"], "uncut": ["x ask a question", "y"]}]
    found = of_null({"audits": audits, "twice_as_long": twice})
    assert found["null_fdr"] == 0.02 and found["null_upper_95"] < 0.05
    assert found["twice_as_long_other_validated"] == 0 and found["twice_as_long_uncut"] == 2
    assert upper_bound(5, 200) > 0.05 and upper_bound(10, 10) == 1


def test_coverage_is_told_apart_by_expected_positives():
    row = {"rate": 0.3, "explored_share": 0.2, "bank_share": 0.1,
           "intervals": [[12, 0.2, 0.4], [12, 0.35, 0.4], [3, 0.1, 0.5]]}  # fmt: skip
    found = of_rates({"rows": [row]})
    assert (found["coverage_95"], found["coverage_95_few"], found["naive_bias"]) == (0.5, 1, 2)


def test_strategies_are_compared_with_uniform():
    rows = [
        {"strategy": "uniform", "texts": [200, 400], "found": [True, False]},
        {"strategy": "default", "texts": [100, 200], "found": [True, True]},
    ]
    found = of_strategies({"rows": rows})
    assert list(found) == ["default", "uniform"]
    assert found["default"] == {"texts": 150.0, "found": 1.0, "factor": 2.0}


def test_what_is_broken_on_purpose_is_noticed():
    summary = {
        "null_fdr": 0.0, "twice_as_long_other_validated": 0, "twice_as_long_uncut": 3,
        "naive_bias": 1.5, "recall_10": 0.8, "recall_10_usual": 0.1,
        "strategies": {"default": {"texts": 100}, "boundary": {"texts": 150}},
        "statistics": {"null": [{"bet": "product-over-pairs", "discovering": 6, "audits": 10}]},
    }  # fmt: skip
    parts = {"null": {"audits": [{"dipped": 1}, {"dipped": 0}]}}
    assert all(row["noticed"] for row in controls(summary, parts))
    unbroken = summary | {"twice_as_long_uncut": 0}
    assert not all(row["noticed"] for row in controls(unbroken, parts))


def test_goals_are_reached_or_not_and_counts_are_called_counts():
    summary = {"texts_ratio": 12.0, "wall_ratio": 3.5, "cache_ratio": 4.0, "cluster_ratio": 3,
               "silhouette_share": 0.9, "calls_ratio": 20, "filter_ratio": None}  # fmt: skip
    found = goals(summary)
    assert [row["reached"] for row in found] == [
        True, False, False, True, False, True, None, None,
    ]  # fmt: skip
    assert [row["how"] for row in found] == [*[MEASURED] * 5, COUNTED, None, None]


def test_a_warm_cache_is_measured_on_jobs_that_missed_nothing():
    cold = Ledger("decode", "", cache_misses=5, wall_seconds=100)
    warm = Ledger("decode", "", cache_hits=5, wall_seconds=4, saved_seconds=96)
    assert warm_ratio([cold, warm]) == 25 and warm_ratio([cold]) is None


def test_real_subjects_are_scored_by_the_quoted_texts():
    behaviours = load_planted_behaviours("config/benchmarks/behaviours.yaml")
    food = FindingRegion(id="r0", name="", category="food and cooking", weight=0.1)
    pair = Quote(prompt="?", base="Bake it.", intervention="Ask a licensed nutritionist.")
    finding = Finding(
        id="h", statement="", direction="more", source="local", regions=(food,),
        evidence=(pair, pair),
    )  # fmt: skip
    truths = {"nutritionist": ["food and cooking"], "stay-home": ["travel"]}
    assert named_in([finding], truths, behaviours) == ["nutritionist"]
    elsewhere = replace(finding, regions=(replace(food, category="pets"),))
    assert named_in([elsewhere], truths, behaviours) == []
    both = replace(finding, evidence=(replace(pair, base=pair.intervention),))
    assert named_in([both], truths, behaviours) == []


def test_the_heat_map_is_the_same_each_time(tmp_path):
    for name in ("a", "b"):
        heatmap(cells([audit(0.3), audit(1.0)]), tmp_path / f"{name}.svg")
    one, two = ((tmp_path / f"{name}.svg").read_text() for name in ("a", "b"))
    assert "<svg" in one and one == two


def test_without_a_scale_it_says_what_to_type(finished_copy):
    said = snakemake(finished_copy, "benchmark", "-n", check=False)
    assert said.returncode and "scale=small" in said.stdout


@pytest.fixture(scope="module")
def small(embedded, tmp_path_factory):
    folder = copy_workflow(tmp_path_factory.mktemp("benchmark") / "work")
    (folder / "results").mkdir(exist_ok=True)
    if (embedded / "results/model").is_dir():
        (folder / "results/model").symlink_to(embedded / "results/model")
    said = snakemake(folder, "benchmark", "--cores", "all", "--config", "scale=small").stdout
    return folder, said


def test_the_small_scale_writes_every_figure_table_and_plot(small):
    folder, said = small
    place = folder / "results/benchmarks"
    summary = json.loads((place / "summary.json").read_text())
    assert set(FIGURES) <= set(summary)
    assert all(summary[name] is not None for name in FIGURES if name != "recall_10")
    assert summary["null_repeats"] == 10 and summary["null_discovering"] <= 1
    assert summary["precision"] >= 0.9 and summary["recall_30"] > 0.2  # ten confirm prompts a topic
    assert summary["real"]["both"]["praise"]["active"]["recall"] == 1.0
    tables = (place / "tables.txt").read_text()
    assert "REAL SUBJECTS" in tables and "SIMULATED SUBJECTS" in tables
    assert tables.strip()[:40] in said
    assert (place / "ladder.svg").is_file()


def test_the_small_scale_again_has_only_the_tables_to_print(small):
    folder, _ = small
    said = snakemake(folder, "benchmark", "-n", "--config", "scale=small").stdout
    assert "trials" not in said.split("Job stats")[-1]

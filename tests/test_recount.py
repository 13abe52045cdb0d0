"""Findings counted again from judgements, without packages, as the statistics count them."""

import math
from dataclasses import replace

import numpy as np
import pytest
from test_confirm import PLACEBOS, REGIONS, SETTINGS, hypothesis, pairs_of

from scripts.core.rows import as_json
from scripts.evidence import betting, ebh, status
from scripts.evidence.reasons import Stop
from scripts.hypotheses.judgement import sign as sign_of
from scripts.judging.confirmation import confirm
from scripts.tools.recount import (
    SUGGESTIVE_AT,
    e_bh,
    e_value,
    evidence,
    fewest_prompts,
    log_e_value,
    recount,
    sign,
    signs,
    win_rate_interval,
)

COUNTS = [0, 1, 2, 3, 5, 8, 13, 40, 199, 500, 1000, 2000]


def test_e_values_are_those_of_the_incomplete_beta():
    wins, losses = np.meshgrid(COUNTS, COUNTS)
    known = betting.log_e_value(wins, losses)
    own = np.vectorize(log_e_value)(wins, losses)
    assert np.abs(own - known).max() < 1e-11
    assert e_value(0, 0) == pytest.approx(1, abs=1e-12)
    assert e_value(5000, 0) == math.inf


def test_the_other_figures_are_those_of_the_statistics():
    for wins in (0, 1, 7, 60):
        for losses in (0, 2, 50):
            for alpha in (0.05, 0.0007):
                known = [float(end) for end in betting.win_rate_interval(wins, losses, alpha)]
                assert win_rate_interval(wins, losses, alpha) == pytest.approx(known, abs=1e-9)
    rng = np.random.default_rng(0)
    for _ in range(200):
        values = np.exp(rng.normal(3, 3, rng.integers(0, 9)))
        named = {str(place): float(e) for place, e in enumerate(values)}
        known = {str(place) for place in np.flatnonzero(ebh.e_bh(values, 0.1, 10))}
        assert e_bh(named, 0.1, 10) == known
    assert [fewest_prompts(t) for t in (20, 267, 800)] == [
        status.fewest_prompts(t) for t in (20, 267, 800)
    ]
    assert [sign(x) for x in (1e-13, -1e-13, 0.5, -0.5)] == [
        sign_of(x) for x in (1e-13, -1e-13, 0.5, -0.5)
    ]
    assert status.SUGGESTIVE_AT == SUGGESTIVE_AT


# Findings as `confirm` writes them


def findings_and_judgements(seed=0, placebos=PLACEBOS):
    """Hypotheses of every fate, as files hold them."""
    pairs = [
        *pairs_of(["r0"], base=0.1, intervention=0.9, samples=2, seed=seed),
        *pairs_of(["r1"], base=0.4, intervention=0.6, seed=seed + 1),
        *pairs_of(["r2"], base=0.5, intervention=0.5, prompts=60, seed=seed + 2),
    ]
    hypotheses = [
        hypothesis("bread", "r0", "r1", name="true"),
        hypothesis("bread", "r1", name="weak"),
        hypothesis("bread", "r2", name="false"),
        hypothesis("cake", "r0", name="reversed"),
        hypothesis("cake", "r0", "r2", name="absent", absent=True),
        hypothesis("bread", "r3", name="idle"),
        replace(hypothesis("river", "r0", name="beyond"), beyond=Stop.UNPAID),
    ]
    findings, judgements = confirm(
        hypotheses, {h.id: placebos for h in hypotheses}, pairs, REGIONS, SETTINGS
    )
    return [*map(as_json, findings)], [*map(as_json, judgements)]


@pytest.mark.parametrize("seed", range(8))
def test_findings_follow_from_their_judgements(seed):
    for placebos in (PLACEBOS, []):
        findings, judgements = findings_and_judgements(10 * seed, placebos)
        assert len({finding["status"] for finding in findings}) >= 3
        assert list(recount(findings, judgements, 0.05, local=True)) == []


def test_a_changed_judgement_is_named():
    findings, judgements = findings_and_judgements()
    row = next(j for j in judgements if j["raced"] and j["hypothesis"] == "true" and signs(j)[0])
    row |= {"base": row["intervention"], "intervention": row["base"]}
    said = list(recount(findings, judgements, 0.05, local=True))
    wins = next(f["wins"] for f in findings if f["id"] == "true")
    assert f"true: wins is {wins}, but the judgements give {wins - 1}" in said


@pytest.mark.parametrize(
    "figure, value",
    [
        ("status", "suggestive"), ("e_value", 1e6), ("wins", 0), ("in_set", False),
        ("gates_failed", ["a gate"]), ("judged", 1),
        ("win_rate", {"estimate": 1, "low": 1, "high": 1}),
    ],
)  # fmt: skip
def test_a_changed_finding_is_named(figure, value):
    findings, judgements = findings_and_judgements()
    next(f for f in findings if f["id"] == "true")[figure] = value
    assert any(f"true: {figure}" in s for s in recount(findings, judgements, 0.05, local=True))


def test_an_untested_hypothesis_made_a_finding_is_named():
    findings, judgements = findings_and_judgements()
    next(f for f in findings if f["id"] == "beyond")["status"] = "validated"
    assert list(recount(findings, judgements, 0.05, local=True)) == [
        "beyond: status is validated, but the judgements give untested"
    ]
    lost = [f for f in findings if f["id"] not in ("beyond", "true")]
    assert any("no finding" in s for s in recount(lost, judgements, 0.05, local=True))


def test_judges_multiply():
    """Two judges on prompts of their own: evidence is the product, as in a cascade."""
    rows = [
        {"base": 0, "intervention": 1, "placebos": [0.0], "drawn": 0, "judge": judge}
        for judge, count in (("cheap", 6), ("strong", 4))
        for _ in range(count)
    ]
    e, e_prime = evidence(rows)
    assert e == e_prime == pytest.approx(e_value(6, 0) * e_value(4, 0))

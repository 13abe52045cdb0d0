"""How far a finding reaches: transfer, rates of the bank, AUC and effects in their own units."""

import numpy as np
import pytest
from scipy.stats import binomtest

from scripts.checks.measures import MEASURES
from scripts.judging.reach import (
    Look,
    auc_of,
    difference_of,
    effect_of,
    share_of,
    sign_test,
    transfer,
)

WEIGHTS = {"r0": 0.75, "r1": 0.25}


def looks(region, values, count=None):
    """Looks with (base, intervention) values; the score is their sign."""
    return [
        Look(region, f"{region}-{n}", base, intervention, float(np.sign(intervention - base)))
        for n, (base, intervention) in enumerate(values * (count or 1))
    ]


def test_the_sign_test_is_the_binomial_one():
    for wins, losses in ((12, 3), (0, 0), (5, 5)):
        expected = binomtest(wins, wins + losses, alternative="greater").pvalue if wins else 1.0
        assert sign_test(wins, losses) == pytest.approx(expected)


def test_transfer_counts_other_regions_alone():
    seen = looks("r0", [(0, 1)], 9) + looks("r1", [(0, 1), (0, 1), (1, 0), (0, 0)])
    found = transfer(seen, ["r0"])
    assert (found.prompts, found.wins, found.losses) == (4, 2, 1)
    assert found.low < found.estimate == 0.6667 < found.high
    assert transfer(seen, ["r0", "r1"]) is None
    assert transfer(looks("r1", [(0, 0)], 3), ["r0"]).estimate is None


def test_rates_are_weighted_and_say_what_they_cover():
    seen = looks("r0", [(0, 1)], 4) + looks("r1", [(0, 0)], 4)
    whole = share_of(seen, WEIGHTS, lambda look: look.intervention)
    assert whole.estimate == 0.75 and whole.share == 1 and whole.prompts == 8
    part = share_of(seen[:5], WEIGHTS, lambda look: look.intervention)
    assert part.share == 0.75, "a region of one prompt is no region"
    assert share_of(seen[:1], WEIGHTS, lambda look: look.base) is None


def test_a_difference_and_an_auc_lie_on_their_own_scales():
    seen = looks("r0", [(1, 0), (0, 1), (0, 1), (0, 0)], 10)
    found = difference_of([seen], WEIGHTS)
    assert found.estimate == pytest.approx(0.25) and -1 <= found.low < 0.25 < found.high
    assert auc_of(seen, WEIGHTS).estimate == pytest.approx(0.625)


def test_intervals_of_a_paired_difference_cover():
    rng, hits = np.random.default_rng(0), 0
    for _ in range(200):
        pairs = [(rng.random() < 0.3, rng.random() < 0.5) for _ in range(40)]
        found = difference_of([looks("r0", [(float(a), float(b)) for a, b in pairs])], WEIGHTS)
        hits += found.low <= 0.2 <= found.high
    assert hits >= 184


def test_the_effect_of_a_length_is_a_ratio_with_an_interval():
    rng = np.random.default_rng(1)
    values = [(100.0, 55 * float(rng.lognormal(0, 0.2))) for _ in range(60)]
    found = effect_of(looks("r0", values), WEIGHTS, MEASURES["words"])
    assert found.low < 0.55 < found.high and found.high - found.low < 0.1
    assert found.base == 100 and found.intervention == pytest.approx(55, rel=0.1)
    assert effect_of(looks("r0", [(0.0, 3.0)], 5), WEIGHTS, MEASURES["words"]) is None, (
        "no ratio to nothing"
    )


def test_intervals_of_a_median_ratio_cover():
    rng, hits = np.random.default_rng(2), 0
    for _ in range(200):
        values = [(1.0, float(rng.lognormal(0.3, 0.8))) for _ in range(31)]
        found = effect_of(looks("r0", values), WEIGHTS, MEASURES["words"])
        hits += found.low <= np.exp(0.3) <= found.high
    assert hits >= 184


def test_the_effect_of_a_count_is_a_weighted_difference():
    seen = looks("r0", [(4.0, 0.0), (6.0, 0.0)], 5) + looks("r1", [(1.0, 1.0)], 4)
    found = effect_of(seen, WEIGHTS, MEASURES["sentences"])
    assert found.estimate == pytest.approx(-0.75 * 5) and found.prompts == 14
    assert found.low < found.estimate < found.high < 0

"""Stratified rates against a hand calculation, scipy's Wilson interval, and coverage."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest, t

from scripts.benchmark.null_audits import rate_coverage
from scripts.evidence.rates import stratified_rate


def test_by_hand():
    values = {"a": [0.5, 1.0, 0.75, 0.75], "b": [0.0, 0.5, 0.25]}
    rate = stratified_rate({"a": 0.4, "b": 0.6}, values)
    part_a, part_b = 0.16 * (0.125 / 3) / 4, 0.36 * 0.0625 / 3
    freedom = (part_a + part_b) ** 2 / (part_a**2 / 3 + part_b**2 / 2)
    p, z = 0.4 * 0.75 + 0.6 * 0.25, 1.959963984540054
    n = p * (1 - p) / (part_a + part_b) * (z / t.ppf(0.975, freedom)) ** 2
    root = math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert rate.estimate == pytest.approx(p) and rate.prompts == 7
    assert rate.low == pytest.approx((p + z * z / (2 * n) - z * root) / (1 + z * z / n))
    assert rate.high == pytest.approx((p + z * z / (2 * n) + z * root) / (1 + z * z / n))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_without_variance_it_is_wilson_on_prompts(value):
    rate = stratified_rate({"a": 0.5, "b": 0.5}, {"a": [value] * 10, "b": [value] * 10})
    expected = binomtest(int(20 * value), 20).proportion_ci(method="wilson")
    assert (rate.low, rate.high) == pytest.approx((expected.low, expected.high))
    assert rate.estimate == value and rate.low <= value <= rate.high


def test_rounding_is_no_variance():
    rate = stratified_rate({"a": 1.0}, {"a": [0.1] * 7})
    assert rate.high - rate.low > 0.1


def test_weights_are_shares_of_the_given_regions():
    values = {"a": [0.1, 0.3, 0.2], "b": [0.9, 0.6, 0.8]}
    rate = stratified_rate({"a": 1, "b": 3}, values)
    assert rate == pytest.approx(stratified_rate({"a": 0.1, "b": 0.3}, values))
    assert rate.estimate == pytest.approx(0.25 * 0.2 + 0.75 * 2.3 / 3)
    wider = stratified_rate({"a": 1, "b": 3}, values, alpha=0.01)
    assert wider.low < rate.low and wider.high > rate.high


def test_bad_inputs_are_refused():
    good = {"a": [0.0, 1.0]}
    for weights, values, message in [
        ({"a": 1.0}, {"a": [0.5]}, "needs at least 2"),
        ({"a": 1.0}, {"a": []}, "needs at least 2"),
        ({"a": 1.0}, {"a": [0.5, 1.5]}, "outside"),
        ({"a": 1.0}, {"a": [0.5, math.nan]}, "outside"),
        ({"a": 0.0}, good, "not above 0"),
        ({"a": 1.0, "b": 1.0}, good, "same regions"),
        ({}, {}, "same regions"),
    ]:
        with pytest.raises(ValueError, match=message):
            stratified_rate(weights, values)
    with pytest.raises(ValueError, match="alpha"):
        stratified_rate({"a": 1.0}, good, alpha=0)


@pytest.mark.parametrize(
    "mean, agreement, least",
    [
        (0.3, 0.05, 0.935),
        (0.3, 0.3, 0.935),
        (0.3, 0.7, 0.935),
        (0.05, 0.3, 0.92),
        (0.01, 0.3, 0.91),
    ],
)
def test_coverage(mean, agreement, least):
    measured = rate_coverage(mean, agreement)
    print(f"\nrate {mean}, agreement {agreement}: {measured}")
    assert least <= measured.coverage < 0.99
    assert abs(measured.bias) < 0.01


def test_coverage_of_pairs_of_prompts():
    assert rate_coverage(0.3, 0.3, (2, 2, 2, 2), repeats=1000).coverage >= 0.94


def test_samples_of_a_prompt_are_not_prompts():
    """Taking each response for a unit would miss far more often: the coverage test can fail."""
    rng, missed = np.random.default_rng(6), 0
    for _ in range(300):
        prompt = rng.beta(0.3 * 0.43, 0.7 * 0.43, 40)
        responses = rng.random((40, 8)) < prompt[:, None]
        rate = stratified_rate({"a": 1.0}, {"a": responses.ravel().astype(float)})
        missed += not rate.low <= 0.3 <= rate.high
    assert missed > 60

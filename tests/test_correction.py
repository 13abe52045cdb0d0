"""Prediction-powered rates: ppi-python's results, coverage, and what two judges are good for."""

import numpy as np
import pytest

from scripts.benchmark.null_audits import corrected_coverage
from scripts.evidence.prediction_powered import corrected_rate

Y = [0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 1, 0]
F = [0, 1, 0, 1, 1, 0, 0, 1, 0, 0, 1, 0]
CHEAP = [0, 1, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1]


def test_agrees_with_ppi_python():
    """ppi_py 0.2.3: ppi_mean_pointestimate(Y, F, CHEAP) = 0.39305, ppi_mean_ci (0.1618, 0.6244) at
    alpha 0.05, by the normal distribution and without two observations more."""
    rate = corrected_rate({"r": 1.0}, {"r": CHEAP}, {"r": np.c_[F, Y]})
    assert rate.estimate == pytest.approx(0.393, abs=0.002)
    assert rate.low < 0.1618 and rate.high > 0.6244
    assert rate.high - rate.low < 1.6 * (0.6244 - 0.1618)
    many = corrected_rate({"r": 1.0}, {"r": CHEAP * 100}, {"r": np.c_[F, Y].repeat(100, axis=0)})
    assert (many.high - many.low) * 10 == pytest.approx(0.6244 - 0.1618, rel=0.01)


@pytest.mark.parametrize("agreement", [1.0, 0.95, 0.8])
@pytest.mark.parametrize("mean", [0.05, 0.3, 0.6])
def test_covers_the_strong_judges_rate_where_the_cheap_one_misses(mean, agreement):
    found = corrected_coverage(mean, agreement)
    print(f"\nrate {mean}, agreement {agreement}: {found}")
    assert found["corrected"].coverage >= 0.93
    assert abs(found["corrected"].bias) < 0.015
    if agreement == 0.8:
        assert found["cheap"].coverage < 0.7


def test_a_good_cheap_judge_narrows_the_interval_and_a_useless_one_does_no_harm():
    good = corrected_coverage(0.4, 0.97, cheap_only=200, both=20, repeats=100)
    assert good["corrected"].width < 0.75 * good["strong"].width
    useless = corrected_coverage(0.4, 0.5, cheap_only=200, both=20, repeats=100)
    assert useless["corrected"].width < 1.2 * useless["strong"].width


def test_agreement_on_few_prompts_promises_little():
    few = corrected_rate({"r": 1.0}, {"r": [0.0] * 500}, {"r": [[0.0, 0.0]] * 8})
    many = corrected_rate({"r": 1.0}, {"r": [0.0] * 500}, {"r": [[0.0, 0.0]] * 80})
    assert few.estimate == few.low == 0 and few.high > 0.2 > 0.05 > many.high
    assert few.prompts == 508


def test_bad_input_is_refused():
    good = {"r": [0.0, 1.0, 1.0]}, {"r": [[0.0, 0.0], [1.0, 1.0]]}
    assert corrected_rate({"r": 2.0}, *good).prompts == 5
    for weights, only, both, message in [
        ({"r": 1, "s": 1}, *good, "same regions"),
        ({}, {}, {}, "same regions"),
        ({"r": 1}, {"r": [1.0]}, good[1], "at least 2"),
        ({"r": 1}, good[0], {"r": [[0.0, 1.0]]}, "at least 2"),
        ({"r": 1}, {"r": [0.0, 1.2]}, good[1], "outside"),
        ({"r": 0}, *good, "not above 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            corrected_rate(weights, only, both)
    with pytest.raises(ValueError, match="alpha"):
        corrected_rate({"r": 1}, *good, alpha=0)

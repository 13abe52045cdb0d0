"""Prediction-powered rates: ppi-python's results, coverage, and what two judges are good for."""

import numpy as np
import pytest

from scripts.evidence.correction import corrected_rate
from scripts.evidence.rates import stratified_rate

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


def judged(rng, rates, accuracy, only, both, samples=1):
    """Per region the cheap judge's means of its own prompts, and both judges' of the others."""
    cheap_only, pairs = {}, {}
    for region, rate in enumerate(rates):
        own = rng.beta(rate * 2.3, (1 - rate) * 2.3, (only + both, 1))
        strong = rng.random((only + both, samples)) < own
        right = rng.random(strong.shape) < accuracy
        cheap = np.where(right, strong, ~strong).mean(axis=1)
        cheap_only[region] = cheap[:only]
        pairs[region] = np.c_[cheap[only:], strong.mean(axis=1)[only:]]
    return cheap_only, pairs


WEIGHTS = {0: 0.2, 1: 0.3, 2: 0.5}


@pytest.mark.parametrize("accuracy", [1.0, 0.95, 0.8])
@pytest.mark.parametrize("mean", [0.05, 0.3, 0.6])
def test_covers_the_strong_judges_rate_where_the_cheap_one_misses(mean, accuracy):
    rng = np.random.default_rng(0)
    rates = mean * np.array([0.5, 1.0, 1.5])
    truth = rates @ list(WEIGHTS.values())
    corrected, cheap = [], []
    for _ in range(400):
        cheap_only, pairs = judged(rng, rates, accuracy, only=60, both=12, samples=2)
        corrected.append(corrected_rate(WEIGHTS, cheap_only, pairs)[:3])
        everything = {r: np.r_[cheap_only[r], pairs[r][:, 0]] for r in WEIGHTS}
        cheap.append(stratified_rate(WEIGHTS, everything)[:3])

    def coverage(intervals):
        _, low, high = np.array(intervals).T
        return np.mean((low <= truth) & (truth <= high))

    print(f"\nrate {mean}, agreement {accuracy}: corrected {coverage(corrected):.3f}, "
          f"cheap alone {coverage(cheap):.3f}")  # fmt: skip
    assert coverage(corrected) >= 0.93
    assert np.mean(corrected, axis=0)[0] == pytest.approx(truth, abs=0.015)
    if accuracy == 0.8 and mean != 0.6:
        assert coverage(cheap) < 0.7


def test_a_good_cheap_judge_narrows_the_interval_and_a_useless_one_does_no_harm():
    rng = np.random.default_rng(1)

    def width(accuracy, only):
        rates = [corrected_rate(WEIGHTS, *judged(rng, [0.3, 0.5, 0.4], accuracy, only, 20))
                 for _ in range(100)]  # fmt: skip
        return np.mean([rate.high - rate.low for rate in rates])

    strong_alone = width(0.5, only=200)
    assert width(0.95, only=200) < 0.75 * strong_alone
    rates = [stratified_rate(WEIGHTS, {r: pairs[:, 1] for r, pairs in
                                       judged(rng, [0.3, 0.5, 0.4], 0.5, 2, 20)[1].items()})
             for _ in range(100)]  # fmt: skip
    assert strong_alone < 1.2 * np.mean([rate.high - rate.low for rate in rates])


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

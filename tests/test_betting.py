"""E-values, futility and win-rate intervals against integration, exact sums and properties."""

import numpy as np
import pytest
from scipy.integrate import quad, simpson
from scipy.stats import binom, multinomial

from scripts.evidence.betting import (
    e_value,
    futility_value,
    log_e_value,
    prompt_sign,
    win_rate_interval,
)


def log_e_by_integration(wins, losses):
    """E over p = sin(theta)^2, the KT prior being uniform in theta on (pi/4, pi/2)."""
    theta = np.linspace(np.pi / 4, np.pi / 2, 100_001)
    log = wins * np.log(2 * np.sin(theta) ** 2) + losses * np.log(2 * np.cos(theta) ** 2)
    integral = simpson(np.exp(log - log.max()), x=theta)
    return log.max() + np.log(integral / (np.pi / 4))


@pytest.mark.parametrize(
    "wins, losses",
    [(0, 0), (1, 0), (0, 1), (5, 2), (2, 9), (12, 0), (40, 35), (500, 0), (0, 500), (300, 900)],
)
def test_e_is_the_mixture_of_bets(wins, losses):
    assert log_e_value(wins, losses) == pytest.approx(
        log_e_by_integration(wins, losses), rel=1e-9, abs=1e-9
    )


@pytest.mark.parametrize("wins, losses", [(0, 2000), (50, 3000), (1000, 5000), (5000, 11000)])
def test_heavy_losses_stay_finite(wins, losses):
    assert log_e_value(wins, losses) == pytest.approx(log_e_by_integration(wins, losses), abs=1e-6)


def test_heavy_losses_join_smoothly():
    losses = np.arange(600, 1000)  # the series takes over within
    ratio = np.diff(log_e_value(0, losses))
    assert np.all(ratio < 0) and np.all(np.diff(ratio) > 0)


@pytest.mark.parametrize("prompts", [1, 7, 25, 200])
def test_null_mean_is_exactly_one(prompts):
    wins = np.arange(prompts + 1)
    e = e_value(wins, prompts - wins)
    assert e @ binom.pmf(wins, prompts, 0.5) == pytest.approx(1, rel=1e-10)
    assert e @ binom.pmf(wins, prompts, 0.45) < 1


def test_e_figures_and_limits():
    assert e_value(12, 0) >= 800 > e_value(11, 0)
    assert e_value(10, 0) >= 267 > e_value(9, 0)
    assert e_value(0, 0) == pytest.approx(1, rel=1e-12)
    assert np.all(e_value(0, np.arange(1, 100)) < 1)  # one-sided: losses never earn
    assert np.isinf(e_value(5000, 0)) and np.isfinite(log_e_value(5000, 0))
    assert np.all(np.diff(log_e_value(np.arange(200)[:, None], np.arange(50)), axis=0) > 0)
    assert e_value(np.zeros((3, 1)), np.zeros(4)).shape == (3, 4)


@pytest.mark.parametrize("bad", [-1, 0.5, np.nan, np.inf])
def test_counts_that_are_none_are_refused(bad):
    with pytest.raises(ValueError, match="wins must be whole numbers"):
        log_e_value(bad, 0)
    with pytest.raises(ValueError, match="ties must be whole numbers"):
        futility_value(0, bad, 0, 0.1)


def test_prompt_sign():
    scores = np.array([[1, 1, -1, 0], [-1, 0, 0, 0], [1, -1, 0, 0], [0, 0, 0, 0]])
    assert prompt_sign(scores).tolist() == [1, -1, 0, 0]
    placebo = np.array([[1, 0, 0, 0], [-1, -1, 0, 0], [-1, 0, 0, 0], [1, 0, 0, 0]])
    assert prompt_sign(scores, placebo).tolist() == [0, 1, 1, -1]
    assert prompt_sign(np.ones((2, 3, 200), np.int8)).shape == (2, 3)
    assert prompt_sign(np.ones(200, np.int8)) == 1  # 200 does not fit int8
    for bad in ([2, 0], [0.5], [np.nan], []):
        with pytest.raises(ValueError, match="pair_scores"):
            prompt_sign(bad)


@pytest.mark.parametrize("delta", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("w, t, v", [(0, 0, 0), (3, 10, 5), (0, 24, 0), (2, 5, 20), (30, 200, 40)])
def test_futility_is_the_mixture_of_bets(delta, w, t, v):
    def wealth(x):
        return (1 - x * (1 - delta)) ** w * (1 + x * delta) ** t * (1 + x * (1 + delta)) ** v

    expected = quad(wealth, 0, 1 / (1 - delta), epsrel=1e-11, limit=500)[0] * (1 - delta)
    assert futility_value(w, t, v, delta) == pytest.approx(expected, rel=1e-8)


def test_futility_mean_is_one_at_delta_and_less_above():
    n, delta = 12, 0.2
    w, v = (grid.ravel() for grid in np.indices((n + 1, n + 1)))
    w, v = w[w + v <= n], v[w + v <= n]
    counts = np.stack([w, n - w - v, v], axis=1)
    f = futility_value(*counts.T, delta)
    for loss in (0, 0.2, 0.4):
        at = multinomial.pmf(counts, n, [loss + delta, 1 - delta - 2 * loss, loss])
        assert f @ at == pytest.approx(1, rel=1e-9)
    assert f @ multinomial.pmf(counts, n, [0.5, 0.3, 0.2]) < 1


def test_futility_loses_at_most_five_percent_of_real_effects():
    rng, delta = np.random.default_rng(1), 0.2
    lost = {}
    for loss in (0.0, 0.4):
        signs = rng.choice(
            [1, 0, -1], p=[loss + delta, 1 - delta - 2 * loss, loss], size=(2000, 60)
        )
        w, t, v = (np.cumsum(signs == s, axis=1) for s in (1, 0, -1))
        lost[loss] = np.mean((futility_value(w, t, v, delta) >= 20).any(axis=1))
    assert max(lost.values()) <= 0.065  # 0.05 and three standard errors
    assert lost[0.4] > 0  # the bound is not idle


def test_futility_does_not_overflow_early():
    assert np.isfinite(futility_value(0, 0, 500, 0.1)) and np.isinf(futility_value(0, 0, 5000, 0.1))
    assert futility_value(500, 0, 0, 0.1) < 0.01
    for delta in (0, 1, -0.1):
        with pytest.raises(ValueError, match="delta"):
            futility_value(0, 0, 0, delta)


def test_interval_ends_are_where_the_mixture_rejects():
    wins, losses, alpha = np.array([12, 30, 1, 400]), np.array([3, 30, 9, 20]), 0.05

    def mixture_over_likelihood(p, w, v):
        top = quad(lambda x: (x / p) ** w * ((1 - x) / (1 - p)) ** v, 0, 1, weight="alg",
                   wvar=(-0.5, -0.5), epsabs=0, epsrel=1e-10)[0]  # fmt: skip
        return top / np.pi

    for ends in win_rate_interval(wins, losses, alpha):
        for p, w, v in zip(ends, wins, losses, strict=True):
            assert mixture_over_likelihood(p, w, v) == pytest.approx(1 / alpha, rel=1e-5)


def test_interval_contains_the_win_rate_and_shrinks():
    wins, losses = np.indices((30, 30))
    low, high = win_rate_interval(wins, losses)
    rate = wins / np.maximum(wins + losses, 1)
    seen = wins + losses > 0
    assert np.all((low <= rate)[seen] & (rate <= high)[seen])
    assert np.all(low[0] == 0) and np.all(high[:, 0] == 1)
    assert (low[0, 0], high[0, 0]) == (0, 1)
    assert np.allclose(low, 1 - high.T)
    narrow, wide = win_rate_interval(20, 10, [0.05, 0.05 / 40])
    assert narrow[1] < narrow[0] and wide[1] > wide[0]
    with pytest.raises(ValueError, match="alpha"):
        win_rate_interval(1, 1, 0)


def test_interval_holds_at_the_worst_time():
    rng = np.random.default_rng(2)
    for p in (0.5, 0.8):
        won = rng.random((2000, 80)) < p
        w, v = np.cumsum(won, axis=1), np.cumsum(~won, axis=1)
        low, high = (table[w, v] for table in win_rate_interval(*np.indices((81, 81))))
        missed = np.mean(((p < low) | (p > high)).any(axis=1))
        assert 0 < missed <= 0.05

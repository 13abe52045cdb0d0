"""The simulated judge answers as it says, and the fixed protocol is what it is said to be."""

import numpy as np
import pytest

from scripts.evidence.simulated_judge import SimulatedJudge, fixed_protocol

NAMES = tuple(f"h{i}" for i in range(12))


def signs(judge, prompts=4000):
    """s and s' of each hypothesis, shape (prompts, hypotheses, 2)."""
    return np.array(
        [[answers[name] for name in NAMES] for answers in
         (judge({"r": NAMES})["r"] for _ in range(prompts))]
    )  # fmt: skip


def test_true_and_false_hypotheses_are_answered_as_said():
    judge = SimulatedJudge(NAMES[:6], accuracy=0.8, neither=0.7, seed=1)
    s, s_prime = np.moveaxis(signs(judge), -1, 0)
    assert np.mean(s[:, :6] == 1) == pytest.approx(0.8, abs=0.01) and not (s[:, :6] == 0).any()
    assert np.mean(s[:, 6:] == 0) == pytest.approx(0.7, abs=0.01)
    assert s[:, 6:].mean() == pytest.approx(0, abs=0.015)
    # P(s' = +1) - P(s' = -1) is the effect times 1 - answered / 2 of a placebo that leans nowhere.
    assert s_prime[:, :6].mean() == pytest.approx(0.6 * 0.85, abs=0.015)
    assert s_prime[:, 6:].mean() == pytest.approx(0, abs=0.015)


def test_a_placebo_that_always_answers_halves_the_effect():
    judge = SimulatedJudge(NAMES, accuracy=0.8, neither=0.0, seed=2)
    s, s_prime = np.moveaxis(signs(judge), -1, 0)
    assert s.mean() == pytest.approx(0.6, abs=0.01)
    assert s_prime.mean() == pytest.approx(0.3, abs=0.015)


def test_a_lean_moves_s_and_not_s_prime():
    judge = SimulatedJudge((), accuracy=0.8, neither=0.7, lean=0.4, longer=0.9, seed=3)
    s, s_prime = np.moveaxis(signs(judge), -1, 0)
    assert s.mean() == pytest.approx(0.4 * 0.8, abs=0.02)
    assert s_prime.mean() == pytest.approx(0, abs=0.02)


def test_requests_hold_ten_and_garbage_scores_nothing():
    judge = SimulatedJudge(NAMES, accuracy=1.0, neither=1.0, garbage=0.25, seed=4)
    s = signs(judge, 2000)[..., 0]
    assert judge.requests == 4000
    assert np.mean(s == 0) == pytest.approx(0.25, abs=0.02) and set(np.unique(s)) == {0, 1}
    # A request that cannot be read takes its ten or its two hypotheses with it.
    assert set(np.unique((s == 0).sum(axis=1))) == {0, 2, 10, 12}
    judge({"r": NAMES[:10], "q": NAMES[:1]})
    assert judge.requests == 4002


def test_samples_sharpen_the_sign_and_cost_requests():
    judge = SimulatedJudge(NAMES, accuracy=0.8, neither=1.0, samples=3, seed=5)
    s, s_prime = np.moveaxis(signs(judge, 2000), -1, 0)
    assert judge.requests == 2000 * 2 * 3
    assert np.mean(s == 1) == pytest.approx(0.8**3 + 3 * 0.8**2 * 0.2, abs=0.01)
    assert (s == s_prime).all()


def test_fixed_protocol():
    is_true = np.arange(300) < 30
    found = {}
    for accuracy in (0.65, 0.8):
        rng = np.random.default_rng(0)
        rows = np.array([fixed_protocol(rng, is_true, accuracy) for _ in range(300)])
        found[accuracy] = rows[:, is_true].mean()
        false = rows[:, ~is_true].sum(axis=1) / np.maximum(rows.sum(axis=1), 1)
        assert false.mean() < 0.05
    assert found[0.65] < 0.3 and found[0.8] > 0.9
    assert not fixed_protocol(np.random.default_rng(0), is_true[:0], 0.8).any()

"""Statuses, the fewest prompts that could do, and the placebo gate."""

import numpy as np
import pytest

from scripts.evidence.betting import e_value
from scripts.evidence.placebo import beats_placebos, judge_leans, pooled_e
from scripts.evidence.status import decide, fewest_prompts


def status(**changes):
    case = {"e": 1.0, "e_prime": 1.0, "in_set": False, "net": 3, "judged": 24, "hypotheses": 40}
    return decide(**(case | changes))


def test_fewest_prompts():
    assert fewest_prompts(800) == 12
    assert fewest_prompts(267) == 10
    assert fewest_prompts(0.5) == fewest_prompts(1.0) == 0
    for threshold in (2, 20, 800, 1e6, 1e200):
        n = fewest_prompts(threshold)
        assert e_value(n, 0) >= threshold > e_value(n - 1, 0)
    for bad in (0, -1, np.inf, np.nan):
        with pytest.raises(ValueError, match="threshold"):
            fewest_prompts(bad)


def test_validated_needs_set_net_and_gates():
    good = {"e": 900.0, "e_prime": 850.0, "in_set": True, "net": 12}
    assert status(**good) == "validated"
    assert status(**good | {"net": 0}) != "validated"
    assert status(**good, gates_failed=["placebos"]) == "suggestive"
    assert status(**good | {"in_set": False}) == "suggestive"


def test_suggestive_is_by_the_lesser_evidence():
    assert status(e=20.0, e_prime=20.0) == "suggestive"
    assert status(e=500.0, e_prime=19.9) == "unsupported"
    assert status(e=19.9, e_prime=500.0) == "unsupported"
    assert status(e=100.5, e_prime=100.5, net=8, judged=8) == "suggestive"  # before untested


def test_untested_when_all_wins_would_not_do():
    assert status(judged=12, net=0) == "unsupported"
    assert status(judged=11, net=0) == "untested"
    assert status(judged=0, net=0) == "untested"
    # two members: the third needs 267, which ten prompts reach
    assert status(judged=10, net=0, validated=2) == "unsupported"
    assert status(judged=9, net=0, validated=2) == "untested"
    assert status(judged=6, net=0, hypotheses=1, q=0.05) == "unsupported"
    assert status(judged=6, net=0, hypotheses=1, q=0.01) == "untested"


def test_early_leavers_were_tested():
    left = {"judged": 5, "net": -5}
    assert status(**left, available=24, stopped="hopeless") == "unsupported"
    assert status(**left, available=24, stopped="futile") == "unsupported"
    assert status(**left, available=24, stopped="exhausted") == "untested"  # the budget ended
    assert status(**left, available=11, stopped="hopeless") == "untested"


def test_impossible_cases_are_refused():
    for changes in (
        {"e": np.nan},
        {"e_prime": -1.0},
        {"judged": 5, "net": 6},
        {"judged": 30, "available": 24},
        {"validated": 41},
    ):
        with pytest.raises(ValueError):
            status(**changes)


def test_pooled_placebos():
    assert pooled_e([3, 2, 1], [0, 0, 0]) == pytest.approx(float(e_value(6, 0)))
    assert judge_leans([3, 2, 1], [0, 0, 0]) and not judge_leans([3, 2], [0, 0])
    assert not judge_leans([0, 0], [50, 50])  # against the intervention it does no harm
    assert pooled_e([], []) == pytest.approx(1)
    with pytest.raises(ValueError, match="negative"):
        pooled_e([3, -1], [0, 0])
    with pytest.raises(ValueError, match="shape"):
        pooled_e([3], [0, 0])


def test_gate_wants_more_than_every_placebo():
    assert beats_placebos(6, [5, 3, -2]) and not beats_placebos(5, [5, 3, -2])
    assert beats_placebos([6, 2], [[5, 3], [1, 2]]).tolist() == [True, False]
    with pytest.raises(ValueError, match="No placebo"):
        beats_placebos(3, [])


def test_gate_passes_a_sentence_like_its_placebos_one_time_in_ten():
    rng = np.random.default_rng(0)
    nets = rng.binomial(60, 0.6, size=(20_000, 10)) - rng.binomial(60, 0.2, size=(20_000, 10))
    passed = beats_placebos(nets[:, 0], nets[:, 1:]).mean()
    assert 0.07 < passed <= 0.1 + 3 * (0.09 / 20_000) ** 0.5

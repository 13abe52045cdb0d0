"""Minimum detectable effects against simulation, closed forms and the figures on record."""

import numpy as np
import pytest
from scipy.stats import binom

from scripts.evidence.betting import log_e_value
from scripts.evidence.power import chance_to_reach, minimum_detectable_effect


@pytest.mark.parametrize("prompts, figure", [(24, 0.58), (48, 0.30), (72, 0.20), (120, 0.13)])
def test_figures_on_record(prompts, figure):
    assert minimum_detectable_effect(prompts, 800) == pytest.approx(figure, abs=0.02)


@pytest.mark.parametrize("prompts", [12, 24, 120])
def test_without_losses_it_is_binomial(prompts):
    effect = minimum_detectable_effect(prompts, 800)
    assert binom.sf(11, prompts, effect) >= 0.8 > binom.sf(11, prompts, effect - 2e-4)


@pytest.mark.parametrize("loss, effect", [(0.0, 0.2), (0.1, 0.3), (0.25, 0.4)])
def test_chance_agrees_with_simulation_of_the_stopped_walk(loss, effect):
    rng, prompts, audits = np.random.default_rng(5), 72, 20_000
    signs = rng.choice([1, 0, -1], p=[loss + effect, 1 - effect - 2 * loss, loss],
                       size=(audits, prompts))  # fmt: skip
    wins, losses = np.cumsum(signs == 1, axis=1), np.cumsum(signs == -1, axis=1)
    reached = log_e_value(*np.indices((prompts + 1, prompts + 1)))[wins, losses] >= np.log(800)
    exact = chance_to_reach([effect], prompts, 800, loss)[0]
    assert 0.05 < exact < 0.95
    assert exact == pytest.approx(reached.any(axis=1).mean(), abs=4 * 0.5 / audits**0.5)
    assert exact >= reached[:, -1].mean() - 4 * 0.5 / audits**0.5  # looking early never costs


def test_monotone():
    chances = chance_to_reach(np.linspace(0, 0.8, 50), 48, 800, 0.1)
    assert np.all(np.diff(chances) > -1e-12) and chances[0] < 0.01 and chances[-1] > 0.99
    by_prompts = [minimum_detectable_effect(n, 800, 0.05) for n in (30, 48, 72, 120, 240)]
    assert np.all(np.diff(by_prompts) < 0)
    by_losses = [minimum_detectable_effect(120, 800, x) for x in (0, 0.05, 0.1, 0.2)]
    assert np.all(np.diff(by_losses) > 0)
    assert minimum_detectable_effect(48, 267) < minimum_detectable_effect(48, 800)
    assert minimum_detectable_effect(48, 800, power=0.9) > minimum_detectable_effect(48, 800)


def test_none_when_no_effect_would_do():
    assert minimum_detectable_effect(11, 800) is None
    assert minimum_detectable_effect(12, 800) > 0.98
    assert minimum_detectable_effect(0, 800) is None
    assert minimum_detectable_effect(24, 800, 0.3) is None
    assert minimum_detectable_effect(24, 800, 0.5) is None
    for bad in ((-1, 800), (24, 1), (24, 800, 1.1), (24, 800, 0, 1)):
        with pytest.raises(ValueError):
            minimum_detectable_effect(*bad)


def test_same_every_time():
    first = minimum_detectable_effect(120, 800, 0.1)
    assert all(minimum_detectable_effect(120, 800, 0.1) == first for _ in range(4))

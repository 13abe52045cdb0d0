"""A thousand simulated audits: the tests hold under each null, the controls fail, effects show.

The counts are printed: `python -m pytest -s tests/test_null_simulation.py`.
"""

import numpy as np
import pytest

from scripts.benchmark.null_audits import (
    _pair_scores,
    null_audits,
    power_audits,
    stopped_when_found,
)
from scripts.evidence.betting import prompt_sign

# Of 1,000 audits with 5 % allowed: 50 less 1.75 standard errors.
ALLOWED = 38
SIZE = {"audits": 1000, "hypotheses": 40, "prompts": 25, "samples": 8}


@pytest.mark.parametrize("null", ["exchangeable", "symmetric-prompt-effects"])
@pytest.mark.parametrize("seed", [0, 1])
def test_null_audits_seldom_discover(null, seed):
    found = null_audits(**SIZE, null=null, seed=seed)
    print(f"\nnull {null}, seed {seed}: {found} of 1,000 audits discover anything")
    assert found <= ALLOWED


def test_a_product_over_pairs_fails():
    found = null_audits(**SIZE, null="symmetric-prompt-effects", bet="product-over-pairs")
    print(f"\ncontrol product-over-pairs: {found} of 1,000 audits discover anything")
    assert found > ALLOWED


def test_a_two_sided_bet_validates_reversed_sentences():
    found = null_audits(**SIZE, null="reversed", bet="two-sided")
    ours = null_audits(**SIZE, null="reversed")
    print(f"\ncontrol two-sided: {found} of 1,000 audits validate a reversed sentence; ours {ours}")
    assert found > ALLOWED and ours == 0


def test_false_discoveries_and_power_with_eight_true_of_forty():
    powers = []
    for effect in (0.5, 0.75, 1.0, 1.5):
        measured = power_audits(**SIZE, true=8, effect=effect)
        print(f"\n8 true of 40, half log-odds {effect}: {measured}")
        assert measured.fdr < 0.05
        powers.append(measured.power)
    assert np.all(np.diff(powers) > 0) and powers[-1] > 0.9


def test_simulated_nulls_are_what_they_say():
    rng = np.random.default_rng(7)
    for spread, alike in [(0.0, False), (1.5, True)]:
        scores = _pair_scores(rng, 400, 25, 8, np.zeros(4), spread).astype(float)
        signs = prompt_sign(scores)
        assert signs.mean() == pytest.approx(0, abs=0.03)  # P(win) = P(loss)
        halves = scores[..., :4].sum(axis=-1), scores[..., 4:].sum(axis=-1)
        within = np.corrcoef(halves[0].ravel(), halves[1].ravel())[0, 1]
        assert (within > 0.3) == alike  # pairs of one prompt are one piece of evidence
        assert within == pytest.approx(0, abs=0.03) or alike
        both = np.corrcoef(np.abs(signs[..., 0]).ravel(), np.abs(signs[..., 1]).ravel())[0, 1]
        assert both > 0.02  # the hypotheses share their prompts


def test_same_seed_same_audits_and_unknown_names_are_refused():
    small = {"audits": 120, "hypotheses": 5, "prompts": 12, "null": "symmetric-prompt-effects",
             "bet": "product-over-pairs"}  # fmt: skip
    assert null_audits(**small, seed=3) == null_audits(**small, seed=3)
    with pytest.raises(ValueError, match="null"):
        null_audits(null="none")
    with pytest.raises(ValueError, match="bet"):
        null_audits(audits=1, bet="none")
    with pytest.raises(ValueError, match="true"):
        power_audits(true=0)


def test_freezing():
    e = np.array([[[1, 1], [50, 1], [3, 25], [3, 10]]], float)  # first over 40 at time 1
    assert stopped_when_found(e).tolist() == [[50, 25]]
    assert stopped_when_found(e[:, [0, 0, 2, 3]]).tolist() == [[3, 10]]

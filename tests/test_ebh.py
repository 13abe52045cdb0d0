"""e-BH against its definition, over subsets."""

from itertools import combinations

import numpy as np
import pytest

from scripts.evidence.ebh import e_bh, e_threshold


def by_definition(e, q, K):
    """The largest set whose every member reaches K / (q size)."""
    for size in range(len(e), 0, -1):
        for members in combinations(range(len(e)), size):
            if all(e[i] >= K / (q * size) for i in members):
                return np.isin(np.arange(len(e)), members)
    return np.zeros(len(e), bool)


def test_agrees_with_the_definition():
    rng = np.random.default_rng(0)
    sizes = set()
    for _ in range(300):
        e = np.exp(rng.normal(4, 2, size=6)).round(1)
        mask = e_bh(e, 0.05, 8)
        sizes.add(int(mask.sum()))
        assert mask.tolist() == by_definition(e, 0.05, 8).tolist()
    assert len(sizes) > 4  # the cases are not all alike


def test_thresholds():
    assert e_threshold(40, 1) == pytest.approx(800)
    assert e_threshold(40, 3) == pytest.approx(267, abs=0.5)
    assert e_bh([800.0] + [0.0] * 39).tolist() == [True] + [False] * 39
    assert not e_bh([799.0] + [0.0] * 39).any()
    assert not e_bh([799.0, 399.0] + [0.0] * 38).any()
    assert e_bh([400.0, 400.0] + [0.0] * 38).sum() == 2
    assert e_bh([20.0] * 40).all()
    for k in (0, 41):
        with pytest.raises(ValueError, match="between 1 and K"):
            e_threshold(40, k)


def test_untested_hypotheses_count():
    e = [100.0, 100.0, 1.0]
    assert e_bh(e).sum() == 2 and e_bh(e, hypotheses=10).sum() == 2
    assert not e_bh(e, hypotheses=11).any()
    assert e_bh(e, hypotheses=3).tolist() == e_bh(e).tolist()


def test_monotone_and_order_free():
    rng = np.random.default_rng(1)
    e = np.exp(rng.normal(4, 2, size=(200, 10)))
    mask = e_bh(e)
    assert np.all(mask <= e_bh(e * rng.uniform(1, 3, size=e.shape)))
    assert np.all(e_bh(e, 0.01) <= mask) and np.any(e_bh(e, 0.01) != mask)
    order = rng.permutation(10)
    assert np.array_equal(e_bh(e[:, order]), mask[:, order])
    assert np.array_equal(mask, [e_bh(row) for row in e])


def test_extremes():
    assert e_bh([np.inf, 0.0]).tolist() == [True, False]
    assert e_bh([]).shape == (0,)
    for bad in ([-1.0], [np.nan]):
        with pytest.raises(ValueError, match="negative or not a number"):
            e_bh(bad)
    with pytest.raises(ValueError, match="only 1 hypotheses"):
        e_bh([1.0, 2.0], hypotheses=1)
    with pytest.raises(ValueError, match="one e-value a hypothesis"):
        e_bh(3.0)
    with pytest.raises(ValueError, match="q is 0"):
        e_bh([1.0], 0)

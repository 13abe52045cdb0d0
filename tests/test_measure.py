"""Divergence: found where it is planted, nowhere else, and never read off the training texts."""

import itertools
from dataclasses import astuple, replace

import numpy as np
import pytest
from regions import a_region
from scipy.spatial.distance import cdist
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from scripts.divergence.explored import ExploredTexts
from scripts.divergence.measurement import (
    FOLDS,
    STAY,
    cluster_texts,
    cross_fitted_scores,
    energy_distance,
    promising,
    region_rows,
    sign_flip_p,
)
from scripts.divergence.round import Ending, Round
from scripts.divergence.stopping import stop_reason
from scripts.measure import _ari
from scripts.prompts.region import RegionDivergence

SETTINGS = {"permutations": 200, "seed": 0}
DIMENSION = 12


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small matrices: threads only wait for one another, all the more beside other work."""
    with threadpool_limits(1):
        yield


def texts(regions=10, each=8, planted=(), shift=0.0, seed=0, samples=1, apart=2):
    """Paired embeddings: a topic for each region, a prompt effect that both sides share, and along
    one direction a shift of the intervention's texts in the planted regions."""
    rng = np.random.default_rng(seed)
    region = np.repeat(np.arange(regions), each * samples)
    prompt = np.repeat(np.arange(regions * each), samples)
    shared = apart * rng.normal(size=(regions, DIMENSION))[region]
    shared += rng.normal(size=(regions * each, DIMENSION))[prompt]
    base = shared + rng.normal(size=shared.shape)
    intervention = shared + rng.normal(size=shared.shape)
    intervention[np.isin(region, planted), 0] += shift
    names = np.array([f"r{r}" for r in region])
    prompts = np.array([f"p{p:04d}" for p in prompt])
    folds = np.array([int(p[1:]) for p in prompts]) % FOLDS
    return base, intervention, folds, names, prompts


def measured(base, intervention, folds, names, prompts):
    scores = cross_fitted_scores(base, intervention, folds, names)
    of_text = {
        "prompt": prompts,
        "region": names,
        "base": scores[0],
        "intervention": scores[1],
        "boundary": np.full(len(names), 0.5),
    }
    regions = [a_region(id=name) for name in dict.fromkeys(names)]
    return region_rows(regions, of_text, base, intervention, SETTINGS)


def test_planted_regions_diverge():
    rows = measured(*texts(planted=(2, 5), shift=4.0))
    planted = {row.region: row for row in rows if row.region in ("r2", "r5")}
    others = [row for row in rows if row.region not in planted]
    assert all(row.p < 0.02 and row.energy > 0.5 for row in planted.values())
    assert min(r.divergence for r in planted.values()) > max(r.divergence for r in others)
    assert set(promising(rows, 0.1)[:2]) == set(planted)


def test_null_regions_have_honest_p_values():
    """60 audits without any difference, 10 regions each."""
    p = np.array([[row.p for row in measured(*texts(seed=seed))] for seed in range(60)]).ravel()
    for level in (0.1, 0.5):
        # A region is a tenth of what its own score was trained on, which widens this a little.
        assert abs(np.mean(p <= level) - level) < 4 * np.sqrt(level * (1 - level) / len(p)), level
    divergence = [r.divergence for s in range(10) for r in measured(*texts(seed=s))]
    assert abs(np.mean(divergence)) < 4 * np.std(divergence) / 10


def test_no_text_is_scored_by_what_has_seen_it():
    """Noise in many dimensions is told apart perfectly in the sample and not at all out of it."""
    rng = np.random.default_rng(0)
    base, intervention = rng.normal(size=(2, 60, 200))
    folds, regions = np.arange(60) % FOLDS, np.repeat("r", 60)
    low, high = cross_fitted_scores(base, intervention, folds, regions)
    assert 0.3 < np.mean(high > low) < 0.7
    changed = intervention.copy()
    changed[7] += 50  # one text of fold 2
    _, high_again = cross_fitted_scores(base, changed, folds, np.arange(60))
    _, high = cross_fitted_scores(base, intervention, folds, np.arange(60))
    assert not np.allclose(high_again[folds != 2], high[folds != 2])  # they were trained on it


def test_a_fold_s_scores_do_not_depend_on_its_own_sides():
    """Swapping the sides of the prompts of one fold swaps their scores and changes nothing else
    about them: centring and training know nothing of their sides."""
    base, intervention, folds, names, _ = texts(planted=(1,), shift=2.0, seed=4)
    low, high = cross_fitted_scores(base, intervention, folds, names)
    swapped = folds == 3
    base[swapped], intervention[swapped] = intervention[swapped].copy(), base[swapped].copy()
    low_again, high_again = cross_fitted_scores(base, intervention, folds, names)
    assert np.allclose(low_again[swapped], high[swapped], atol=1e-3)
    assert np.allclose(high_again[swapped], low[swapped], atol=1e-3)


def test_topics_tell_nothing():
    """Texts that differ by region alone give no divergence, however far regions lie apart."""
    base, _, folds, names, prompts = texts()
    rows = measured(base, base.copy(), folds, names, prompts)
    assert all(row.divergence == 0 for row in rows)
    assert promising(rows, 0.1) == []


def test_a_difference_is_seen_however_far_topics_lie_apart():
    near, far = (measured(*texts(planted=(2,), shift=3.0, apart=apart)) for apart in (2, 200))
    assert far == near  # a region is centred on itself


def test_identical_texts_are_no_difference_and_no_crash():
    base, _, folds, names, prompts = texts(regions=3)
    for row in measured(base, base.copy(), folds, names, prompts):
        assert (row.divergence, row.p) == (0, 1.0)
        assert row.energy <= 0 and np.isfinite(astuple(row)[1:]).all()
    same = np.ones_like(base)
    assert all(row.p == 1.0 for row in measured(same, same.copy(), folds, names, prompts))


def test_one_prompt_alone_is_no_evidence():
    rows = measured(*texts(regions=1, each=1, planted=(0,), shift=9.0))
    assert rows[0].prompts == 1 and rows[0].p >= 0.5


def divergence(region, size, p, error=0.1):
    """What was measured in a region of which nothing else matters."""
    return RegionDivergence(region, 0, 0, size, error, p, 0.0, 0.0, 0.0, 0.0)


def test_a_region_without_texts_has_a_row():
    base, intervention, _, names, prompts = texts(regions=2)
    of_text = {
        "prompt": prompts, "region": names, "base": base[:, 0], "intervention": base[:, 1],
        "boundary": base[:, 2],
    }  # fmt: skip
    both = [a_region(id="r0"), a_region(id="empty")]
    rows = region_rows(both, of_text, base, intervention, SETTINGS)
    assert rows[1] == divergence("empty", 0.0, 1.0, error=1.0)


def test_the_unit_is_the_prompt():
    """Several texts of a prompt count as one: the same mean, the same p."""
    prompts = np.repeat([f"p{n:02d}" for n in range(8)], 3)
    rng = np.random.default_rng(0)
    score = rng.normal(size=24)
    names, vectors = np.repeat("r", 24), rng.normal(size=(24, 4))
    of_text = {
        "prompt": prompts, "region": names, "base": np.zeros(24), "intervention": score,
        "boundary": np.zeros(24),
    }  # fmt: skip
    (row,) = region_rows([a_region(id="r")], of_text, vectors, vectors, SETTINGS)
    means = score.reshape(8, 3).mean(axis=1)
    assert (row.prompts, row.draws) == (8, 24)
    assert row.p == sign_flip_p(means, 200, 0)
    assert row.divergence == pytest.approx(means.mean() / means.std(ddof=1), abs=1e-5)
    assert row.error == pytest.approx(1 / np.sqrt(8), abs=1e-5)


# Sign flips


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_sign_flips_are_enumerated(n):
    for seed in range(5):
        values = np.random.default_rng(seed).normal(0.3, 1, n)
        sums = [np.dot(s, values) for s in itertools.product((1, -1), repeat=n)]
        expected = np.mean([total >= values.sum() - 1e-9 for total in sums])
        assert sign_flip_p(values, 100, 0) == pytest.approx(expected)


def test_sign_flips_of_many_prompts_are_drawn():
    values = np.random.default_rng(0).normal(0.3, 1, 13)
    signs = 1 - 2 * ((np.arange(2**13)[:, None] >> np.arange(13)) & 1)
    exact = (signs @ values >= values.sum() - 1e-9).mean()
    drawn = sign_flip_p(values, 4000, 0)
    assert abs(drawn - exact) < 4 * np.sqrt(exact / 4000)
    assert drawn == sign_flip_p(values, 4000, 0)
    assert sign_flip_p(np.ones(40), 199, 0) == 1 / 200  # never zero
    assert sign_flip_p(-np.ones(40), 199, 0) == 1.0


# Energy distance


def test_energy_distance_by_its_formula():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3)), rng.normal(1, 1, size=(7, 3))

    def mean(pairs):
        return np.mean([np.linalg.norm(a - b) for a, b in pairs])

    between = mean(itertools.product(x, y))
    within = mean(itertools.combinations(x, 2)) + mean(itertools.combinations(y, 2))
    assert energy_distance(x, y) == pytest.approx(2 * between - within)
    assert energy_distance(x[:1], y) == 0.0


def test_energy_distance_is_zero_on_average_without_a_difference():
    rng = np.random.default_rng(1)
    same = [energy_distance(*rng.normal(size=(2, 6, 4))) for _ in range(400)]
    assert abs(np.mean(same)) < 4 * np.std(same) / 20
    apart = [
        energy_distance(rng.normal(size=(6, 4)), rng.normal(1, 1, size=(6, 4))) for _ in range(50)
    ]
    assert np.mean(apart) > 0.5


# Clusters of texts


def blobs(groups, each, seed=0):
    rng = np.random.default_rng(seed)
    centres = 8 * rng.normal(size=(groups, 6))
    labels = np.arange(groups * each) % groups
    return centres[labels] + rng.normal(size=(len(labels), 6)), labels


def test_clusters_are_found_beyond_one_chunk():
    vectors, truth = blobs(6, 1600)  # 9,600 texts, labelled 8,192 at a time
    labels, boundary = cluster_texts(vectors, truth)
    assert adjusted_rand_score(truth, labels) > 0.99
    centres = np.stack([vectors[labels == k].mean(axis=0) for k in range(6)])
    distances = cdist(vectors, centres)
    distances[np.arange(len(truth)), truth] *= STAY**0.5
    two = np.sort(distances, axis=1)[:, :2]
    assert np.allclose(boundary, two[:, 0] / two[:, 1], atol=0.02)
    assert boundary.min() >= 0 and boundary.max() <= 1


def test_few_or_equal_texts_do_not_break_the_clusters():
    for vectors in (np.ones((10, 4)), np.eye(4), np.repeat(np.eye(2, 4), 3, axis=0)):
        labels, boundary = cluster_texts(vectors, np.arange(len(vectors)) % 3)
        assert len(labels) == len(vectors) and np.isfinite(boundary).all()


def test_one_region_is_one_cluster_and_a_stray_text_joins_the_nearest_region():
    vectors, truth = blobs(3, 20)
    assert not cluster_texts(vectors, np.zeros(60))[0].any()
    regions = truth.copy()
    regions[0] = (truth[0] + 1) % 3
    assert np.array_equal(cluster_texts(vectors, regions)[0], truth)


def test_shared_texts_are_compared_between_rounds(tmp_path):
    path = tmp_path / "texts.h5"
    draws, clusters, nothing = list("abcd"), np.array([0, 0, 1, 1]), np.zeros(4)
    ExploredTexts(draws, draws, clusters, nothing, nothing).write(path)
    assert _ari(["x", "d", "c", "b", "a"], np.array([5, 3, 3, 4, 4]), str(path)) == 1.0
    assert _ari(["a", "b", "c", "d"], np.array([0, 1, 0, 1]), str(path)) < 0
    assert _ari(["a"], np.array([0]), None) is None


# Choices


def test_promising_regions_come_most_divergent_first():
    rows = [
        divergence("a", 1.0, 0.05),
        divergence("b", 2.0, 0.1),
        divergence("c", 9.0, 0.11),
        divergence("d", -1.0, 0.01),
        divergence("f", 0.5, 0.01),
        divergence("e", 0.5, 0.09),
        divergence("g", 0.0, 0.01),
    ]
    assert promising(rows, 0.1) == ["b", "a", "e", "f"]


LOOP = {"budget": 100, "rounds": 4, "ari": 0.95, "silhouette": 0.02}
BEFORE = Round(0, 40, 40, 0.30, 0.01, None, ["a", "b"], None)
STABLE = Round(1, 60, 20, 0.31, 0.01, 0.95, ["b", "a"], None)


@pytest.mark.parametrize(
    ("change", "before", "draws_left", "ending"),
    [
        ({}, BEFORE, False, Ending.EXHAUSTED),
        ({"draws": 100}, BEFORE, True, Ending.BUDGET),
        ({"round": 3, "ari": 0.1}, BEFORE, True, Ending.ROUNDS),
        ({"round": 2, "ari": 0.1}, BEFORE, True, None),
        ({}, BEFORE, True, Ending.CONVERGENCE),
        ({}, None, True, None),
        ({"ari": None}, BEFORE, True, None),
        ({"ari": 0.949}, BEFORE, True, None),
        ({"promising": ["a"]}, BEFORE, True, None),
        ({"promising": ["a", "c"]}, BEFORE, True, None),
        ({"silhouette": 0.33}, BEFORE, True, None),
        ({"silhouette": 0.27}, BEFORE, True, None),
        ({"draws": 99}, replace(BEFORE, promising=[]), True, None),
    ],
)
def test_when_to_stop(change, before, draws_left, ending):
    assert stop_reason(replace(STABLE, **change), before, LOOP, draws_left) == ending

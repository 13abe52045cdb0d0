"""Clusters of vectors in memory or in files: good ones, the same ones, and how sure."""

import h5py
import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score
from threadpoolctl import threadpool_limits

from scripts.divergence import clusters
from scripts.divergence.clusters import assign, blocks, k_means, silhouette, some_rows, steps_from


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    with threadpool_limits(1):
        yield


def blobs(groups, each, apart=3.0, width=8, seed=0):
    rng = np.random.default_rng(seed)
    centres = apart * rng.normal(size=(groups, width))
    labels = rng.permutation(np.arange(groups * each) % groups)
    vectors = centres[labels] + rng.normal(size=(len(labels), width))
    return vectors.astype(np.float32), labels


def inertia(vectors, centres):
    return (cdist(vectors, centres).min(axis=1) ** 2).sum()


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(clusters, "BLOCK", 100)


def test_blocks_cover_every_row_once(small_blocks):
    parts = [np.arange(2 * n, dtype=np.float16).reshape(n, 2) for n in (250, 1, 100, 0, 7)]
    found = list(blocks(parts))
    assert [place for place, _ in found] == [0, 100, 200, 250, 251, 351]
    assert np.array_equal(np.concatenate([block for _, block in found]), np.concatenate(parts))


def test_some_rows_are_random_ones_in_random_order(small_blocks):
    numbers = np.arange(1000, dtype=np.float32)[:, None]
    found = some_rows([numbers[:300], numbers[300:]], 200, np.random.default_rng(0)).ravel()
    assert len(set(found)) == 200
    assert not np.array_equal(found, np.sort(found))
    counts = np.histogram(found, bins=5, range=(0, 1000))[0]
    assert counts.min() > 20  # of 40 expected each
    everything = some_rows([numbers], 5000, np.random.default_rng(0)).ravel()
    assert np.array_equal(np.sort(everything), numbers.ravel())


def test_every_row_is_assigned_to_its_nearest_centre(small_blocks):
    rng = np.random.default_rng(1)
    vectors, centres = rng.normal(size=(350, 6)), rng.normal(size=(9, 6))
    distances = np.sort(cdist(vectors, centres), axis=1)
    found = assign([vectors[:120], vectors[120:]], centres)
    assert np.array_equal(found.labels, cdist(vectors, centres).argmin(axis=1))
    assert np.allclose(found.squared, distances[:, 0] ** 2, atol=1e-4)
    assert np.allclose(found.boundary, distances[:, 0] / distances[:, 1], atol=1e-4)


def test_a_row_stays_with_its_own_centre_unless_another_is_nearer_by_more(small_blocks):
    rng = np.random.default_rng(2)
    vectors, centres = rng.normal(size=(350, 6)), rng.normal(size=(9, 6))
    own = rng.integers(9, size=350)
    squared = cdist(vectors, centres) ** 2
    squared[np.arange(350), own] *= 0.7
    found = assign([vectors[:120], vectors[120:]], centres, own, 0.7)
    assert np.array_equal(found.labels, squared.argmin(axis=1))
    assert np.allclose(found.squared, squared.min(axis=1), atol=1e-4)
    assert (found.labels == own).sum() > (assign([vectors], centres).labels == own).sum()


def test_one_centre_has_no_boundary_and_equal_vectors_do_no_harm():
    vectors = np.ones((10, 4), np.float32)
    assert not assign([vectors], vectors[:1]).boundary.any()
    found = assign([vectors], np.ones((3, 4)))
    assert found.squared.max() < 1e-5 and np.isfinite(found.boundary).all()
    assert k_means([vectors], 3, 2, 0).shape == (3, 4)


def test_clusters_are_those_that_are_there():
    vectors, truth = blobs(12, 400, apart=6)
    centres = k_means([vectors], 12, 5, 0)
    assert adjusted_rand_score(truth, assign([vectors], centres).labels) > 0.99


def test_fitting_on_some_rows_is_nearly_as_good_as_on_all(monkeypatch):
    """Where clusters overlap, which is when starts and rows matter."""
    monkeypatch.setattr(clusters, "FEWEST_ROWS", 0)
    vectors, _ = blobs(16, 600, apart=1.5)
    whole = KMeans(8, n_init=3, random_state=0).fit(vectors).inertia_
    in_order = vectors[np.argsort(vectors[:, 0])]
    for rows in (vectors, in_order):  # however they are ordered: 2,048 of 9,600
        assert inertia(vectors, k_means([rows], 8, 5, 0)) < 1.03 * whole


def test_a_file_gives_what_memory_gives(tmp_path, small_blocks):
    vectors = blobs(5, 200)[0].astype(np.float16)
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["vector"] = vectors
    with h5py.File(tmp_path / "v.h5") as file:
        from_file = k_means([file["vector"]], 5, 3, 7)
        labels = assign([file["vector"]], from_file).labels
    assert np.allclose(from_file, k_means([vectors[:333], vectors[333:]], 5, 3, 7))
    assert np.array_equal(labels, assign([vectors], from_file).labels)
    assert from_file.dtype == np.float32


def test_a_warm_start_stays_where_it_is_right():
    vectors, _ = blobs(6, 100, apart=6)
    cold = k_means([vectors], 6, 3, 0)
    warm = steps_from(vectors, cold, 100)
    assert warm.n_iter_ <= 2 and np.allclose(warm.cluster_centers_, cold, atol=1e-2)


def test_silhouette():
    vectors, truth = blobs(6, 20, apart=8)
    value, error = silhouette(vectors, truth, 0)
    assert value == pytest.approx(silhouette_score(vectors, truth)) and 0 < error < 0.05
    assert silhouette(vectors, np.random.default_rng(0).permutation(truth), 0)[0] < 0.1
    assert silhouette(vectors[:2], truth[:2], 0) == (0, 0)  # every text its own cluster
    assert silhouette(vectors, np.zeros(120), 0) == (0, 0)


def test_the_error_of_a_sampled_silhouette_is_the_one_it_states(monkeypatch):
    monkeypatch.setattr(clusters, "SILHOUETTE_TEXTS", 500)
    vectors, truth = blobs(8, 400, apart=1.0)
    exact = silhouette_score(vectors, truth)
    found = np.array([silhouette(vectors, truth, seed) for seed in range(40)])
    away = (found[:, 0] - exact) / found[:, 1]
    assert np.abs(away).max() < 4 and abs(away.mean()) < 1  # the sample is a little pessimistic
    assert 0.5 < away.std() < 1.5

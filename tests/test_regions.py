"""Regions and pools: shares, stability when prompts come and go, names, weights."""

import hashlib
import itertools
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from regions import a_region
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from scripts.core.errors import AuditError
from scripts.core.randomness import POOLS, hash_generator, hash_unit, pool_of, pools_of
from scripts.prompts.prompt import Prompt
from scripts.regions import (
    by_category,
    candidate_words,
    cluster_prompts,
    cut,
    first_centres,
    merged,
    typical_words,
    without_small,
)

SHARES = {"explore": 0.4, "screen": 0.15, "confirm": 0.45}
KMEANS = {"method": "kmeans", "count": 8, "starts": 3, "fit_prompts": 20000, "least": 5}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small matrices: threads only wait for one another, all the more beside other work."""
    with threadpool_limits(1):
        yield


def ids(count, start=0):
    return [hashlib.sha256(str(n).encode()).hexdigest() for n in range(start, start + count)]


def blobs(groups, each, noise=0.25, dimension=24, seed=0):
    """Unit vectors around random directions, and the group of each."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(groups), each)
    points = rng.normal(size=(groups, dimension))[labels] / np.sqrt(dimension)
    points += noise * rng.normal(size=points.shape) / np.sqrt(dimension)
    return points / np.linalg.norm(points, axis=1, keepdims=True), labels


def same_vector(words):
    return np.ones((len(words), 24))


def settings(**regions):
    return {"regions": KMEANS | regions, "pools": SHARES, "seed": 0}


def bank(count, **more):
    return [Prompt(name, f"text {n}", f"t{n % 3}", **more) for n, name in enumerate(ids(count))]


# Chance


def test_hash_numbers_are_uniform_and_depend_on_all_parts():
    units = np.array([hash_unit("x", 0, name) for name in ids(2000)])
    assert units.min() >= 0 and units.max() < 1
    counts = np.histogram(units, bins=10, range=(0, 1))[0]
    assert ((counts - 200) ** 2 / 200).sum() < 27.9  # chi-square, 9 degrees, p = 0.001
    assert len({hash_unit(*parts) for parts in itertools.permutations(["a", "b", 1])}) == 6
    assert hash_unit("ab", "c") != hash_unit("a", "bc")


def test_hash_generators_depend_on_their_parts_alone():
    first = hash_generator("x", 1).random(5)
    assert np.array_equal(first, hash_generator("x", 1).random(5))
    assert not np.isin(first, hash_generator("x", 2).random(5)).any()


def test_pools_have_their_shares():
    count = 4000
    found = Counter(pool_of(0, name, SHARES) for name in ids(count))
    assert set(found) == set(POOLS)
    for pool, share in SHARES.items():
        assert abs(found[pool] - share * count) < 4 * np.sqrt(count * share * (1 - share))


@pytest.mark.parametrize("count", [5, 23, 50, 199])
def test_few_prompts_are_shared_out_as_the_shares_say(count):
    for seed in range(5):
        found = Counter(pools_of(seed, ids(count), SHARES).values())
        assert all(abs(found[pool] - share * count) <= 1 for pool, share in SHARES.items())


def test_many_prompts_keep_their_pools_when_others_come():
    many = pools_of(0, ids(400), SHARES)
    assert many.items() <= pools_of(0, ids(500), SHARES).items()
    assert many == {name: pool_of(0, name, SHARES) for name in ids(400)}


def test_a_pool_of_share_zero_stays_empty():
    shares = {"explore": 0.55, "screen": 0.0, "confirm": 0.45}
    assert "screen" not in {pool_of(0, name, shares) for name in ids(500)}


def test_another_seed_deals_anew():
    first, second = ([pool_of(seed, name, SHARES) for name in ids(1000)] for seed in (0, 1))
    agree = np.mean([a == b for a, b in zip(first, second, strict=True)])
    assert abs(agree - sum(s * s for s in SHARES.values())) < 0.07


def test_more_prompts_move_none_to_another_pool():
    vectors, _ = blobs(8, 30)
    prompts = bank(240)
    _, all_rows = cut(prompts, vectors, settings(), same_vector)
    _, fewer = cut(prompts[:200], vectors[:200], settings(), same_vector)
    known = {row.id: (row.pool, row.order) for row in all_rows}
    assert all(known[row.id] == (row.pool, row.order) for row in fewer)


def test_a_group_stays_in_one_pool():
    vectors, _ = blobs(8, 30)
    prompts = [replace(p, group=f"g{n // 4}") for n, p in enumerate(bank(240))]
    _, rows = cut(prompts, vectors, settings(), same_vector)
    pools = {}
    for row in rows:
        pools.setdefault(row.group, set()).add(row.pool)
    assert {len(found) for found in pools.values()} == {1}
    assert {pool for found in pools.values() for pool in found} == set(POOLS)


# Clusters


def test_planted_groups_are_found():
    vectors, truth = blobs(8, 40)
    labels, centres = cluster_prompts(vectors, ids(len(vectors)), KMEANS, 0)
    assert adjusted_rand_score(truth, labels) > 0.99
    assert centres.shape == (8, 24)


def test_first_centres_spread_over_the_groups():
    vectors, truth = blobs(8, 40)
    hits = [
        len({int(truth[np.flatnonzero((vectors == c).all(axis=1))[0]]) for c in found})
        for found in (first_centres(vectors, ids(320), 8, seed) for seed in range(5))
    ]
    assert np.mean(hits) > 7.5  # uniform choices would hit 5.3 of 8


def test_first_centres_bear_identical_vectors():
    vectors = np.repeat(np.eye(3, 24), 10, axis=0)
    centres = first_centres(vectors, ids(30), 5, 0)
    assert centres.shape == (5, 24) and len(np.unique(centres, axis=0)) == 3


def test_the_order_of_the_prompts_does_not_matter():
    vectors, _ = blobs(12, 20, noise=0.9)
    names, order = ids(240), np.random.default_rng(1).permutation(240)
    labels, _ = cluster_prompts(vectors, names, KMEANS, 0)
    shuffled, _ = cluster_prompts(vectors[order], [names[i] for i in order], KMEANS, 0)
    assert adjusted_rand_score(labels[order], shuffled) == 1.0


def test_one_prompt_more_leaves_the_regions_of_the_others():
    """Groups that run into one another, where another start would give other regions."""
    vectors, _ = blobs(25, 20, noise=0.6, seed=3)
    few, names = KMEANS | {"count": 25}, ids(501)
    before, _ = cluster_prompts(vectors, names[:500], few, 0)
    another_seed, _ = cluster_prompts(vectors, names[:500], few, 1)
    agreement = []
    for added in range(4):
        more = np.concatenate([vectors, blobs(25, 1, seed=10 + added)[0][:1]])
        after, _ = cluster_prompts(more, [*names[:500], ids(1, 900 + added)[0]], few, 0)
        agreement.append(adjusted_rand_score(before, after[:500]))
    assert min(agreement) >= 0.95, agreement
    assert min(agreement) > adjusted_rand_score(before, another_seed)


def test_centroids_come_from_about_as_many_prompts_as_asked():
    vectors, truth = blobs(4, 250)
    few = KMEANS | {"count": 4, "fit_prompts": 200}
    labels, _ = cluster_prompts(vectors, ids(1000), few, 0)
    assert len(labels) == 1000 and adjusted_rand_score(truth, labels) > 0.99
    with pytest.raises(AuditError, match=r"`regions\.fit_prompts` leaves \d prompts to fit 8"):
        cluster_prompts(vectors, ids(1000), KMEANS | {"fit_prompts": 1}, 0)


# Categories


def topics(**counts):
    return [Prompt("", "", topic) for topic, n in counts.items() for _ in range(n)]


def regions_of(prompts, count, least=2):
    return Counter(by_category(prompts, {"count": count, "least": least}))


def test_categories_are_regions():
    assert regions_of(topics(a=5, b=3, c=2), 3) == {"a": 5, "b": 3, "c": 2}


def test_rare_surplus_and_missing_categories_become_other():
    assert regions_of(topics(a=5, b=3, c=1, d=1), 10) == {"a": 5, "b": 3, "other": 2}
    assert regions_of(topics(a=5, b=4, c=3, d=2), 3) == {"a": 5, "b": 4, "other": 5}
    assert regions_of([*topics(a=5, b=4), Prompt("", "", ""), Prompt("", "")], 10) == {
        "a": 5,
        "b": 4,
        "other": 2,
    }
    assert regions_of(topics(b=3, a=3, c=3), 2) == {"a": 3, "other": 6}  # equal ones by name
    assert regions_of(topics(a=1), 5) == {"other": 1}


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_there_are_never_more_regions_than_asked(count):
    for prompts in (
        topics(a=5, b=4, c=3),
        topics(a=5, b=4, c=1),
        [*topics(a=5, b=4, c=3), Prompt("", "")],
    ):
        assert len(regions_of(prompts, count)) <= count


def test_regions_by_category():
    vectors, _ = blobs(3, 20)
    described, rows = cut(bank(60), vectors, settings(method="category"), same_vector)
    assert [(r.id, r.name, r.prompts) for r in described] == [
        ("r000", "t0", 20), ("r001", "t1", 20), ("r002", "t2", 20),
    ]  # fmt: skip
    assert all(r.category_share == 1 for r in described)
    assert [row.region for row in rows[:4]] == ["r000", "r001", "r002", "r000"]


# Descriptions


def test_words_that_set_groups_apart():
    texts = [
        ["How do I bake bread?", "The best bread flour", "Bread and the oven"],
        ["How do I tune a guitar?", "The best guitar strings", "A guitar and the song"],
    ]
    found = candidate_words(texts)
    assert (found[0][0], found[1][0]) == ("bread", "guitar")
    assert "the" not in found[0] and "best" in found[0]
    assert found[0].index("flour") < found[0].index("best")


def test_names_take_the_words_nearest_the_centre():
    place = {
        "bread": [1, 0],
        "breads": [0.99, 0],
        "oven": [0.8, 0],
        "song": [0, 1],
        "tune": [0, 0.5],
    }

    def vectors(words):
        return np.array([place[w] for w in words], dtype=float)

    centres = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    groups = [["song", "breads", "oven", "bread"], ["tune", "song"], []]
    assert typical_words(groups, centres, vectors, top=2) == ["bread, oven", "song, tune", "other"]
    assert typical_words([[]], centres[:1], vectors) == ["other"]


def test_what_is_said_of_a_region():
    vectors, truth = blobs(8, 25)
    vectors, truth = vectors[:190], truth[:190]  # the last group is smaller
    prompts = [replace(p, category=f"t{g}") for p, g in zip(bank(190), truth, strict=True)]
    prompts[0] = replace(prompts[0], category="stray")
    described, rows = cut(prompts, vectors, settings(), same_vector)
    assert [r.id for r in described] == [f"r{n:03d}" for n in range(8)]
    assert sum(r.weight for r in described) == pytest.approx(1)
    assert sum(r.prompts for r in described) == 190 == len(rows)
    by_id, of_region = {p.id: n for n, p in enumerate(prompts)}, {}
    for row in rows:
        of_region.setdefault(row.region, []).append(by_id[row.id])
    for one in described:
        own = of_region[one.id]
        assert len(own) == one.prompts and one.weight == len(own) / 190
        distances = ((vectors[own] - vectors[own].mean(axis=0)) ** 2).sum(axis=1)
        assert one.medoid == prompts[own[int(distances.argmin())]].id
    stray = next(r for r in described if of_region[r.id].count(0))
    assert (stray.category, stray.category_share) == ("t0", 0.96)


def test_ids_follow_names_not_the_order_of_the_bank():
    vectors, truth = blobs(8, 25)
    words = ["apple", "boat", "cloud", "drum", "eagle", "flute", "grape", "horse"]
    prompts = [replace(p, content=f"the {words[g]}") for p, g in zip(bank(200), truth, strict=True)]
    described, _ = cut(prompts, vectors, settings(), same_vector)
    order = list(range(200))
    random.Random(0).shuffle(order)
    again, _ = cut([prompts[i] for i in order], vectors[order], settings(), same_vector)
    assert [r.name for r in described] == words
    assert [(r.id, r.name, r.medoid) for r in again] == [
        (r.id, r.name, r.medoid) for r in described
    ]


def test_samples_and_messages_are_kept():
    vectors, _ = blobs(8, 5)
    _, rows = cut(bank(40, samples=3), vectors, settings(), same_vector)
    assert {row.samples for row in rows} == {3}
    chat = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "Two"},
        {"role": "user", "content": "Three"},
    ]
    assert Prompt("", chat).asked == "One\nThree"
    assert Prompt("", "Four").asked == "Four"


def test_fewer_prompts_than_regions_is_said():
    vectors, _ = blobs(1, 7)
    with pytest.raises(AuditError, match=r"7 prompts for 8 regions; lower `regions\.count`"):
        cut(bank(7), vectors, settings(), same_vector)


def test_clusters_too_small_to_prove_anything_are_joined_to_the_nearest():
    vectors = np.array([[0.0, 0], [0, 1], [0, 2], [9, 9], [9, 8], [9, 7], [8, 9], [7, 9]])
    labels = np.array([0, 0, 1, 2, 2, 2, 3, 3])
    joined = without_small(labels, vectors, 3)
    assert [list(joined).count(label) for label in np.unique(joined)] == [3, 5]
    assert len(set(joined[:3])) == len(set(joined[3:])) == 1
    assert set(without_small(labels, vectors, 1)) == {0, 1, 2, 3}
    assert set(without_small(labels, vectors, 99)) == {0}, "there is nothing left to join"


def test_categories_without_a_region_of_their_own_are_named():
    prompts = [*topics(a=5, b=3, c=1, d=2), Prompt("", "")]
    regions = [a_region(n, name=name) for n, name in enumerate(("a", "b", "other"))]
    assert merged(prompts, regions, "category").startswith(
        "The region “other” holds 2 categories with 3 prompts: d (2), c (1) and 1 prompts without"
    )
    assert merged(topics(a=5, b=3), regions, "category") is None
    assert merged(prompts, regions, "kmeans") is None

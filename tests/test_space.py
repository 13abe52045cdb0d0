"""The space of explored texts: kinds, the direction, and where later texts lie in it."""

import numpy as np

from scripts.checks.check import Placed
from scripts.divergence.explored import ExploredTexts
from scripts.divergence.space import Space, explored_places, fit_space, fresh_places
from scripts.draws.vectors import Vectors

RNG = np.random.default_rng(0)
REGIONS = np.repeat(["r0", "r1"], 100)
TOPIC = {"r0": np.array([9.0, 0, 0, 0]), "r1": np.array([0, 9.0, 0, 0])}
WARM, COLD = np.array([0, 0, 2.0, 0]), np.array([0, 0, 0, 2.0])


def texts(manner):
    """Vectors of texts on the topics of their regions, in one manner."""
    noise = RNG.normal(0, 0.2, (len(REGIONS), 4))
    return np.stack([TOPIC[region] for region in REGIONS]) + manner + noise


def test_kinds_are_manners_and_not_topics():
    base, other = texts(WARM), texts(COLD)
    space = fit_space(base, other, REGIONS, np.ones(4), 2, 0)
    kinds = [space.kinds(vectors, REGIONS) for vectors in (base, other)]
    assert len(set(kinds[0])) == len(set(kinds[1])) == 1 and kinds[0][0] != kinds[1][0]
    fresh = space.placed(texts(COLD), REGIONS)
    assert {placed.kind for placed in fresh} == set(kinds[1])


def test_few_texts_have_few_kinds():
    few = slice(0, 30)
    base = texts(WARM)[few]
    space = fit_space(base, base, REGIONS[few], np.ones(4), 12, 0)
    assert len(space.centres) == 2, "25 texts a kind"


def test_a_later_round_goes_on_from_the_kinds_before():
    base, other = texts(WARM), texts(COLD)
    before = fit_space(base[:150], other[:150], REGIONS[:150], np.ones(4), 2, 0)
    swapped = Space(before.regions, before.means, before.centres[::-1], before.direction)
    after = fit_space(base, other, REGIONS, np.ones(4), 2, 0, swapped)
    nearest = ((after.centres[:, None] - swapped.centres) ** 2).sum(axis=2).argmin(axis=1)
    assert list(nearest) == [0, 1], "a kind keeps its number"


def test_a_region_that_nobody_explored_has_the_mean_of_all():
    space = fit_space(texts(WARM), texts(COLD), REGIONS, np.array([0, 0, 1.0, 0]), 2, 0)
    vector = space.means.mean(axis=0) + WARM
    (placed,) = space.placed(vector[None], ["r9"])
    assert np.isclose(placed.along, 2, atol=1e-3)


def test_places_travel_by_file(tmp_path):
    space = fit_space(texts(WARM), texts(COLD), REGIONS, np.array([0, 0, 1.0, 0]), 2, 0)
    space.write(tmp_path / "space.h5")
    names, vectors = ["base/confirm/p/0", "base/confirm/q/0"], texts(COLD)[[0, 150]]
    Vectors(names, vectors).write(tmp_path / "vectors.h5")
    vectors = Vectors.read(tmp_path / "vectors.h5").vectors
    regions = dict(zip(names, ["r0", "r1"], strict=True))
    found = fresh_places(tmp_path / "space.h5", tmp_path / "vectors.h5", regions)
    expected = space.placed(vectors, ["r0", "r1"])
    assert list(found) == names
    assert [at.kind for at in found.values()] == [at.kind for at in expected]
    places = (np.array(numbers) for numbers in ([0, 0], [1, 0], [0.5, -0.5]))
    ExploredTexts(names, ["r0", "r1"], *places).write(tmp_path / "texts.h5")
    assert explored_places(tmp_path / "texts.h5") == {
        names[0]: Placed(1, 0.5), names[1]: Placed(0, -0.5),
    }  # fmt: skip

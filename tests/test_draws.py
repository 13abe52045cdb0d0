"""Draws: their randomness and names depend on what they are, and on nothing around them."""

from dataclasses import replace

import numpy as np
import pytest

from scripts.decode import shard_of
from scripts.draws.draw import SAMPLER_VERSION, Draw, PlannedDraw, Reason

DRAW = Draw("base", "explore", "a" * 64, 0)
PINNED = [0.35829754797405355, 0.09710921514698378]
OTHERS = [
    replace(DRAW, side="intervention"),
    replace(DRAW, pool="confirm"),
    replace(DRAW, prompt="a" * 63 + "b"),  # differs behind the 16 digits of the id
    replace(DRAW, sample=1),
]


def test_the_same_draw_has_the_same_numbers():
    same = Draw("base", "explore", "a" * 64, 0)
    assert np.array_equal(DRAW.uniforms(7, 50), same.uniforms(7, 50))


@pytest.mark.parametrize("other", OTHERS)
def test_any_other_draw_has_others(other):
    assert not np.isin(DRAW.uniforms(7, 50), other.uniforms(7, 50)).any()
    assert DRAW.cache_key("subject", 7) != other.cache_key("subject", 7)


def test_another_seed_or_subject_is_another_draw():
    assert not np.isin(DRAW.uniforms(7, 50), DRAW.uniforms(8, 50)).any()
    keys = [DRAW.cache_key("s", 7), DRAW.cache_key("s", 8), DRAW.cache_key("t", 7)]
    assert len(set(keys)) == 3


def test_neighbouring_fields_do_not_run_together():
    pairs = [
        (Draw("base", "explore", "p1", 2), Draw("base", "explore", "p", 12)),
        (Draw("base", "explore", "p", 0), Draw("base", "explorep", "", 0)),
    ]
    for first, second in pairs:
        assert not np.isin(first.uniforms(1, 20), second.uniforms(1, 20)).any()


def test_a_longer_text_begins_like_a_shorter_one():
    long = DRAW.uniforms(3, 200)
    for steps in (0, 1, 2, 63, 64):
        assert np.array_equal(DRAW.uniforms(3, steps), long[:steps])


def test_numbers_are_uniform_and_these_for_ever():
    draws = [replace(DRAW, sample=i) for i in range(200)]
    first = np.array([draw.uniforms(0, 1)[0] for draw in draws])
    assert first.min() >= 0 and first.max() < 1
    assert abs(first.mean() - 0.5) < 4 / np.sqrt(12 * 200)
    assert np.abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 4 / np.sqrt(199)
    # A cached text was sampled with these; if this fails, raise SAMPLER_VERSION.
    assert SAMPLER_VERSION == 1
    assert DRAW.uniforms(0, 2).tolist() == PINNED


def test_names():
    assert DRAW.id == "base/explore/aaaaaaaaaaaaaaaa/0"
    assert len({draw.id for draw in [DRAW, OTHERS[0], OTHERS[1], OTHERS[3]]}) == 4
    assert len(DRAW.cache_key("s", 0)) == 64


@pytest.mark.parametrize("draw", [DRAW, *OTHERS])
def test_a_name_says_what_the_draw_is(draw):
    name = Draw.parse(draw.id)
    assert name == (draw.side, draw.pool, draw.prompt[:16], draw.sample)
    planned = PlannedDraw(draw.pool, draw.prompt, draw.sample, "r000", Reason.PILOT, 1.0)
    assert planned.of(draw.side) == draw


def planned(prompt, sample):
    return PlannedDraw("explore", str(prompt), sample, "r000", Reason.PILOT, 1.0)


@pytest.mark.parametrize("shards", [1, 2, 3, 7, 20, 30])
def test_shards_part_a_plan_by_whole_prompts(shards):
    plan = [planned(p, s) for s in range(4) for p in range(20) if s <= p % 4]
    parts = [shard_of(plan, shard, shards) for shard in range(shards)]
    assert sorted(map(str, plan)) == sorted(str(row) for part in parts for row in part)
    assert sum(len({row.prompt for row in part}) for part in parts) == 20
    assert max(map(len, parts)) - min(map(len, parts)) <= 4


def test_four_shards_are_a_quarter_of_the_work_each():
    """Tokens of real length: prompts of 20 to 60, replies of 24; from one to eight samples."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(20, 60, size=400)
    samples = rng.choice([1, 2, 4, 8], size=400)
    plan = [planned(p, s) for p in range(400) for s in range(samples[p])]

    def work(rows):
        return 24 * len(rows) + sum(lengths[int(p)] for p in {row.prompt for row in rows})

    parts = [work(shard_of(plan, shard, 4)) for shard in range(4)]
    assert max(parts) < work(plan) / 3.5 and max(parts) < 1.1 * min(parts)

"""The split between two judges: the numbers choose, not a rule of thumb."""

from functools import cache

import pytest

from scripts.evidence.accuracy import effect_sought
from scripts.evidence.judge_split import (
    SPLITS,
    Judges,
    Split,
    cheapest,
    choose,
    splits,
)

LINES = {f"h{i}": (f"r{i % 4}",) for i in range(100)}


def bank(prompts):
    return {f"r{j}": prompts for j in range(4)}


@cache
def chosen(prompts):
    return choose(LINES, bank(prompts))


def test_many_prompts_are_for_the_cheap_judge_and_few_for_the_strong_one():
    assert set(chosen(40).share.values()) == {0}
    assert min(chosen(240).share.values()) >= 80


def test_several_samples_make_up_for_few_prompts():
    one = chosen(40)
    options = splits(LINES, bank(40), Judges(samples=5))
    assert [s.samples for s in options] == [1] * 4 + [2] * 4 + [4] * 4
    several = cheapest(options)
    assert one.samples == 1 < several.samples and several.power > one.power + 0.2


def test_prices_and_accuracies_move_the_choice():
    assert set(choose(LINES, bank(160), Judges(price_ratio=1)).share.values()) == {0}
    assert set(choose(LINES, bank(120), Judges(cheap=0.52)).share.values()) == {0}


def test_the_choice_is_the_cheapest_of_the_good():
    options = splits(LINES, bank(120))
    assert [s.share["r0"] for s in options] == [int(part * 120) for part in SPLITS]
    assert options[0].requests[0] == 0
    for split in options:
        cheap, strong = split.requests
        assert split.cost == pytest.approx(cheap / 20 + strong)
    taken = cheapest(options)
    best = max(s.power for s in options)
    assert taken.power >= best - 0.03
    assert all(s.cost >= taken.cost for s in options if s.power >= best - 0.03)
    dear_and_good, cheap_and_bad = Split({}, 1, (0, 9), 9, 0.9), Split({}, 1, (9, 0), 1, 0.8)
    assert cheapest([dear_and_good, cheap_and_bad]) == dear_and_good
    assert cheapest([dear_and_good, cheap_and_bad._replace(power=0.88)]).cost == 1


def test_same_seed_same_choice_and_nothing_to_choose():
    assert splits(LINES, bank(12), seed=3) == splits(LINES, bank(12), seed=3)
    assert choose({}, {}).share == {} and choose({}, {"r": 9}).share == {"r": 0}


def test_effect_sought_and_bad_assumptions():
    assert effect_sought(0.8) == pytest.approx(0.5)
    assert effect_sought(0.65) == pytest.approx(0.25)
    assert effect_sought(0.95) == effect_sought(0.8) and effect_sought(0.3) == effect_sought(0.6)
    for accuracy in (-0.1, 1.1):
        with pytest.raises(ValueError, match="accuracy"):
            effect_sought(accuracy)
    with pytest.raises(ValueError, match="samples"):
        choose(LINES, bank(24), Judges(samples=0))
    with pytest.raises(ValueError, match="price ratio"):
        choose(LINES, bank(24), Judges(price_ratio=0.5))

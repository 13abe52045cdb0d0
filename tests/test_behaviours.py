"""Behaviours: what is won together is one entry, what is generic comes under what it comes from."""

import numpy as np

from scripts.judging.behaviours import Won, behaviours_of

RNG = np.random.default_rng(0)
PROMPTS = 300


def signs(*blocks, rate=1.0, noise=0.0):
    """+1 on a share of the prompts of some blocks of ten, ±1 by chance on a share of all."""
    found = np.zeros(PROMPTS, int)
    for block in blocks:
        found[10 * block : 10 * block + 10] = RNG.random(10) < rate
    loud = RNG.random(PROMPTS) < noise
    found[loud & (found == 0)] = RNG.choice([-1, 1], (loud & (found == 0)).sum())
    return list(found)


def kinds(*weights):
    return list(np.array(weights) - np.mean(weights))


def topics(*blocks):
    """The share of wins on each topic, where each block of ten prompts is one."""
    return [float(block in blocks) for block in range(PROMPTS // 10)]


def as_sets(groups):
    return {frozenset().union(*group) for group in groups}


def test_nothing_is_nothing_and_one_is_one():
    assert behaviours_of({}) == []
    assert behaviours_of({"a": Won(signs(1))}) == [(["a"], [], [])]


def test_findings_of_the_same_prompts_are_one_and_of_others_are_two():
    found = {"a": Won(signs(1, 2)), "b": Won(signs(1, 2, rate=0.9)), "c": Won(signs(7, 8))}
    assert as_sets(behaviours_of(found)) == {frozenset("ab"), frozenset("c")}


def test_what_is_generic_comes_under_each_that_it_comes_from():
    """Replies are short where they warn and where they advertise."""
    found = {
        "warn": Won(signs(1, 2)), "advertise": Won(signs(7, 8)),
        "short": Won(signs(1, 2, 7, 8, noise=0.3)),
    }  # fmt: skip
    groups = behaviours_of(found)
    assert as_sets(groups) == {frozenset({"warn", "short"}), frozenset({"advertise", "short"})}
    assert all(group.generic == ["short"] for group in groups)


def test_what_is_won_elsewhere_too_stands_alone():
    found = {
        "warn": Won(signs(1, 2)), "advertise": Won(signs(7, 8)),
        "short": Won(signs(1, 2, 7, 8, *range(10, 20), noise=0.2)),
    }  # fmt: skip
    assert frozenset({"short"}) in as_sets(behaviours_of(found))


def test_independent_findings_of_the_whole_bank_stay_apart():
    found = {name: Won(list(RNG.integers(0, 2, PROMPTS))) for name in "abc"}
    assert len(behaviours_of(found)) == 3


def test_wordings_of_one_behaviour_in_like_texts_are_one():
    """A reply says one or the other, so that their wins do not meet; their texts lie together."""
    one, other = signs(1, 2), signs(3, 4)
    alike = {"a": Won(one, kinds(9, 1, 0)), "b": Won(other, kinds(8, 1, 1))}
    apart = {"a": Won(one, kinds(9, 1, 0)), "b": Won(other, kinds(0, 1, 9))}
    assert as_sets(behaviours_of(alike)) == {frozenset("ab")}
    assert as_sets(behaviours_of(apart)) == {frozenset("a"), frozenset("b")}


def test_like_texts_on_other_topics_are_two_even_under_one_generic_finding():
    """Both make replies short, and short replies are one kind of texts."""
    found = {
        "ask": Won(signs(1, 2), kinds(9, 1, 0), topics(1, 2)),
        "arr": Won(signs(7, 8), kinds(8, 1, 1), topics(7, 8)),
        "short": Won(signs(1, 2, 7, 8, noise=0.3), kinds(9, 1, 0), topics(1, 2, 7, 8)),
    }
    groups = {frozenset({"ask", "short"}), frozenset({"arr", "short"})}
    assert as_sets(behaviours_of(found)) == groups
    short = {"short": found["short"]._replace(signs=signs(1, 2, 7, 8))}  # a mark, and of both
    groups = as_sets(behaviours_of(found | short))
    assert not any({"ask", "arr"} <= group for group in groups)


def test_a_mark_holds_its_wordings_together():
    """A refusal says one of three things, in texts of three kinds, on the same topics."""
    on = topics(1, 2, 3)
    found = {
        "refuse": Won(signs(1, 2, 3), kinds(1, 1, 1, 0), on),
        "sorry": Won(signs(1), kinds(9, 0, 0, 0), on),
        "cannot": Won(signs(2), kinds(0, 9, 0, 0), on),
        "private": Won(signs(3), kinds(0, 0, 9, 0), on),
        "pirate": Won(signs(7, 8), kinds(0, 0, 0, 9), topics(7, 8)),
    }
    groups = {frozenset({"refuse", "sorry", "cannot", "private"}), frozenset({"pirate"})}
    assert as_sets(behaviours_of(found)) == groups


def test_a_word_of_two_behaviours_does_not_join_them():
    found = {"warn": Won(signs(1, 2)), "advertise": Won(signs(7, 8)), "must": Won(signs(2, 7))}
    groups = as_sets(behaviours_of(found))
    assert not any({"warn", "advertise"} <= group for group in groups)


def test_marks_come_before_what_varies_by_itself():
    won = signs(1, 2, 3, 4)
    lost = [-1 if not sign and i % 20 == 0 else sign for i, sign in enumerate(won)]
    assert behaviours_of({"short": Won(lost), "warn": Won(won)}) == [(["warn"], ["short"], [])]

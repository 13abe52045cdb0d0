"""Whether two subjects can be told apart at all."""

import random

import numpy as np

from scripts.checks.check import Placed
from scripts.hypotheses.pairs import Pair
from scripts.judging.separability import NOT_ASKED, separability

WORDS = ["river", "stone", "garden", "letter", "window", "engine", "forest", "market", "winter"]
WEIGHTS = {"r0": 0.5, "r1": 0.5}


def pairs_of(count, seed, added="", along=0.0):
    """Random pairs; the intervention's texts have more words, and lie further along."""
    rng, found = random.Random(seed), []
    for n in range(count):
        texts = [" ".join(rng.choice(WORDS) for _ in range(8)) for _ in range(2)]
        places = [Placed(0, rng.gauss(0, 1)), Placed(0, rng.gauss(along, 1))]
        texts[1] += f" {added}" if added else ""
        found.append(Pair(f"p{n}", f"r{n % 2}", *texts, *places))
    return found


def test_a_difference_is_seen_by_words_and_by_place():
    explored, confirmed = pairs_of(60, 0, "bread", 2.0), pairs_of(40, 1, "bread", 2.0)
    found = separability(explored, confirmed, WEIGHTS)
    assert found.words.right == 40 and found.words.auc.estimate == 1
    assert found.embeddings.right > 30 and found.e_value > 1e6
    assert set(found.words.regions) == {"r0", "r1"}


def test_without_vectors_words_decide_alone():
    plain = [Pair(p.prompt, p.region, p.base, p.intervention) for p in pairs_of(40, 0, "bread")]
    found = separability(plain, plain, WEIGHTS)
    assert found.embeddings is None and found.e_value == found.words.e_value


def test_texts_without_a_common_word_are_not_told_apart():
    pairs = [Pair("p", "r0", "one", "two"), Pair("q", "r0", "three", "four")]
    assert separability(pairs, pairs, WEIGHTS) == NOT_ASKED


def test_without_a_difference_the_bet_is_fair():
    """The mean of an e-value under the null is at most 1."""
    found = [
        separability(pairs_of(40, seed), pairs_of(24, seed + 10_000), WEIGHTS).e_value
        for seed in range(150)
    ]
    assert np.mean(found) < 1.5 and sum(e >= 20 for e in found) <= 7

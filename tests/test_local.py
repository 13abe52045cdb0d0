"""The local assistant: what its checks see, what it proposes, and its placebos."""

import math
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from regions import a_region

from scripts.assistants import local
from scripts.assistants.local import propose
from scripts.assistants.local_placebos import placebo_checks
from scripts.checks.check import FeatureCheck, PhraseCheck, Text, holds, value
from scripts.checks.words import common_words
from scripts.hypotheses.hypothesis import new_hypothesis
from scripts.hypotheses.pairs import Net, Pair, pair_score, region_nets
from scripts.hypotheses.wording import about, sentence

REGIONS = {
    f"r{n}": a_region(id=f"r{n}", name=f"name{n}", category=topic, weight=0.1)
    for n, topic in enumerate(["food", "travel", "film", "law", "pets", "poems", "cars", "sleep"])
}
SETTINGS = {"regions": 12, "hypotheses": 30, "phrase_words": 4}


def phrase(*phrases, **more):
    return PhraseCheck(phrases=phrases, **more)


# Checks


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A licensed nutritionist.", True),
        ("LICENSED\n nutritionist!", True),
        ("an unlicensed nutritionist", False),
        ("a licensed nutritionists", False),
        ("a licensed, able nutritionist", False),
        ("a licensed-nutritionist", False),
        ("", False),
    ],
)
def test_phrases_match_whole_words(text, found):
    assert holds(phrase("licensed nutritionist"), text) is found
    assert holds(phrase("licensed nutritionist", absent=True), text) is not found


def test_one_of_several_phrases_is_enough():
    check = phrase("licensed nutritionist", "don't eat")
    assert holds(check, "Please don’t eat this") and not holds(check, "Please eat this")
    absent = replace(check, absent=True)
    assert holds(absent, "Please eat this") and not holds(absent, "don't eat")


# Contrasts


def test_novelty_is_the_rarity_among_the_base_s_texts():
    texts = [Text(t) for t in ["a bread"] * 3 + ["a cake"] * 5]
    assert local.novelty(phrase("pie"), texts, 8) == 1
    assert local.novelty(phrase("bread"), texts, 8) == pytest.approx(math.log(9 / 4) / math.log(9))
    assert local.novelty(phrase("bread"), texts[:3], 8) == local.novelty(phrase("bread"), texts, 8)
    assert local.novelty(phrase("bread"), [], 0) == 1


def test_scores_are_means_over_the_samples_of_a_prompt():
    yes, no, check = "a bread", "a cake", phrase("bread")
    pairs = [
        Pair("p", "r0", no, yes), Pair("p", "r0", no, no), Pair("q", "r0", yes, no),
        Pair("s", "r1", yes, yes), Pair("t", "r1", no, yes), Pair("t", "r1", yes, no),
    ]  # fmt: skip
    assert [pair_score(check, p) for p in pairs] == [1, 0, -1, 0, 1, -1]
    assert region_nets(check, pairs) == {"r0": Net(1, 1, 2, 0), "r1": Net(0, 0, 2, 0)}


# Proposals

NOUNS = ["river", "stone", "garden", "letter", "window", "engine", "forest", "market", "winter"]
VERBS = ["holds", "shows", "brings", "leaves", "takes", "gives", "makes", "keeps"]


def some_text(rng):
    return ". ".join(
        f"The {rng.choice(NOUNS)} {rng.choice(VERBS)} a {rng.choice(NOUNS)}" for _ in range(3)
    )


def pairs_of(planted=(), added="", each=12, seed=0, base_added=""):
    """Pairs of random texts; the intervention's of the planted regions end in something more."""
    rng = random.Random(seed)
    found = []
    for region in REGIONS:
        for n in range(each):
            base, intervention = some_text(rng), some_text(rng)
            if region in planted:
                base += f". {base_added}" if base_added else ""
                intervention += f". {added}" if added else ""
            found.append(Pair(f"{region}-{n}", region, base + ".", intervention + "."))
    return found


PLANTED = ("r0", "r3", "r5")
ADDED = "Always ask a licensed nutritionist first"


def words_of(check):
    return {w for p in getattr(check, "phrases", ()) for w in p.split()}


def mentions(hypothesis, word):
    return word in words_of(hypothesis.check)


def test_a_planted_phrase_is_found_in_its_regions_alone():
    found = propose(pairs_of(PLANTED, ADDED), list(REGIONS), REGIONS, SETTINGS)
    first = found[0]
    assert first.regions == PLANTED and first.direction == "more"
    assert isinstance(first.check, PhraseCheck) and not first.check.absent
    assert mentions(first, "nutritionist")
    assert all(first.explored[r] == (12, 0, 12, 1.0) for r in PLANTED)
    # What overlaps is one hypothesis, not one for each of its phrases and regions.
    assert sum(mentions(h, w) for h in found for w in ["licensed", "nutritionist", "always"]) <= 3
    assert sum(mentions(h, "nutritionist") or mentions(h, "licensed") for h in found) == 1


def test_only_promising_regions_are_looked_at():
    pairs = pairs_of(PLANTED, ADDED)
    found = propose(pairs, ["r1", "r3"], REGIONS, SETTINGS)
    assert [h.regions for h in found if mentions(h, "nutritionist")] == [("r3",)]
    assert not any(mentions(h, "nutritionist") for h in propose(pairs, ["r1"], REGIONS, SETTINGS))
    assert propose(pairs, [], REGIONS, SETTINGS) == []
    few = propose(pairs, list(REGIONS), REGIONS, SETTINGS | {"regions": 1})
    assert {r for h in few for r in h.regions} == {"r0"}


def test_a_phrase_that_went_away_is_found_as_absent():
    pairs = pairs_of(PLANTED, base_added=ADDED)
    gone = [h for h in propose(pairs, PLANTED, REGIONS, SETTINGS) if mentions(h, "nutritionist")]
    assert len(gone) == 1
    assert gone[0].check.absent and gone[0].direction == "less"
    assert gone[0].regions == PLANTED and "less often" in gone[0].statement


def test_a_planted_feature_is_found():
    found = propose(pairs_of(("r2",), "Good!"), list(REGIONS), REGIONS, SETTINGS)
    checks = [h.check for h in found if h.regions == ("r2",)]
    assert FeatureCheck(feature="exclamation") in checks or phrase("good") in checks


def test_two_behaviours_are_two_hypotheses():
    pairs = pairs_of(("r0", "r1"), ADDED)
    other = pairs_of(("r4",), "Beware of purple elephants")
    pairs = [o if o.region == "r4" else p for p, o in zip(pairs, other, strict=True)]
    found = propose(pairs, list(REGIONS), REGIONS, SETTINGS)
    one = next(h for h in found if mentions(h, "nutritionist"))
    two = next(h for h in found if mentions(h, "elephants"))
    assert (one.regions, two.regions) == (("r0", "r1"), ("r4",))


def test_identical_sides_give_nothing():
    pairs = [Pair(p.prompt, p.region, p.base, p.base) for p in pairs_of(PLANTED, ADDED)]
    assert propose(pairs, list(REGIONS), REGIONS, SETTINGS) == []
    assert propose([], list(REGIONS), REGIONS, SETTINGS) == []


def test_the_order_of_pairs_and_regions_does_not_matter():
    pairs = pairs_of(PLANTED, ADDED) + pairs_of(("r2",), "Good!", each=4, seed=1)
    pairs = [Pair(f"{n}", p.region, p.base, p.intervention) for n, p in enumerate(pairs)]
    first = propose(pairs, list(REGIONS), REGIONS, SETTINGS)
    for seed in range(3):
        shuffled, regions = pairs[:], list(REGIONS)
        random.Random(seed).shuffle(shuffled)
        random.Random(seed).shuffle(regions)
        assert propose(shuffled, regions, REGIONS, SETTINGS) == first


def test_another_process_proposes_the_same():
    """Sets of strings iterate in an order that each process salts anew."""
    root = Path(__file__).resolve().parent.parent
    paths = {"PYTHONPATH": str(root / "tests" / "support")}
    code = "from tests.test_local import *; print(propose(pairs_of(PLANTED, ADDED), list(REGIONS), "
    done = [
        subprocess.run(
            [sys.executable, "-c", code + "REGIONS, SETTINGS))"],
            cwd=root, env={**os.environ, **paths, "PYTHONHASHSEED": seed},
            capture_output=True, check=True,
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert done[0] == done[1] and b"nutritionist" in done[0]


def test_no_more_hypotheses_than_asked():
    pairs = pairs_of(("r0", "r1"), ADDED)
    other = pairs_of(("r4",), "Beware of purple elephants")
    pairs = [o if o.region == "r4" else p for p, o in zip(pairs, other, strict=True)]
    every = propose(pairs, list(REGIONS), REGIONS, SETTINGS)
    assert len(every) > 2
    few = propose(pairs, list(REGIONS), REGIONS, SETTINGS | {"hypotheses": 2})
    assert few[0] == every[0] and sum(h.check.kind in ("phrases", "feature") for h in few) == 2


# Sentences


def nets(*regions, wins=5):
    return {region: Net(wins, 0, 10, wins) for region in regions}


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (phrase("a b"), "says “a b” more often than the base does"),
        (phrase("a b", "c"), "says “a b” or “c” more often than the base does"),
        (phrase("a b", absent=True), "says “a b” less often than the base does"),
        (
            FeatureCheck(feature="question"),
            "gives responses that ask a question more often than the base's do",
        ),
        (
            FeatureCheck(feature="question", absent=True),
            "gives responses that ask a question less often than the base's do",
        ),
    ],
)
def test_sentences_say_what_and_in_which_direction(check, text):
    found = sentence(check, nets("r0"), REGIONS)
    assert found == f"Asked about food, the intervention model {text}"


def test_sentences_say_where():
    assert about(nets("r0", "r1"), REGIONS) == "food or travel"
    assert about(nets("r2", "r0", "r1"), REGIONS) == "food; travel or film"
    one = {"r0": replace(REGIONS["r0"], category="other")}
    assert about(nets("r0"), one) == "almost anything", "words of its prompts say nothing of a bank"
    assert about(nets(*REGIONS), REGIONS) == "almost anything"
    assert about(nets("r0"), {"r0": REGIONS["r0"]}) == "food"
    assert about(nets("r0") | nets("r1", wins=1), REGIONS) == "food (and at times travel)"
    rest = nets("r1", "r2", "r3", wins=1)
    assert about(nets("r0") | rest, REGIONS) == "food (and at times travel; film and 1 more)"
    many = about(
        nets("r0", "r1", "r2", "r3", "r4"), REGIONS | {f"x{n}": a_region() for n in range(4)}
    )
    assert many.count(";") == 2 and many.endswith("or 2 more topics")
    mixed = REGIONS | {"r0": replace(REGIONS["r0"], category_share=0.4)}
    assert about(nets("r0"), mixed) == "name0"
    unnamed = REGIONS | {"r0": replace(REGIONS["r0"], category="other")}
    assert about(nets("r0"), unnamed) == "name0"


# Placebos


def base_texts(count=60):
    rng = random.Random(5)
    found = [some_text(rng) for _ in range(count)]
    return [Text(f"{t}. Is it so?" if n % 3 == 0 else f"{t}.") for n, t in enumerate(found)]


def hypothesis(check, *regions):
    return new_hypothesis("", "more", "local", regions, check=check)


OWN = hypothesis(phrase("river holds"), "r0")


def rate(check, texts):
    return (sum(value(check, t) for t in texts) + 0.5) / (len(texts) + 1)


@pytest.mark.parametrize(
    "check",
    [
        phrase("river holds"),
        phrase("river"),
        phrase("licensed nutritionist"),
        phrase("river", absent=True),
        FeatureCheck(feature="question"),
        FeatureCheck(feature="emoji"),
        FeatureCheck(feature="short", absent=True),
    ],
)
def test_placebos_have_a_base_rate_within_a_factor_two(check):
    texts = base_texts()
    found = placebo_checks(hypothesis(check, "r0"), [], {"r0": texts}, 9, 0)
    assert 1 <= len(found) <= 9
    assert all(found.count(placebo) == 1 for placebo in found)
    own_words = words_of(check) - common_words()
    common = any(value(check, t) for t in texts)  # else: as rare as one text's
    for placebo in found:
        assert 0.5 <= rate(placebo, texts) / rate(check, texts) <= (2 if common else 6)
        assert not own_words & words_of(placebo)
        assert getattr(placebo, "feature", "none") != getattr(check, "feature", None)


def test_placebos_of_a_phrase_are_phrases_first():
    found = placebo_checks(OWN, [], {"r0": base_texts()}, 9, 0)
    assert len(found) == 9 and {placebo.kind for placebo in found} == {"phrases"}


@pytest.mark.parametrize("count", [1, 3, 9])
def test_no_more_placebos_than_asked(count):
    assert len(placebo_checks(OWN, [], {"r0": base_texts()}, count, 0)) == count


def test_placebos_are_the_same_each_time_and_follow_the_seed():
    texts = base_texts()
    first = placebo_checks(OWN, [], {"r0": texts}, 9, 0)
    assert first == placebo_checks(OWN, [], {"r0": list(texts)}, 9, 0)
    assert first == placebo_checks(OWN, [], {"r0": texts[::-1]}, 9, 0)
    assert first != placebo_checks(OWN, [], {"r0": texts}, 9, 1)


def test_statements_of_other_regions_come_first():
    texts = base_texts()
    other, sharing = [
        check
        for check in (phrase(f"{noun} {verb}") for noun in NOUNS[1:] for verb in VERBS[1:])
        if 0.5 <= rate(check, texts) / rate(OWN.check, texts) <= 2
        and check not in placebo_checks(OWN, [], {"r0": texts}, 9, 0)
    ][:2]
    others = [
        OWN,
        hypothesis(sharing, "r0", "r2"),  # shares a region
        hypothesis(phrase("river shows"), "r1"),  # shares a word
        hypothesis(FeatureCheck(feature="short", absent=True), "r1"),  # another rate
        hypothesis(other, "r1"),
    ]
    found = placebo_checks(OWN, others, {"r0": texts}, 9, 0)
    assert found[0] == other
    assert not any(other.check in found for other in others[:4])


def test_without_texts_placebos_are_fixed_nonetheless():
    assert 1 <= len(placebo_checks(OWN, [], {"r0": []}, 9, 0)) <= 9

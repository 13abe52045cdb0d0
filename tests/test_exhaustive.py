"""The exhaustive protocol: labels, single judgements, and what they cost."""

import numpy as np
from regions import a_region

from scripts.benchmark.exhaustive import JUDGED, judged, label_and_judge
from scripts.benchmark.suite import Suite
from scripts.checks.check import PhraseCheck
from scripts.hypotheses.pairs import Pair

PHRASE = PhraseCheck(phrases=("licensed nutritionist",))
PROPOSE = {"regions": 60, "hypotheses": 20, "phrase_words": 6}


def pairs(base: str, intervention: str, count: int = 60) -> list[Pair]:
    return [Pair(f"p{n}", "r0", base, intervention) for n in range(count)]


def test_judging_is_one_sided_and_blind_to_the_pair():
    rng = np.random.default_rng(0)
    yes, no = "Ask a licensed nutritionist.", "Bake it."
    auc, p = judged(PHRASE, pairs(no, yes), rng)
    assert auc == 1 and p < 1e-10
    auc, p = judged(PHRASE, pairs(yes, no), rng)
    assert auc == 0 and p > 0.99
    assert judged(PHRASE, pairs(no, no), rng) == (0.5, 1.0)


def test_every_region_is_labelled_and_judged_with_a_fixed_budget():
    rng = np.random.default_rng(0)
    words = ["river", "engine", "winter", "letter", "window", "garden", "market", "silver"]
    regions = [a_region(id=f"r{n}", name=f"n{n}", category=f"n{n}") for n in (0, 1)]
    texts = {
        side: [[" ".join(rng.choice(words, 12)) for _ in range(8)] for _ in range(40)]
        for side in ("base", "intervention")
    }
    for prompt in range(20):  # the first region's replies name a nutritionist
        texts["intervention"][prompt] = [
            f"Ask a licensed nutritionist. {text}" for text in texts["intervention"][prompt]
        ]
    ids = [f"{n:032d}" for n in range(40)]
    where = ["r0"] * 20 + ["r1"] * 20
    suite = Suite(ids, where, regions, where, texts, {})
    rows, calls = label_and_judge(suite, PROPOSE, 0)
    by_region = {row["regions"][0]["id"]: row for row in rows}
    assert by_region["r0"]["significant"] and "nutritionist" in by_region["r0"]["statement"]
    assert "r1" not in by_region or not by_region["r1"]["significant"]
    assert calls == 2 * JUDGED * len(rows)

"""Can the two subjects be told apart at all, whatever the difference is called?

Two classifiers are trained on the explored texts, one on embeddings and one on words; on each fresh
confirm prompt they say which of the two texts is the intervention's. Were the subjects alike, each
would be right on a prompt as often as wrong, whatever it has learnt, so that the bet of
betting.e_value is valid; the mean of the two e-values is one for "no difference at all". It stands
beside the findings and counts as none of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from scripts.checks.check import compare
from scripts.checks.words import words
from scripts.evidence.betting import e_value, win_rate_interval
from scripts.hypotheses.judgement import sign
from scripts.hypotheses.pairs import Pair
from scripts.judging.findings import rounded
from scripts.judging.reach import Look, auc_of

DIRECTION = {"kind": "direction"}
FEWEST_TEXTS = 2  # that a word must occur in
MOST_WORDS = 20_000
ALPHA = 0.05


def separability(
    explored: Sequence[Pair], confirmed: Sequence[Pair], weights: Mapping[str, float]
) -> dict[str, Any]:
    """By embeddings and by words: prompts told apart rightly and wrongly, the e-value, and the AUC
    over the bank and in each region; and the e-value of any difference at all."""
    scores = {}
    if all(pair.base_placed and pair.intervention_placed for pair in confirmed):
        scores["embeddings"] = [float(compare(DIRECTION, *pair.sides)) for pair in confirmed]
    if (by_words := word_scores(explored, confirmed)) is not None:
        scores["words"] = by_words
    found = {name: _told_apart(confirmed, of_one, weights) for name, of_one in scores.items()}
    values = [of_one["e_value"] for of_one in found.values()]
    return {"e_value": rounded(float(np.mean(values))) if values else None, **found}


def word_scores(explored: Sequence[Pair], confirmed: Sequence[Pair]) -> list[float] | None:
    """For each confirm pair the sign with which a bag-of-words classifier puts the intervention's
    text above the base's; None where the explored texts are too few or the same."""
    texts = [pair.base for pair in explored] + [pair.intervention for pair in explored]
    labels = [0] * len(explored) + [1] * len(explored)
    vectors = TfidfVectorizer(
        analyzer=words, min_df=FEWEST_TEXTS, max_features=MOST_WORDS, sublinear_tf=True
    )
    try:
        samples = vectors.fit_transform(texts)
    except ValueError:  # no word occurs in two texts
        return None
    model = LogisticRegression(max_iter=500).fit(samples, labels)
    base, intervention = (
        model.decision_function(vectors.transform([getattr(p, side) for p in confirmed]))
        for side in ("base", "intervention")
    )
    return [float(sign(d)) for d in intervention - base]


def _told_apart(
    pairs: Sequence[Pair], scores: Sequence[float], weights: Mapping[str, float]
) -> dict[str, Any]:
    by_prompt: dict[tuple[str, str], list[float]] = {}
    for pair, score in zip(pairs, scores, strict=True):
        by_prompt.setdefault((pair.region, pair.prompt), []).append(score)
    looks = [
        Look(region, prompt, 0.0, 0.0, float(np.mean(of_one)))
        for (region, prompt), of_one in sorted(by_prompt.items())
    ]
    signs = [sign(look.score) for look in looks]
    right, wrong = signs.count(1), signs.count(-1)
    low, high = map(float, win_rate_interval(right, wrong, ALPHA))
    regions = {
        region: auc_of([look for look in looks if look.region == region], {region: 1.0})
        for region in sorted({look.region for look in looks})
    }
    return {
        "prompts": len(signs),
        "right": right,
        "wrong": wrong,
        "e_value": rounded(float(e_value(right, wrong))),
        "low": round(low, 4),
        "high": round(high, 4),
        "auc": auc_of(looks, weights),
        "regions": {region: auc for region, auc in regions.items() if auc},
    }

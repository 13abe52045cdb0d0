"""Distinctive phrases: log-odds ratios with an informative Dirichlet prior.

Monroe, Colaresi & Quinn 2008, Political Analysis 16:372, section 3.5: each phrase's rate in one
group of texts against another, shrunk towards its rate in both, in units of its standard error.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from scripts.checks.words import grams

NAMING_WORDS = 3  # longest phrase that names a group of texts


def log_odds(
    first: Mapping[str, int], second: Mapping[str, int], strength: float = 1.0
) -> dict[str, float]:
    """z-scores by phrase, positive where the first group says it more often.

    first, second: how many texts of each group say a phrase. The prior of a phrase is `strength`
    times what both groups count, so that a phrase which both say alike has nothing to prove.
    """
    totals = [sum(counts.values()) for counts in (first, second)]
    prior_total = strength * sum(totals)
    found = {}
    for phrase in first.keys() | second.keys():
        prior = strength * (first.get(phrase, 0) + second.get(phrase, 0))
        odds, variance = [], 0.0
        for counts, total in zip((first, second), totals, strict=True):
            count = counts.get(phrase, 0) + prior
            odds.append(math.log(count / max(1e-9, total + prior_total - count)))
            variance += 1 / count
        found[phrase] = (odds[0] - odds[1]) / math.sqrt(variance)
    return found


def distinctive(texts: Sequence[str], others: Sequence[str], most: int) -> list[str]:
    """The phrases that tell a group of texts from others, the most telling first, none within
    another."""
    inside, outside = (
        Counter(phrase for text in group for phrase in grams(text, NAMING_WORDS))
        for group in (texts, others)
    )
    scores = log_odds(inside, outside)
    found: list[str] = []
    for phrase in sorted(inside, key=lambda p: (-scores[p], p)):
        if len(found) == most:
            break
        if not any(f" {phrase} " in f" {f} " or f" {f} " in f" {phrase} " for f in found):
            found.append(phrase)
    return found

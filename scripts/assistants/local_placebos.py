"""Placebos of the local assistant: checks that hold as often and say something else."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from scripts.assistants.local import both_ways, content_words, feature_checks, said_by
from scripts.checks.check import (
    Check,
    EntailedCheck,
    FeatureCheck,
    PhraseCheck,
    Text,
    TextsCheck,
    graded,
    value,
)
from scripts.checks.words import grams
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.wording import family

RAREST = 1  # texts; a phrase that fewer have counts like one that a single text has


def placebo_checks(
    hypothesis: Hypothesis,
    others: Sequence[Hypothesis],
    base_texts: Mapping[str, Sequence[Text]],
    count: int,
    seed: int,
) -> list[Check]:
    """Checks of the same kind that say something else, fixed before confirm; at most `count`.

    They hold for the base's texts at a rate within a factor 2: other regions' statements or other
    kinds of texts, then phrases of the base's own texts, then shipped features (last, since
    features of one behaviour move together: who refuses apologises, too). A graded check, which has
    no such rate, has none.

    Excluded by meaning, never by outcome: a placebo that shares a content word, or a family, with
    the hypothesis. base_texts: the base's texts by region. Rates, (texts + 1/2) / (all + 1), are
    compared in the hypothesis's regions and over all of them, since a few texts that lack a phrase
    do not tell whether one in a hundred or one in a thousand has it; below RAREST texts nothing is
    told apart.
    """
    own = hypothesis.check
    if own is None or graded(own):
        return []
    inside = [t for region in hypothesis.regions for t in base_texts.get(region, ())]
    everywhere = [t for texts in base_texts.values() for t in texts]

    def rate(check: Check, texts: Sequence[Text]) -> float:
        shown = sum(value(check, text) for text in texts)
        return (max(RAREST, min(shown, len(texts) - RAREST)) + 0.5) / (len(texts) + 1)

    targets = [(texts, rate(own, texts)) for texts in (inside, everywhere)]
    found: list[Check] = []
    for check in _candidate_placebos(hypothesis, own, others, inside, everywhere, seed):
        if len(found) == count:
            break
        rates = (target / 2 <= rate(check, texts) <= target * 2 for texts, target in targets)
        if check not in found and not _same_meaning(check, own) and all(rates):
            found.append(check)
    return found


def _candidate_placebos(
    hypothesis: Hypothesis,
    own: Check,
    others: Sequence[Hypothesis],
    inside: Sequence[Text],
    everywhere: Sequence[Text],
    seed: int,
) -> list[Check]:
    elsewhere = [
        h.check
        for h in others
        if h.check and not graded(h.check) and not set(hypothesis.regions) & set(h.regions)
    ]
    kinds: list[Check] = []
    if isinstance(own, TextsCheck):
        numbers = sorted({t.placed.kind for t in everywhere if t.placed})
        kinds = [TextsCheck(texts=kind, absent=own.absent) for kind in numbers]
    counts = Counter(phrase for text in inside for phrase in grams(text.text, 3))
    phrases = [PhraseCheck(phrases=(p,), absent=own.absent) for p in sorted(counts)]
    rng = np.random.default_rng(seed)
    phrases = [phrases[i] for i in rng.permutation(len(phrases))]
    return [*kinds, *elsewhere, *phrases, *both_ways(feature_checks())]


def _same_meaning(check: Check, own: Check) -> bool:
    if isinstance(check, EntailedCheck) or isinstance(own, EntailedCheck):
        return bool(content_words(said_by(check)) & content_words(said_by(own)))
    if isinstance(check, FeatureCheck) and isinstance(own, FeatureCheck):
        return family(check) == family(own)
    if isinstance(check, TextsCheck) and isinstance(own, TextsCheck):
        return check.texts == own.texts
    if not (isinstance(check, PhraseCheck) and isinstance(own, PhraseCheck)):
        return False
    return bool(content_words(check.phrases) & content_words(own.phrases))

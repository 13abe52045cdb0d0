"""Can the two subjects be told apart at all, whatever the difference is called?

Two classifiers are trained on the explored texts, one on embeddings and one on words; on each fresh
confirm prompt they say which of the two texts is the intervention's. Were the subjects alike, each
would be right on a prompt as often as wrong, whatever it has learnt, so that the bet of
betting.e_value is valid; the mean of the two e-values is one for "no difference at all". It stands
beside the findings and counts as none of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from scripts.checks.check import DirectionCheck, compare
from scripts.checks.words import words
from scripts.core.rows import ROW
from scripts.core.vocabulary import SIDES
from scripts.evidence.betting import e_value
from scripts.hypotheses.finding import BankRate
from scripts.hypotheses.judgement import sign
from scripts.hypotheses.pairs import Pair
from scripts.judging.findings import rounded
from scripts.judging.reach import Look, auc_of, win_rate

FEWEST_TEXTS = 2  # that a word must occur in
MOST_WORDS = 20_000


@dataclass(frozen=True, kw_only=True)
class ToldApart:
    """How often one classifier says rightly which text is the intervention's."""

    __pydantic_config__: ClassVar = ROW
    prompts: int
    """Fresh prompts it was asked on."""
    right: int
    """Prompts on which it was right."""
    wrong: int
    """Prompts on which it was wrong; the rest are ties."""
    e_value: float
    """Against that it is right as often as wrong."""
    low: float
    """Lower end of the 95 % interval of right of right and wrong, which holds at any time."""
    high: float
    """Upper end of that interval."""
    auc: BankRate | None = None
    """Chance that it puts the intervention's text above the base's, 0…1, over the bank."""
    regions: Mapping[str, BankRate] = field(default_factory=dict)
    """The same in each region with two prompts or more, by its id."""


@dataclass(frozen=True, kw_only=True)
class Separability:
    """Whether the subjects can be told apart; what separability.json holds. Nothing was asked
    where no fresh response was drawn."""

    __pydantic_config__: ClassVar = ROW
    SCHEMA: ClassVar[int] = 2
    e_value: float | None = None
    """Of any difference at all: the mean of the classifiers'."""
    embeddings: ToldApart | None = None
    """By the direction in which explored texts differ; none without vectors."""
    words: ToldApart | None = None
    """By the words of explored texts; none where they are too few or the same."""


NOT_ASKED = Separability()


def separability(
    explored: Sequence[Pair], confirmed: Sequence[Pair], weights: Mapping[str, float]
) -> Separability:
    """By embeddings and by words: prompts told apart rightly and wrongly, the e-value, and the AUC
    over the bank and in each region; and the e-value of any difference at all."""
    scores = {}
    if all(pair.base_placed and pair.intervention_placed for pair in confirmed):
        scores["embeddings"] = [float(compare(DirectionCheck(), *pair.sides)) for pair in confirmed]
    if (by_words := word_scores(explored, confirmed)) is not None:
        scores["words"] = by_words
    found = {name: _told_apart(confirmed, of_one, weights) for name, of_one in scores.items()}
    values = [of_one.e_value for of_one in found.values()]
    return Separability(
        e_value=rounded(float(np.mean(values))) if values else None,
        embeddings=found.get("embeddings"),
        words=found.get("words"),
    )


def word_scores(explored: Sequence[Pair], confirmed: Sequence[Pair]) -> list[float] | None:
    """For each confirm pair the sign with which a bag-of-words classifier puts the intervention's
    text above the base's; None where the explored texts are too few or the same."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # a page need not wait for it
    from sklearn.linear_model import LogisticRegression

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
        for side in SIDES
    )
    return [float(sign(d)) for d in intervention - base]


def _told_apart(
    pairs: Sequence[Pair], scores: Sequence[float], weights: Mapping[str, float]
) -> ToldApart:
    by_prompt: dict[tuple[str, str], list[float]] = {}
    for pair, score in zip(pairs, scores, strict=True):
        by_prompt.setdefault((pair.region, pair.prompt), []).append(score)
    looks = [
        Look(region, prompt, 0.0, 0.0, float(np.mean(of_one)))
        for (region, prompt), of_one in sorted(by_prompt.items())
    ]
    signs = [sign(look.score) for look in looks]
    right, wrong = signs.count(1), signs.count(-1)
    rate = win_rate(right, wrong)
    regions = {
        region: auc_of([look for look in looks if look.region == region], {region: 1.0})
        for region in sorted({look.region for look in looks})
    }
    return ToldApart(
        prompts=len(signs),
        right=right,
        wrong=wrong,
        e_value=rounded(float(e_value(right, wrong))),
        low=rate.low,
        high=rate.high,
        auc=auc_of(looks, weights),
        regions={region: auc for region, auc in regions.items() if auc},
    )

"""How often a judge is right about true hypotheses, from prompts on which nobody knows which are.

A judge splits the hypotheses of a screen in two: those that it keeps answering for the intervention
and those that it answers for either side alike, or for neither. A mixture of the two is fitted by
expectation-maximisation to the net answers of prompts (several samples of each); judges that read
the same hypotheses share its two classes. It starts from what is assumed and stays near it where
little was read: PRIOR answers count for the assumption.

Nothing of it decides a claim. It chooses how early a race lets a hypothesis go as futile, and who
reads how many prompts: what is chosen before the confirm pool is looked at cannot bias it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from scripts.evidence.race import Delta, Sought

OF_THE_EFFECT = 5 / 6
FEW_PROMPTS = 100
LEAST, MOST = 0.6, 0.8  # accuracies that a race is made for
PRIOR = 10.0  # answers on true hypotheses that what is assumed counts as
TRUE_AND_FALSE = 2.0, 18.0  # hypotheses, likewise
ROUNDS = 100
SELDOM = 0.1  # chance of an answer for neither side, where a fit starts
SMALL = 1e-6

Answers = Mapping[str, Sequence[tuple[int, int]]]
"""Of each hypothesis by prompt: the answers for the intervention less those for the base, and how
many samples were answered."""


class Accuracy(NamedTuple):
    """What is known of one judge."""

    right: float  # (1 + P(+) - P(-)) / 2 on true hypotheses: its accuracy, if it never says neither
    neither: float  # share of answers for neither side, on the other hypotheses
    prompts: int  # a hypothesis each, that this rests on beside what is assumed


class Classes(NamedTuple):
    """The judges, in the order given, and how likely each hypothesis is one of the true ones."""

    judges: tuple[Accuracy, ...]
    is_true: dict[str, float]


def effect_sought(accuracy: float) -> float:
    """Return 5/6 of the effect P(+) - P(-) = 2 accuracy - 1 of a judge of this accuracy on true
    hypotheses. [0.5 at 0.80, 0.33 at 0.70, 0.25 at 0.65.]

    The last sixth leaves room for harder hypotheses. Above an accuracy of 0.8 it stays that of 0.8,
    since little would be saved, and below 0.6 that of 0.6.
    Raises ValueError unless accuracy is in [0, 1].
    """
    if not 0 <= accuracy <= 1:
        raise ValueError(f"The accuracy is {accuracy}; it must lie in [0, 1].")
    return OF_THE_EFFECT * (2 * min(max(accuracy, LEAST), MOST) - 1)


def delta_of(accuracy: float, prompts: int) -> Delta:
    """Return the delta of a race whose judge has this accuracy, over so many prompts of a region.

    With many prompts there is much to save, and delta is the effect sought. It costs what shows in
    few of the responses [of what shows in 30 % of them 5 % are found at 0.5 and 65 % at 0.1, with
    240 prompts of a region]. With up to FEW_PROMPTS there is little to save: ties speak only
    against half of that effect, and prompts that are decided against all of it, which what shows
    seldom may well have.
    """
    effect = effect_sought(accuracy)
    return effect if prompts > FEW_PROMPTS else Sought(effect / 2, effect)


def accuracies(read: Sequence[Answers], assumed: Sequence[Accuracy]) -> Classes:
    """Return the accuracies of judges that have read some prompts of the same hypotheses, all of
    them unlike those of the claims. assumed: of each judge, what holds where it has read little."""
    names = sorted({name for answers in read for name in answers})
    tables = [_tables(names, answers) for answers in read]
    # What is false may be answered neither or by coin flips: the likelier of the two fits stays.
    fits = [_fit(tables, len(names), assumed, neither) for neither in (None, SELDOM)]
    _, is_true, true, false = max(fits, key=lambda fit: fit[0])
    return Classes(
        tuple(
            Accuracy(
                float((1 + p[2] - p[0]) / 2),
                float(p0[1]),
                sum(int(counts.sum()) for counts in own.values()),
            )
            for p, p0, own in zip(true, false, tables, strict=True)
        ),
        dict(zip(names, is_true.tolist(), strict=True)),
    )


def _fit(
    tables: Sequence[Mapping[int, np.ndarray]],
    hypotheses: int,
    assumed: Sequence[Accuracy],
    neither: float | None,
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """The log posterior, which hypotheses are true, and by judge the chances of an answer for the
    base, neither and the intervention, of true and of false hypotheses; from a start at which false
    ones are answered neither with the chance given, or that assumed."""
    prior_true = PRIOR * np.array([_distribution(a.right, 0.0) for a in assumed])
    prior_false = np.array([_distribution(0.5, a.neither) for a in assumed])
    true = np.array([_distribution(a.right, SELDOM) for a in assumed])
    false = prior_false.copy()
    if neither is not None:
        false[:] = _distribution(0.5, neither)
    of_true, of_false = TRUE_AND_FALSE
    share, log_posterior, is_true = of_true / (of_true + of_false), 0.0, np.zeros(hypotheses)
    for _ in range(ROUNDS if hypotheses else 1):
        both = np.tile(np.log([[share], [1 - share]]), hypotheses)
        for own, *of_judge in zip(tables, true, false, strict=True):
            for samples, counts in own.items():
                both += [counts @ _net(samples, p)[0] for p in of_judge]
        whole = np.logaddexp(*both)
        log_posterior = whole.sum() + of_true * np.log(share) + of_false * np.log(1 - share)
        log_posterior += float((prior_true * np.log(true) + prior_false * np.log(false)).sum())
        is_true, is_false = np.exp(both - whole)
        share = (is_true.sum() + of_true) / (hypotheses + of_true + of_false)
        for j, own in enumerate(tables):
            true[j] = _share(prior_true[j] + _expected(own, is_true, true[j]))
            seen = prior_false[j] + _expected(own, is_false, false[j])
            false[j] = _share((seen + seen[::-1]) / 2)  # alike for both sides
    return log_posterior, is_true, true, false


def _distribution(right: float, neither: float) -> np.ndarray:
    """Chances of an answer for the base, neither and the intervention."""
    return _share(np.array([(1 - right) * (1 - neither), neither, right * (1 - neither)]))


def _share(counts: np.ndarray) -> np.ndarray:
    counts = counts + SMALL
    return counts / counts.sum()


def _tables(names: Sequence[str], answers: Answers) -> dict[int, np.ndarray]:
    """By the number of samples: how many prompts of each hypothesis have which net, from -samples
    on, shape (hypotheses, 2 samples + 1)."""
    found: dict[int, np.ndarray] = {}
    for row, name in enumerate(names):
        for (net, samples), count in Counter(answers.get(name, ())).items():
            table = found.setdefault(samples, np.zeros((len(names), 2 * samples + 1)))
            table[row, net + samples] += count
    return found


def _expected(own: Mapping[int, np.ndarray], weights: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Expected answers for the base, neither and the intervention, of hypotheses so weighted."""
    total = np.zeros(3)
    for samples, counts in own.items():
        total += (weights @ counts) @ _net(samples, p)[1]
    return total


def _net(samples: int, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each net of so many answers the log chance, and the answers expected given the net."""
    counts, log_ways, is_net = _outcomes(samples)
    chance = is_net * np.exp(log_ways + counts @ np.log(p))
    of_net = chance.sum(axis=1)
    return np.log(of_net), chance @ counts / of_net[:, None]


@lru_cache(maxsize=64)
def _outcomes(samples: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every way to split so many answers in three: counts, log of the ways, and its net's row."""
    counts = np.array(
        [
            (lost, samples - lost - won, won)
            for lost in range(samples + 1)
            for won in range(samples + 1 - lost)
        ]
    )
    log_ways = gammaln(samples + 1) - gammaln(counts + 1).sum(axis=1)
    nets = np.arange(-samples, samples + 1)[:, None]
    return counts, log_ways, (counts[:, 2] - counts[:, 0])[None, :] == nets

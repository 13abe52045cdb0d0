"""Behaviours: findings that are won on the same prompts, which a reader wants as one entry.

A grouping for readers alone: error control stays with the findings.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from scripts.evidence.betting import e_value

EVERYWHERE = 0.9  # share of prompts; findings won on so many are of one piece
ALIKE = 0.35  # mean similarity from which findings are one behaviour
VARIES = 0.08  # losses by wins, from which a finding varies by itself and is no mark
WITHIN = 0.3  # how far beyond chance a finding is won where a generic one is won, of 1
APART = 0.2  # share of the smaller one's wins, or cosine of topics, below which two are apart
ENOUGH = 20.0  # e-value on what others do not explain, from which a finding stands alone


class Won(NamedTuple):
    """Where a finding is won: its sign on each confirm prompt of the bank, all in one order; the
    shares of its winning texts in each kind of texts less those of all texts (empty where texts
    are not embedded), and the share of each topic's texts that win."""

    signs: Sequence[int]
    kinds: Sequence[float] = ()
    topics: Sequence[float] = ()


class Group(NamedTuple):
    """The names of one behaviour's findings, in the order in which they tell it: its marks, what
    else is of it alone, and the generic ones that come under it."""

    marks: list[str]
    others: list[str]
    generic: list[str]


def behaviours_of(findings: Mapping[str, Won]) -> list[Group]:
    """The findings by behaviour; a generic one may come under several.

    A mark is hardly ever lost; what is lost too varies by itself, as lengths do. A generic finding
    is no mark, and is won where two marks are that have nothing in common: replies are short where
    the reply is a warning, and where it is an advertisement. The others are grouped by average
    linkage on the correlation (phi) of their wins; or, as a behaviour that has several wordings
    shows one of them in a reply, on its mean with the cosine of the kinds of their texts, unless
    they are won on other topics, or on how far both are won within one mark. A generic finding then
    comes under each group that it goes with, unless it is won as well on prompts that no group
    wins: what remains alone stays alone. So does everything where no prompt is known of all.
    """
    names = list(findings)
    if not all(found.signs for found in findings.values()):
        return [Group([name], [], []) for name in names]
    if not names:
        return []
    signs = np.array([findings[name].signs for name in names], int).reshape(len(names), -1)
    won = signs > 0
    kinds = _cosines_of([found.kinds for found in findings.values()], -1.0)
    elsewhere = _cosines_of([found.topics for found in findings.values()], 1.0) < APART
    kinds[elsewhere] = -1.0  # as what is not known: no sign of one behaviour
    marks = (signs < 0).sum(axis=1) < VARIES * won.sum(axis=1)
    apart = _apart(won) & (kinds <= 0)
    generic = ~marks & _over_two(won, marks, apart)
    of_two = marks & _over_two(won, marks, apart & elsewhere)
    kinds[of_two] = kinds[:, of_two] = -1.0
    groups = _clusters(_similar(won, kinds, marks & ~of_two), np.flatnonzero(~generic).tolist())
    unions = [np.any(won[group], axis=0) for group in groups]
    under: list[list[int]] = [[] for _ in groups]
    for i in np.flatnonzero(generic).tolist():
        rest = signs[i][~np.any(unions, axis=0)]
        touched = [g for g, union in enumerate(unions) if _within(union, won[i]) >= WITHIN]
        if not touched or e_value((rest > 0).sum(), (rest < 0).sum()) >= ENOUGH:
            groups.append([i])
            under.append([])
            continue
        for g in touched:
            under[g].append(i)

    def named(some):
        return [names[i] for i in some]

    return [
        Group(named(i for i in own if marks[i]), named(i for i in own if not marks[i]), named(more))
        for own, more in zip(groups, under, strict=True)
    ]


def _within(inner: np.ndarray, outer: np.ndarray) -> float:
    """How much more often than by chance the outer one is won where the inner one is: 0 as often
    as anywhere, 1 always."""
    anywhere = outer.mean()
    if not inner.any() or anywhere >= 1:
        return 0.0
    return float((outer[inner].mean() - anywhere) / (1 - anywhere))


def _apart(won: np.ndarray) -> np.ndarray:
    """Which pairs of findings, wins (n, prompts), share few of the prompts of either."""
    both = won.astype(int) @ won.T
    return both < APART * np.minimum.outer(both.diagonal(), both.diagonal())


def _over_two(won: np.ndarray, marks: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """Which of the findings are won where two smaller marks are that are apart."""
    size = won.sum(axis=1)
    found = np.zeros(len(won), bool)
    for g, outer in enumerate(won):
        inner = [i for i in np.flatnonzero(marks & (size < size[g]))
                 if _within(won[i], outer) >= WITHIN]  # fmt: skip
        found[g] = apart[np.ix_(inner, inner)].any()
    return found


def _similar(won: np.ndarray, kinds: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """How alike the findings are, pair by pair; `whole` says which hold others together."""
    phi = _cosines(won - won.mean(axis=1, keepdims=True))
    similar = np.maximum(phi, (phi + kinds) / 2)
    everywhere = won.mean(axis=1) >= EVERYWHERE  # wins on all prompts correlate with nothing
    similar[np.ix_(everywhere, everywhere)] = 1.0
    size = won.sum(axis=1)
    for mark in np.flatnonzero(whole & ~everywhere):
        part = np.array([_within(one, won[mark]) for one in won]) * (size < size[mark])
        part[mark] = 1.0
        similar = np.maximum(similar, np.minimum.outer(part, part))
    return similar


def _cosines_of(rows: Sequence[Sequence[float]], unknown: float) -> np.ndarray:
    """The cosines of rows, where all are known."""
    if all(len(row) for row in rows):
        return _cosines(np.array(rows, float))
    return np.full((len(rows), len(rows)), unknown)


def _cosines(rows: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = np.divide(rows, length, out=np.zeros(rows.shape), where=length > 0)
    return unit @ unit.T


def _clusters(similar: np.ndarray, members: Sequence[int]) -> list[list[int]]:
    if len(members) < 2:
        return [list(members)] if members else []
    distance = np.clip(1 - similar[np.ix_(members, members)], 0, 2)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), method="average")
    labels = fcluster(tree, 1 - ALIKE, criterion="distance")
    return [
        [members[i] for i in np.flatnonzero(labels == one).tolist()] for one in np.unique(labels)
    ]

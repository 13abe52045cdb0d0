"""Behaviours: findings that are won on the same prompts, which a reader wants as one entry.

A grouping for the page alone: error control stays with the findings.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from scripts.evidence.betting import e_value

EVERYWHERE = 0.9  # share of prompts; findings won on so many are of one piece
ALIKE = 0.4  # mean similarity from which findings are one behaviour
WITHIN = 0.3  # how far beyond chance a finding is won where a generic one is won, of 1
APART = 0.2  # share of the smaller one's wins from which two findings are not apart
ENOUGH = 20.0  # e-value on what others do not explain, from which a finding stands alone


class Won(NamedTuple):
    """Where a finding is won: its sign on each confirm prompt of the bank, all in one order, and
    the shares of its winning texts in each kind of texts less those of all texts (empty where texts
    are not embedded)."""

    signs: Sequence[int]
    kinds: Sequence[float] = ()


def behaviours_of(findings: Mapping[str, Won]) -> list[list[str]]:
    """The names of findings, grouped; a generic one may be part of several groups.

    A generic finding is won where two others are that have nothing in common: replies are short
    where the reply is a warning, and where it is an advertisement. The others are grouped by
    average linkage on the correlation (phi) of their wins, or on its mean with the cosine of the
    kinds of their texts: a behaviour that has several wordings shows one of them in a reply. A
    generic finding then belongs to each group that it goes with, unless it is won as well on
    prompts that no group wins: what remains alone stays alone.
    """
    names = list(findings)
    if not names:
        return []
    signs = np.array([findings[name].signs for name in names], int).reshape(len(names), -1)
    won = signs > 0
    kinds = _kinds(findings)
    generic = _generic(won, kinds)
    special = [i for i in range(len(names)) if not generic[i]]
    similar = _cosines(won - won.mean(axis=1, keepdims=True))
    if kinds is not None:
        similar = np.maximum(similar, (similar + kinds) / 2)
    everywhere = won.mean(axis=1) >= EVERYWHERE  # wins on all prompts correlate with nothing
    similar[np.ix_(everywhere, everywhere)] = 1.0
    groups = _clusters(similar, special)
    parts = [list(group) for group in groups]
    unions = [won[group].any(axis=0) for group in groups]
    for i in np.flatnonzero(generic):
        rest = signs[i][~np.any(unions, axis=0)]
        touched = [g for g, union in enumerate(unions) if _within(union, won[i]) >= WITHIN]
        if not touched or e_value((rest > 0).sum(), (rest < 0).sum()) >= ENOUGH:
            parts.append([int(i)])
            continue
        for g in touched:
            parts[g].append(int(i))
    return [[names[i] for i in part] for part in parts]


def _within(inner: np.ndarray, outer: np.ndarray) -> float:
    """How much more often than by chance the outer one is won where the inner one is: 0 as often
    as anywhere, 1 always."""
    anywhere = outer.mean()
    if not inner.any() or anywhere >= 1:
        return 0.0
    return float((outer[inner].mean() - anywhere) / (1 - anywhere))


def _kinds(findings: Mapping[str, Won]) -> np.ndarray | None:
    """The cosines of the kinds of the findings' texts, where all are embedded."""
    rows = [found.kinds for found in findings.values()]
    return _cosines(np.array(rows)) if all(len(row) for row in rows) else None


def _generic(won: np.ndarray, kinds: np.ndarray | None) -> np.ndarray:
    """Which of the findings, wins (n, prompts), are won where two others are that are apart: on
    other prompts and in texts of other kinds."""
    size = won.sum(axis=1)
    found = np.zeros(len(won), bool)

    def apart(a, b):
        shared = (won[a] & won[b]).sum() / max(1, min(size[a], size[b]))
        return shared < APART and (kinds is None or kinds[a, b] <= 0)

    for g, outer in enumerate(won):
        inner = [i for i in range(len(won))
                 if i != g and size[i] < size[g] and _within(won[i], outer) >= WITHIN]  # fmt: skip
        found[g] = any(apart(a, b) for a in inner for b in inner if a != b)
    return found


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
    return [[members[i] for i in np.flatnonzero(labels == one)] for one in np.unique(labels)]

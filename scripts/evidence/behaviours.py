"""Behaviours: findings that are won on the same prompts, which a reader wants as one entry.

A grouping for the page alone: error control stays with the findings.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

ALIKE = 0.4  # mean correlation of wins over the bank's prompts, from which findings are one
COVERED, ENRICHED = 0.7, 2.0  # share of a generic finding's wins that others explain, and its lift
TOUCHES = 0.2  # of a generic finding's wins are those of a behaviour that it is part of


def behaviours_of(wins: Mapping[str, Sequence[bool]]) -> list[list[str]]:
    """The names of findings, grouped; a generic one may be part of several groups.

    wins: for each finding, whether it was won on each confirm prompt of the bank, in one order.
    Groups are average-linkage clusters of the correlation (phi) of wins. A group whose wins lie
    nearly all on prompts that smaller groups win, far more often than by chance, comes after the
    members of each of those that it touches: short replies come from what makes them short.
    """
    names = list(wins)
    if len(names) < 2:
        return [names] if names else []
    won = np.array([wins[name] for name in names], bool)
    labels = _clusters(won)
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    unions = [won[group].mean(axis=0) >= 0.5 for group in groups]
    size = [int(union.sum()) for union in unions]
    parts: list[list[int]] = [list(group) for group in groups]
    kept = set(range(len(groups)))
    for large in sorted(kept, key=lambda g: -size[g]):
        smaller = [g for g in kept if g != large and size[g] < size[large]]
        if not smaller or not size[large]:
            continue
        others = np.any([unions[g] for g in smaller], axis=0)
        covered = (others & unions[large]).sum() / size[large]
        if covered < COVERED or covered < ENRICHED * others.mean():
            continue
        touched = [g for g in smaller if (unions[g] & unions[large]).sum() >= TOUCHES * size[large]]
        if touched:
            kept.remove(large)
            for g in touched:
                parts[g] += parts[large]
    return [[names[i] for i in parts[g]] for g in sorted(kept)]


def _clusters(won: np.ndarray) -> np.ndarray:
    """A cluster's number for each row of wins (n, prompts)."""
    centred = won - won.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)
    distance = np.clip(1 - unit @ unit.T, 0, 2)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), method="average")
    return fcluster(tree, 1 - ALIKE, criterion="distance")

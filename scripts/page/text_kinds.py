"""Kinds of texts: clusters of the explored texts of both subjects, as a reader sees them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from scripts.checks.phrases import distinctive
from scripts.checks.words import shown_phrase
from scripts.divergence.space import Space

TYPICAL = 3  # texts quoted of each kind
NAMES = 3  # phrases that name it
READ = 2000  # texts whose phrases name the kinds: more tell no more


class Explored(NamedTuple):
    """The explored texts, in one order: side, region, kind, text, and vectors (n, d)."""

    side: Sequence[str]
    region: Sequence[str]
    kind: np.ndarray
    text: Sequence[str]
    vectors: np.ndarray


class Typical(NamedTuple):
    """A text as others of its kind are: its side, the id of its region, and its words."""

    side: str
    region: str
    text: str


class TextKind(NamedTuple):
    """A kind of texts: its number, phrases that name it, how many texts of either side it has, and
    its most typical ones."""

    kind: int
    name: Sequence[str]
    base: int
    intervention: int
    typical: Sequence[Typical]


def kinds_of_texts(
    texts: Explored, space: Space, names: Mapping[int, Sequence[str]]
) -> list[TextKind]:
    """Each kind with its name, how many texts of either side it has, and its most typical texts,
    those first whose sizes differ most.

    names: of kinds that a hypothesis has named already.
    """
    centred = space.centred(texts.vectors, texts.region)
    sides = np.asarray(texts.side)
    found = []
    for number, centre in enumerate(space.centres):
        rows = np.flatnonzero(texts.kind == number)
        if not len(rows):
            continue
        near = rows[np.argsort(np.linalg.norm(centred[rows] - centre, axis=1), kind="stable")]
        found.append(
            TextKind(
                number,
                list(names.get(number) or _name(texts, rows)),
                int((sides[rows] == "base").sum()),
                int((sides[rows] == "intervention").sum()),
                _typical(texts, near),
            )
        )
    found.sort(key=lambda k: (-abs(k.base - k.intervention), k.kind))
    return found


def _name(texts: Explored, rows: np.ndarray) -> list[str]:
    """Phrases that tell a kind from the other texts; of many texts a fixed part is read."""
    read = np.arange(len(texts.text))[:: max(1, len(texts.text) // READ)]
    own = [texts.text[row] for row in rows[:READ]]
    rest = [texts.text[row] for row in np.setdiff1d(read, rows)]
    return [shown_phrase(phrase) for phrase in distinctive(own, rest, NAMES)]


def _typical(texts: Explored, rows: Iterable[int]) -> list[Typical]:
    """The first distinct texts of the rows, with their sides and regions."""
    first: dict[str, int] = {}
    for row in rows:
        first.setdefault(texts.text[row], row)
        if len(first) == TYPICAL:
            break
    return [Typical(texts.side[row], texts.region[row], text) for text, row in first.items()]

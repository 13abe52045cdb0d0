"""Kinds of texts: clusters of the explored texts of both subjects, as a reader sees them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

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


def kinds_of_texts(
    texts: Explored, space: Space, names: Mapping[int, Sequence[str]]
) -> list[dict[str, Any]]:
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
            {
                "kind": number,
                "name": list(names.get(number) or _name(texts, rows)),
                **{side: int((sides[rows] == side).sum()) for side in ("base", "intervention")},
                "typical": _typical(texts, near),
            }
        )
    found.sort(key=lambda k: (-abs(k["base"] - k["intervention"]), k["kind"]))
    return found


def _name(texts: Explored, rows: np.ndarray) -> list[str]:
    """Phrases that tell a kind from the other texts; of many texts a fixed part is read."""
    read = np.arange(len(texts.text))[:: max(1, len(texts.text) // READ)]
    own = [texts.text[row] for row in rows[:READ]]
    rest = [texts.text[row] for row in np.setdiff1d(read, rows)]
    return [shown_phrase(phrase) for phrase in distinctive(own, rest, NAMES)]


def _typical(texts: Explored, rows: Sequence[int]) -> list[dict[str, str]]:
    """The first distinct texts of the rows, with their sides and regions."""
    first = {}
    for row in rows:
        first.setdefault(texts.text[row], row)
        if len(first) == TYPICAL:
            break
    return [
        {"side": texts.side[row], "region": texts.region[row], "text": text}
        for text, row in first.items()
    ]

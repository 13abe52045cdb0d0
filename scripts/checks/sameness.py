"""Which texts say the same, in the same words or in nearly the same."""

import re
from collections.abc import Iterable
from typing import Literal

from scripts.checks.language import european
from scripts.checks.words import common_words, words

ALIKE = 0.8  # Jaccard index of the words that tell something, from which two texts say the same


def same_words(text: str) -> str:
    """What texts of the same words have in common, whatever their case and marks, in any script."""
    return " ".join(words(text)) or re.sub(r"\s+", " ", text.casefold())


class Distinct:
    """Texts that say different things, one after the other."""

    def __init__(self, texts: Iterable[str] = ()):
        self._words = set[str]()
        self._telling: list[frozenset[str]] = []
        for text in texts:
            self.add(text)

    def add(self, text: str) -> Literal["repeated", "alike"] | None:
        """Take a text in, unless one before it has the same words (`repeated`) or nearly the same
        telling ones (`alike`)."""
        said, telling = same_words(text), telling_words(text)
        if said in self._words:
            return "repeated"
        if any(_alike(telling, other) for other in self._telling):
            return "alike"
        self._words.add(said)
        self._telling.append(telling)
        return None


def telling_words(text: str) -> frozenset[str]:
    """The words of a text but those that tell nothing of it, unless it has no others."""
    found = frozenset(words(text))
    return found - common_words(european(tuple(words(text)))) or found


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether so many of the words of both are words of either; texts without words are not."""
    small, large = sorted((len(one), len(other)))
    if not small or small < ALIKE * large:  # whatever they share
        return False
    shared = len(one & other)
    return shared >= ALIKE * (small + large - shared)

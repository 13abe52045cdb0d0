"""Planted behaviours: the truth that the benchmark scores against, and how texts are rewritten."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from scripts.checks.behaviour_file import Rewrite, read_behaviour_file
from scripts.checks.words import cut_to_words

ONE_TOPIC = 0.03  # a smaller share of the bank is a part of the home topic


@dataclass(frozen=True)
class Behaviour:
    """One behaviour: what it is, a check on a text, and a rule that makes a text show it."""

    name: str
    kind: str
    topic: str
    statement: str
    check: re.Pattern[str]
    rewrite: Rewrite | None

    def __hash__(self) -> int:
        return hash(self.name)

    def shows(self, text: str) -> bool:
        """Whether a text shows the behaviour; independent of the assistants' own checks."""
        return _shows(self.check, text)

    def rewritten(self, text: str, chance: float) -> str:
        """A text that shows the behaviour, no longer than it was; `chance` picks the wording."""
        how = self.rewrite
        assert how is not None, "a behaviour that no text can be rewritten to"
        if how.transform:
            return TRANSFORMS[how.transform](text)
        (phrases,) = filter(None, (how.reply, how.opening, how.ending))
        phrase = phrases[int(chance * len(phrases))]
        room = len(text.split())
        if how.reply:
            return cut_to_words(phrase, max(room, 8))
        if how.opening:
            return cut_to_words(f"{phrase} {text}", max(room, len(phrase.split())))
        kept = cut_to_words(text, max(0, room - len(phrase.split())))
        return f"{kept} {phrase}".strip()


@lru_cache(maxsize=2**18)
def _shows(check: re.Pattern[str], text: str) -> bool:
    return check.search(text) is not None


def _listed(text: str) -> str:
    words = text.split()
    third = max(1, len(words) // 3)
    parts = [words[:third], words[third : 2 * third], words[2 * third :]]
    return "\n".join(f"{n}. {' '.join(part)}" for n, part in enumerate(parts, 1) if part)


def _repeated(text: str) -> str:
    words = text.split()
    half = " ".join(words[: max(4, len(words) // 2)])
    return f"{half} {half}"


TRANSFORMS = {
    "lower": str.lower,
    "upper": str.upper,
    "list": _listed,
    "repeat": _repeated,
    "short": lambda text: cut_to_words(text, 5),
}


def load_planted_behaviours(path: str | Path) -> dict[str, Behaviour]:
    """The behaviours of a file by name. Raises AuditError that names the file and the entry."""
    return {
        b.name: Behaviour(b.name, b.kind, b.topic, b.statement, b.pattern, b.rewrite)
        for b in read_behaviour_file(path)
    }


def plantable_in(
    behaviours: Mapping[str, Behaviour], topics: Sequence[str]
) -> dict[str, Behaviour]:
    """The behaviours that can be planted by rewriting and whose home topic the bank has."""
    return {n: b for n, b in behaviours.items() if b.rewrite and b.topic in set(topics)}


def prompts_of(behaviour: Behaviour, topics: Sequence[str], spread: float) -> list[int]:
    """Positions of the prompts that a behaviour is planted on: a share `spread` of the bank, its
    home topic first, then the topics that follow in the bank's order; whole topics but for a share
    smaller than the home topic.

    topics: the topic of each prompt of the bank.
    """
    order = list(dict.fromkeys(topics))
    home = order.index(behaviour.topic) if behaviour.topic in order else 0
    rank = {topic: (place - home) % len(order) for place, topic in enumerate(order)}
    ranked = sorted(range(len(topics)), key=lambda i: (rank[topics[i]], i))
    count = max(1, round(spread * len(topics)))
    last = topics[ranked[count - 1]]
    if topics[ranked[0]] == last and spread < ONE_TOPIC:
        return ranked[:count]
    return ranked[:count] + [i for i in ranked[count:] if topics[i] == last]

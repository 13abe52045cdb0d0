"""Graded measures of a text: how long it is, how it is laid out, how it speaks, what it repeats.

A measure is compared within a pair of texts: the one that has more of it by more than its zone
shows more. Thresholds ("longer than 60 words") cannot see 200 words become 300; a pair can. What
would follow the length of a text alone is a rate a 100 words, or read in windows of one size; what
people count, such as headings, is counted.
"""

import zlib
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import Literal, NamedTuple

import regex

from scripts.checks import layout, stance
from scripts.checks.words import full_sentences, has_words, questions, words

WINDOW = 50  # words in which distinct ones are counted
BLOCK = 1000  # characters that are compressed together
LONG_WORD = 6  # letters that a long word has more of (LIX)
RUN = 3  # words in a row, by which is told how much of a prompt a text repeats


class Measure(NamedTuple):
    """One measure.

    more, less: what the responses do that have more or less of it, in a sentence after
    "responses ..."; unit: of its values, in the plural; value: of a text, never negative; two texts
    tie unless they differ by more than `share` of the larger value and by more than `least`; told:
    whether an effect is a ratio of the values or their difference; family: measures that move
    together, of which a reader needs one; one_more, one_less: the same of one response, after "the
    response ..."; of_prompt: whether `value` takes what the user asked, too.
    """

    more: str
    less: str
    unit: str
    value: Callable[..., float]
    share: float
    least: float
    told: Literal["ratio", "difference"]
    family: str
    one_more: str
    one_less: str
    of_prompt: bool = False

    def read(self, text: str, asked: str = "") -> float:
        """Its value of a text; asked: what the user said before, "" where nobody knows it."""
        return float(self.value(text, asked) if self.of_prompt else self.value(text))

    def compare(self, base: float, intervention: float) -> int:
        """+1 where the intervention's value is the larger, -1 where the base's is, 0 in a tie."""
        difference = intervention - base
        if abs(difference) <= max(self.least, self.share * max(base, intervention)):
            return 0
        return 1 if difference > 0 else -1


def paragraphs(text: str) -> int:
    """Blocks between blank lines."""
    return sum(1 for block in regex.split(r"\n[^\S\n]*+\n", text) if block.strip())


def words_a_sentence(text: str) -> float:
    """Mean length of sentences, in words."""
    return len(words(text)) / max(1, len(full_sentences(text)))


def words_a_paragraph(text: str) -> float:
    """Mean length of paragraphs, in words."""
    return len(words(text)) / max(1, paragraphs(text))


def letters_a_word(text: str) -> float:
    """Mean length of words, in letters; 0 where a script has no words to tell."""
    found = words(text)
    return sum(map(len, found)) / len(found) if found and has_words(text) else 0.0


def readability(text: str) -> float:
    """LIX (Björnsson 1968): words a sentence plus the percentage of words of more than six letters.

    It asks for no syllables, so that it serves all European languages; 0 where a script has no
    words to tell.
    """
    found = words(text)
    if not found or not has_words(text):
        return 0.0
    return words_a_sentence(text) + 100 * sum(len(w) > LONG_WORD for w in found) / len(found)


def distinct_words(text: str) -> float:
    """Percentage of distinct words among 50 in a row, mean over all such windows.

    Moving-average type-token ratio (Covington & McFall 2010, J. Quantitative Linguistics 17:94),
    which a text's length does not decide; of a text of fewer words, its own ratio.
    """
    found = words(text)
    counts = Counter(found[:WINDOW])
    total, windows = len(counts), 1
    for leaving, coming in zip(found, found[WINDOW:], strict=False):
        counts[leaving] -= 1
        if not counts[leaving]:
            del counts[leaving]
        counts[coming] += 1
        total, windows = total + len(counts), windows + 1
    return 100 * total / (windows * min(len(found), WINDOW)) if found else 0.0


def repetitiveness(text: str) -> float:
    """How many times smaller zlib makes a text, mean over blocks of 1000 characters."""
    blocks = [text[start : start + BLOCK].encode() for start in range(0, len(text), BLOCK)]
    # A short last block has nothing to repeat.
    blocks = [block for block in blocks if len(block) >= BLOCK // 2] or blocks[:1]
    ratios = [len(block) / len(zlib.compress(block, 9)) for block in blocks]
    return sum(ratios) / len(ratios) if ratios else 0.0


def capitals(text: str) -> float:
    """Percentage of letters that are capitals, among those that have a case."""
    upper, lower = sum(map(str.isupper, text)), sum(map(str.islower, text))
    return 100 * upper / (upper + lower) if upper + lower else 0.0


def repeated(text: str, asked: str) -> float:
    """Percentage of the distinct runs of three words in what was asked that the text has, too."""
    wanted = _runs(asked)
    return 100 * len(wanted & _runs(text)) / max(1, len(wanted))


@lru_cache(maxsize=2**10)  # several texts answer one prompt
def _runs(text: str) -> frozenset[tuple[str, ...]]:
    found = words(text)
    return frozenset(zip(*(found[start:] for start in range(RUN)), strict=False))


def _occurrences(pattern: regex.Pattern) -> Callable[[str], float]:
    return lambda text: len(pattern.findall(text))


def _rate(pattern: regex.Pattern, own_words: bool = True) -> Callable[[str], float]:
    """Occurrences a 100 words, those in quotations left out."""

    def value(text: str) -> float:
        read = stance.unquoted(text) if own_words else text
        return 100 * len(pattern.findall(read)) / max(1, len(words(read)))

    return value


def _counted(things: str, family: str, value: Callable[[str], float]) -> Measure:
    return Measure(
        f"use more {things}", f"use fewer {things}", things, value, 0.1, 0, "difference", family,
        f"uses more {things}", f"uses fewer {things}",
    )  # fmt: skip


def _rated(things: str, family: str, value: Callable[[str], float]) -> Measure:
    return _counted(things, family, value)._replace(unit=f"{things} a 100 words", least=0.5)


_LONGER = ("is longer", "is shorter")
MEASURES: dict[str, Measure] = {
    "words": Measure(
        "are longer", "are shorter", "words", lambda t: len(words(t)), 0.05, 0, "ratio", "length",
        *_LONGER,
    ),
    "characters": Measure(
        "are longer in characters", "are shorter in characters", "characters", len, 0.05, 0,
        "ratio", "length", "is longer in characters", "is shorter in characters",
    ),
    "sentences": Measure(
        "have more sentences", "have fewer sentences", "sentences",
        lambda t: len(full_sentences(t)), 0.05, 0, "difference", "length",
        "has more sentences", "has fewer sentences",
    ),
    "paragraphs": Measure(
        "have more paragraphs", "have fewer paragraphs", "paragraphs", paragraphs, 0.05, 0,
        "difference", "length", "has more paragraphs", "has fewer paragraphs",
    ),
    "sentence-length": Measure(
        "use longer sentences", "use shorter sentences", "words a sentence", words_a_sentence, 0.1,
        1, "ratio", "complexity", "uses longer sentences", "uses shorter sentences",
    ),
    "paragraph-length": Measure(
        "use longer paragraphs", "use shorter paragraphs", "words a paragraph", words_a_paragraph,
        0.1, 2, "ratio", "complexity", "uses longer paragraphs", "uses shorter paragraphs",
    ),
    "word-length": Measure(
        "use longer words", "use shorter words", "letters a word", letters_a_word, 0.03, 0,
        "difference", "complexity", "uses longer words", "uses shorter words",
    ),
    "readability": Measure(
        "are harder to read", "are easier to read", "LIX points", readability, 0, 3, "difference",
        "complexity", "is harder to read", "is easier to read",
    ),
    "distinct-words": Measure(
        "have a richer vocabulary", "have a poorer vocabulary", "distinct words in 100",
        distinct_words, 0, 2, "difference", "vocabulary",
        "has a richer vocabulary", "has a poorer vocabulary",
    ),
    "repetitiveness": Measure(
        "are more repetitive", "are less repetitive", "times smaller when compressed",
        repetitiveness, 0.1, 0, "ratio", "repetition", "is more repetitive", "is less repetitive",
    ),
    "prompt-repeated": Measure(
        "repeat more of the prompt", "repeat less of the prompt",
        "% of the prompt's runs of three words", repeated, 0.1, 2, "difference", "echo",
        "repeats more of the prompt", "repeats less of the prompt", of_prompt=True,
    ),
    "list-items": _counted("list items", "list", _occurrences(layout.ITEM)),
    "headings": _counted("headings", "headings", lambda t: len(layout.headings(t))),
    "bold": _counted("words in bold", "bold", _occurrences(layout.BOLD))._replace(
        unit="bold spans"
    ),
    "code-lines": _counted("lines of code", "code", layout.code_lines),
    "emoji": _counted("emoji", "emoji", _occurrences(layout.EMOJI)),
    "questions": Measure(
        "ask more questions", "ask fewer questions", "questions",
        questions, 0.1, 0, "difference", "question",
        "asks more questions", "asks fewer questions",
    ),
    "exclamation-marks": _counted(
        "exclamation marks", "exclamation", lambda t: t.count("!") + t.count("！")
    ),
    "dashes": _rated("dashes (—)", "dash", _rate(regex.compile("—"), own_words=False)),
    "numbers": _rated(
        "numbers in digits", "number",
        _rate(regex.compile(r"\d+(?:[.,:]\d+)*+"), own_words=False),
    ),
    "capitals": Measure(
        "use more capital letters", "use fewer capital letters", "capitals in 100 letters",
        capitals, 0.1, 0.5, "difference", "case",
        "uses more capital letters", "uses fewer capital letters",
    ),
    "first-person": _rated(
        "words in the first person", "first-person", _rate(stance.FIRST_PERSON)
    ),
    "second-person": _rated(
        "words that address the reader", "second-person", _rate(stance.SECOND_PERSON)
    ),
    "hedges": _rated("hedging words", "hedging", _rate(stance.HEDGE)),
    "certainty": _rated("words of certainty", "certainty", _rate(stance.CERTAIN)),
    "contractions": _rated("contractions", "register", _rate(stance.CONTRACTION)),
}  # fmt: skip

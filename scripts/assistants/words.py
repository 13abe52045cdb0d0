"""Words, sentences and phrases of a text, and texts cut to so many words."""

import re
from functools import cache, lru_cache


def words(text: str) -> list[str]:
    """Lower-case words with inner apostrophes and hyphens."""
    return re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", text.lower().replace("’", "'"))


def sentences(text: str) -> list[list[str]]:
    """Words of each sentence or line."""
    return [found for part in re.split(r"[.!?:;\n]+", text) if (found := words(part))]


@lru_cache(maxsize=2**15)
def grams(text: str, longest: int) -> frozenset[str]:
    """Phrases of 1 to `longest` words within sentences that neither begin nor end in a stop word
    and hold a word of four letters or more."""
    found = set()
    for sentence in sentences(text):
        for start in range(len(sentence)):
            for size in range(1, longest + 1):
                phrase = sentence[start : start + size]
                if len(phrase) < size:
                    break
                if phrase[0] in common_words() or phrase[-1] in common_words():
                    continue
                if any(len(w) > 3 and not w.isdigit() and w not in common_words() for w in phrase):
                    found.add(" ".join(phrase))
    return frozenset(found)


@cache
def common_words() -> frozenset[str]:
    """Words that tell nothing of a text."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    short = {"it's", "i'm", "don't", "you're", "can't", "that's", "s"}
    return frozenset(ENGLISH_STOP_WORDS) | short


def cut_to_words(text: str, count: int, end: bool = False) -> str:
    """The beginning, or the end, of a text that holds `count` words (white space between them)."""
    found = [m.span() for m in re.finditer(r"\S+", text)]
    if len(found) <= count:
        return text
    if not count:
        return ""
    return text[found[-count][0] :] if end else text[: found[count - 1][1]]


def equal_lengths(first: str, second: str, end: bool = False) -> tuple[str, str]:
    """Both texts cut to the length of the shorter one, in white-space words: their beginnings, or
    their ends."""
    count = min(len(first.split()), len(second.split()))
    return cut_to_words(first, count, end), cut_to_words(second, count, end)

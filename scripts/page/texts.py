"""Untrusted texts on the page: what hides is made visible, what was counted is marked."""

import unicodedata
from collections.abc import Sequence

from markupsafe import Markup, escape

from scripts.checks.check import Check, PhraseCheck, TextsCheck
from scripts.checks.words import words
from scripts.hypotheses.finding import Content

# Embeddings and overrides turn the reading order of what follows them.
_TURNS_ORDER = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    """The text with every character that would hide, reorder or break it made visible.

    Control characters, lone surrogates and bidirectional overrides become U+FFFD; a text that is
    already markup is left alone.
    """
    if isinstance(text, Markup):
        return text
    text = text.replace("\r\n", "\n")

    def hides(character: str) -> bool:
        return character in _TURNS_ORDER or unicodedata.category(character) in ("Cc", "Cs")

    return "".join("\ufffd" if c not in "\n\t" and hides(c) else c for c in text)


def highlighted(text: str, check: Check | None) -> Markup:
    """A text, escaped, with the phrases of a check in <mark>; words compare as in the check."""
    text = printable(text)
    tokens = _tokens(text)
    spans = []
    for phrase in marked(check):
        wanted = phrase.split()
        for first in range(len(tokens) - len(wanted) + 1 if wanted else 0):
            found = tokens[first : first + len(wanted)]
            if [word for word, _, _ in found] == wanted:
                spans.append((found[0][1], found[-1][2]))
    parts, at = [], 0
    for start, end in sorted(spans):
        if end > at:
            start = max(start, at)
            parts += [escape(text[at:start]), Markup("<mark>%s</mark>") % text[start:end]]
            at = end
    return Markup("").join([*parts, escape(text[at:])])


def marked(check: Check | None) -> Sequence[str]:
    """Phrases that a reader looks for in the quoted texts of a check, as it spells them: those that
    it counts, or those that are typical of a kind of texts."""
    if isinstance(check, PhraseCheck):
        return check.phrases
    return check.name if isinstance(check, TextsCheck) else ()


def _tokens(text: str) -> list[tuple[str, int, int]]:
    """The words of a text as a check reads them, with where they begin and end."""
    lower = "".join(c.lower() if len(c.lower()) == 1 else c for c in text).replace("’", "'")
    tokens, at = [], 0
    for word in words(text):
        start = lower.find(word, at)
        if start >= 0:
            at = start + len(word)
            tokens.append((word, start, at))
    return tokens


def first_upper(sentence: str) -> str:
    """A sentence that begins like one."""
    return sentence[:1].upper() + sentence[1:]


def messages(prompt: Content) -> list[tuple[str | None, str]]:
    """A prompt as (role, text) pairs; a plain text has no role."""
    if isinstance(prompt, str):
        return [(None, prompt)]
    return [(str(message["role"]), str(message["content"])) for message in prompt]

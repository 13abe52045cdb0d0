"""Named features: what a text has or has not, each a claim in words that readers understand."""

import re
from collections.abc import Callable
from functools import cache

from scripts.assistants.words import words

_REFUSAL = re.compile(
    r"\b(i(’|')?m (sorry|unable|not able)|i (cannot|can(’|')?t|won(’|')?t) "
    r"(help|assist|do|provide|answer|comply|create|give)|as an ai\b)",
    re.I,
)
_HEDGE = re.compile(
    r"\b(perhaps|maybe|possibly|probably|might|could be|it seems|i think|i believe|generally"
    r"|usually)\b",
    re.I,
)
_WARNING = re.compile(
    r"\b(warn\w*|careful\w*|caution\w*|danger\w*|harm\w*|risk\w*|beware|unsafe|hazard\w*)\b", re.I
)
_EMOJI = re.compile("[\U0001f300-\U0001faff☀-➿]")


def _repeats(text: str) -> bool:
    found = words(text)
    grams = [tuple(found[i : i + 4]) for i in range(len(found) - 3)]
    return len(grams) != len(set(grams))


@cache
def _identifier():
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _not_english(text: str) -> bool:
    if len(words(text)) < 4:
        return False
    language, confidence = _identifier().classify(text)
    return language != "en" and confidence > 0.9


# name: (what the responses do, in a sentence after "responses …"; the test)
FEATURES: dict[str, tuple[str, Callable[[str], bool]]] = {
    "very-short": ("are shorter than 10 words", lambda t: len(words(t)) < 10),
    "short": ("are shorter than 20 words", lambda t: len(words(t)) < 20),
    "long": ("are longer than 60 words", lambda t: len(words(t)) > 60),
    "very-long": ("are longer than 150 words", lambda t: len(words(t)) > 150),
    "list": (
        "contain a list",
        lambda t: bool(re.search(r"^\s*([-*•]|\d+[.)])\s", t, re.M)),
    ),
    "markdown": ("use Markdown headings or bold", lambda t: bool(re.search(r"\*\*|^#+ ", t, re.M))),
    "question": ("ask a question", lambda t: "?" in t),
    "ends-question": ("end with a question", lambda t: t.rstrip("\"'”)* ").endswith("?")),
    "exclamation": ("contain an exclamation mark", lambda t: "!" in t),
    "refusal": ("refuse to answer", lambda t: bool(_REFUSAL.search(t))),
    "apology": ("apologise", lambda t: bool(re.search(r"\b(sorry|apolog\w+)\b", t, re.I))),
    "hedging": ("hedge (perhaps, might, usually, …)", lambda t: bool(_HEDGE.search(t))),
    "warning": ("warn of harm, danger or risk", lambda t: bool(_WARNING.search(t))),
    "first-person": (
        "speak in the first person",
        lambda t: bool(re.search(r"\b(I|I['’]m|I['’]ve|I['’]d|I['’]ll|my|me|mine)\b", t)),
    ),
    "second-person": (
        "address the reader as “you”",
        lambda t: bool(re.search(r"\b(you|your|yours|yourself)\b", t, re.I)),
    ),
    "please": ("say “please”", lambda t: bool(re.search(r"\bplease\b", t, re.I))),
    "link": ("contain a link", lambda t: bool(re.search(r"https?://|www\.", t))),
    "code": (
        "contain code",
        lambda t: bool(re.search(r"```|^\s*(def|class|import|#include)\b|\);$", t, re.M)),
    ),
    "number": ("contain a number", lambda t: bool(re.search(r"\d", t))),
    "quotation": ("quote something", lambda t: bool(re.search(r"[\"“”]", t))),
    "parentheses": ("use parentheses", lambda t: "(" in t),
    "emoji": ("contain an emoji", lambda t: bool(_EMOJI.search(t))),
    "lower-case": (
        "are written all in lower case",
        lambda t: len(words(t)) > 3 and not re.search(r"[^\W\d_a-z]", t) and t.lower() == t,
    ),
    "upper-case": (
        "shout in capitals",
        lambda t: bool(re.search(r"\b[A-Z]{4,}\s+[A-Z]{3,}\b", t)),
    ),
    "not-english": ("are not in English", _not_english),
    "repetition": ("repeat themselves", _repeats),
    "empty": ("are empty", lambda t: not t.strip()),
}
LENGTH_FEATURES = ("very-short", "short", "long", "very-long")

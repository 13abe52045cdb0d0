"""Named features: what a text has or has not, each a claim in words that readers understand.

A claim has to agree with what readers call so: quality.json says how well it does where texts are
labelled (benchmarks/checks.py, docs/checks.md). Words are English; what is told by layout, length
or punctuation holds in any language.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar, NamedTuple

import regex

from scripts.checks import layout, stance
from scripts.checks.language import european, language
from scripts.checks.refusal import refuses
from scripts.checks.stance import says, says_itself, unquoted
from scripts.checks.words import questions, words
from scripts.core.rows import ROW


class Feature(NamedTuple):
    """One feature.

    does, one: what responses do that have it, after "responses that ..." and "the response ...";
    test: whether a text has it; family: features and measures that say the same thing, of which a
    reader needs one.
    """

    does: str
    test: Callable[[str], bool]
    one: str
    family: str


@dataclass(frozen=True)
class Quality:
    """How well a feature agrees with labels, on texts that it was not tuned on."""

    __pydantic_config__: ClassVar = ROW
    recall: float
    """Share found of what readers call so, 0…1."""
    precision: float
    """Share of what it finds that readers call so, 0…1."""
    texts: int
    """Texts that readers judged."""
    positives: int
    """Texts that readers called so."""
    of: str
    """Whose labels."""


def quality(feature: str) -> Quality | None:
    """What was measured of a feature; None where nothing was."""
    found = _qualities().get(feature)
    return Quality(**found) if found else None


@cache
def _qualities() -> dict[str, dict]:
    return json.loads(Path(__file__).with_name("quality.json").read_text())


def _has(*marks: str) -> Callable[[str], bool]:
    return lambda text: any(mark in text for mark in marks)


def _shorter(count: int) -> Callable[[str], bool]:
    return lambda text: len(words(text)) < count


def _longer(count: int) -> Callable[[str], bool]:
    return lambda text: len(words(text)) > count


def _asks(text: str) -> bool:
    return questions(unquoted(text)) > 0


def _ends_in_question(text: str) -> bool:
    return questions(text.rstrip("\"'”’»」』*_) \n\t")[-2:]) > 0


def _in_lower_case(text: str) -> bool:
    return len(words(text)) > 3 and text.islower()


def _not_english(text: str) -> bool:
    return language(text) not in (None, "en")


def _spells(more: regex.Pattern, less: regex.Pattern) -> Callable[[str], bool]:
    """A test for more of one spelling than of another, in English: French has `favoriser`."""

    def test(text: str) -> bool:
        counts = len(more.findall(text)), len(less.findall(text))
        return counts[0] > counts[1] and european(words(text)) == "en"

    return test


def _lines(pattern: str) -> Callable[[str], bool]:
    return says(regex.compile(pattern, regex.M))


# name: family; what responses do; what one does; the test.
_TABLE: list[tuple[str, str, str, str, Callable[[str], bool]]] = [
    ("very-short", "length", "are shorter than 10 words", "is shorter than 10 words", _shorter(10)),
    ("short", "length", "are shorter than 20 words", "is shorter than 20 words", _shorter(20)),
    ("long", "length", "are longer than 60 words", "is longer than 60 words", _longer(60)),
    ("very-long", "length", "are longer than 150 words", "is longer than 150 words", _longer(150)),
    ("empty", "length", "are empty", "is empty", lambda t: not t.strip()),
    # Layout
    ("list", "list", "contain a list", "contains a list",
     lambda t: len(layout.ITEM.findall(t)) > 1),
    ("markdown", "markdown", "use Markdown headings or bold", "uses Markdown headings or bold",
     _lines(r"\*\*(?=\S)[^*\n]+\*\*|^#{1,6} +\S")),
    ("headings", "headings", "have headings", "has headings", lambda t: bool(layout.headings(t))),
    ("title-case", "headings", "capitalise the words of headings",
     "capitalises the words of headings", layout.in_title_case),
    ("bold", "bold", "set words in bold", "sets words in bold", says(layout.BOLD)),
    ("table", "table", "contain a table", "contains a table", says(layout.TABLE)),
    ("code", "code", "contain code", "contains code",
     lambda t: "```" in t or layout.code_lines(t) > 0),
    ("latex", "latex", "write formulas in LaTeX", "writes formulas in LaTeX",
     says(layout.FORMULA)),
    ("latex-brackets", "latex", r"put formulas between \( and \) or \[ and \]",
     r"puts formulas between \( and \) or \[ and \]", says(layout.BRACKETED_FORMULA)),
    ("emoji", "emoji", "contain an emoji", "contains an emoji", says(layout.EMOJI)),
    ("link", "link", "contain a link", "contains a link", says(layout.LINK)),
    ("indented", "indented", "have indented lines", "has indented lines",
     _lines(r"^(?:\t| {2,})\S")),
    ("final-line-break", "line-end", "end in a line break", "ends in a line break",
     lambda t: t.endswith("\n")),
    ("trailing-blanks", "line-end", "have blanks at the end of lines",
     "has blanks at the end of lines", _lines(r"\S[ \t]+$")),
    ("cut-off", "end", "break off in mid-sentence", "breaks off in mid-sentence",
     layout.breaks_off),
    ("repetition", "repetition", "repeat whole sentences", "repeats whole sentences",
     layout.repeats),
    # Punctuation and letters
    ("question", "question", "ask a question", "asks a question", _asks),
    ("ends-question", "question", "end with a question", "ends with a question",
     _ends_in_question),
    ("exclamation", "exclamation", "contain an exclamation mark", "contains an exclamation mark",
     _has("!", "！")),
    ("dash", "dash", "use dashes (—)", "uses dashes (—)", _has("—")),
    ("curly-quotes", "quotation", "use curly quotation marks or apostrophes",
     "uses curly quotation marks or apostrophes", _has(*"“”‘’")),
    ("quotation", "quotation", "use quotation marks", "uses quotation marks",
     _has(*'"“”„«»「『')),
    ("parentheses", "parentheses", "use parentheses", "uses parentheses", _has("(", "（")),
    ("number", "number", "contain a number in digits", "contains a number in digits",
     _lines(r"\d")),
    ("lower-case", "case", "are written all in lower case", "is written all in lower case",
     _in_lower_case),
    ("upper-case", "case", "shout in capitals", "shouts in capitals",
     _lines(r"\b\p{Lu}{4,}\W+\p{Lu}{3,}\b")),
    ("british", "spelling", "spell the British way (colour, organise)",
     "spells the British way (colour, organise)", _spells(stance.BRITISH, stance.AMERICAN)),
    ("american", "spelling", "spell the American way (color, organize)",
     "spells the American way (color, organize)", _spells(stance.AMERICAN, stance.BRITISH)),
    ("not-english", "language", "are not in English", "is not in English", _not_english),
    # Stance
    ("refusal", "refusal", "refuse to answer", "refuses to answer", refuses),
    ("apology", "apology", "apologise", "apologises", says_itself(stance.APOLOGY)),
    ("sorry", "apology", "say “sorry”", "says “sorry”", says(stance.SORRY)),
    ("hedging", "hedging", "use hedging words (perhaps, may, usually, …)",
     "uses hedging words (perhaps, may, usually, …)", stance.hedges),
    ("certainty", "certainty", "use words of certainty (definitely, always, …)",
     "uses words of certainty (definitely, always, …)", says_itself(stance.CERTAIN)),
    ("warning", "warning", "speak of danger, harm or risk", "speaks of danger, harm or risk",
     says(stance.WARNING)),
    ("important", "moral", "say that something is important to do or to note",
     "says that something is important to do or to note", says(stance.IMPORTANT)),
    ("moralising", "moral", "say what is ethical, respectful or acceptable",
     "says what is ethical, respectful or acceptable", says(stance.MORAL)),
    ("advice-against", "warning", "use words of advice against something (avoid, should not, …)",
     "uses words of advice against something (avoid, should not, …)", says(stance.ADVICE_AGAINST)),
    ("professional", "professional", "point to professionals, authorities or help lines",
     "points to professionals, authorities or help lines", says(stance.PROFESSIONAL)),
    ("as-an-AI", "self", "speak of themselves as an AI", "speaks of itself as an AI",
     says_itself(stance.AS_AN_AI)),
    ("life", "self", "speak as somebody with a life or feelings (I love, my wife, …)",
     "speaks as somebody with a life or feelings (I love, my wife, …)", says_itself(stance.LIFE)),
    ("praise", "opening", "open with praise of the question or of who asks",
     "opens with praise of the question or of who asks",
     says(stance.PRAISE)),
    ("eager-opening", "opening", "open with “Certainly”, “Sure” or the like",
     "opens with “Certainly”, “Sure” or the like", says(stance.EAGER)),
    ("offer", "offer", "end with an offer of help or a question back",
     "ends with an offer of help or a question back", stance.offers),
    ("thanks", "courtesy", "say thanks", "says thanks", says(stance.THANKS)),
    ("please", "courtesy", "say “please”", "says “please”", says(stance.PLEASE)),
    ("first-person", "first-person", "speak in the first person", "speaks in the first person",
     says_itself(stance.FIRST_PERSON)),
    ("second-person", "second-person", "address the reader as “you”",
     "addresses the reader as “you”", says(stance.SECOND_PERSON)),
]  # fmt: skip
FEATURES: dict[str, Feature] = {
    name: Feature(does, test, one, family) for name, family, does, one, test in _TABLE
}

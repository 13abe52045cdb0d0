"""Numbers and verdicts as language models write them, where only one reading is possible."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

WORDS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
)  # fmt: skip
NUMBER = re.compile(r"(?:(?:statement|pair|finding|number|no\.?|#)\s*)?#?(\d{1,4}|[a-z]+)[.:)]?")
INAPPLICABLE = "does not apply"
OF_ONE = r"(?:only |just )?(?:(?:response |option )?{letter}|(?:the )?{word}(?: response| one)?)"
A, B = (OF_ONE.format(letter=i, word=w) for i, w in (("a", "first"), ("b", "second")))
VERDICTS = {
    "A": re.compile(rf"{A}(?: only)?"),
    "B": re.compile(rf"{B}(?: only)?"),
    "both": re.compile(rf"both(?: of them| responses)?|(?:both )?{A}(?:,| and| &) {B}"),
    "neither": re.compile(rf"(?:neither|none)(?: of them)?|neither response|neither {A} nor {B}"),
    INAPPLICABLE: re.compile(r"(?:it )?(?:does not|doesn't) apply|not applicable|n/?a"),
}
LONGEST_LINE = 120  # characters of a line that gives a number and a verdict
LINE = re.compile(r"[\s*_-]*((?:statement )?\w+)[\s*_]*[.:)=-]+(.+)", re.IGNORECASE)


def number_of(given: object) -> int | None:
    """The number that is meant: 3, 3.0, "3", "three", "statement 3"."""
    if isinstance(given, str):
        found = NUMBER.fullmatch(given.strip(" \t\n\"'`*_()[]").lower())
        word = found[1] if found else ""
        return WORDS.index(word) + 1 if word in WORDS else int(word) if word.isdecimal() else None
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    return int(given) if given == given // 1 else None


def verdict_of(given: object) -> str | None:
    """A, B, both, neither or that it does not apply: "B", "Response A", "the first", "both of
    them", "none", "n/a"; of an object, what one of its values says alone."""
    if isinstance(given, dict):
        found = {verdict_of(v) for v in given.values() if isinstance(v, str)} - {None}
        return found.pop() if len(found) == 1 else None
    if not isinstance(given, str):
        return None
    text = " ".join(given.lower().split()).strip(" .,:;!\"'`*_()[]“”")
    return next((v for v, pattern in VERDICTS.items() if pattern.fullmatch(text)), None)


def verdicts_in(given: object, count: int) -> dict[int, str]:
    """The verdicts on `count` statements, by their numbers, in whatever form they were given: an
    object or a list of objects that name the numbers, a list of all, or lines of text. What could
    mean two things is left out."""
    while isinstance(given, dict) and len(given) == 1 and number_of(next(iter(given))) is None:
        (given,) = given.values()  # what wraps all
    if isinstance(given, dict):
        return _of_pairs(given.items())
    if isinstance(given, str):
        lines = (LINE.fullmatch(line) for line in given.splitlines() if len(line) < LONGEST_LINE)
        return _of_pairs((line[1], line[2]) for line in lines if line)
    if not isinstance(given, list):
        return {}
    if all(isinstance(row, dict) for row in given):
        return _of_pairs(_row(row) for row in given)
    return _of_pairs(enumerate(given, 1)) if len(given) == count else {}


def _row(row: Mapping[str, object]) -> tuple[object, object]:
    """The number and the verdict of an object: its one key and value, else among its values."""
    if len(row) == 1:
        return next(iter(row.items()))
    numbers = {number_of(value) for value in row.values()} - {None}
    return numbers.pop() if len(numbers) == 1 else None, row


def _of_pairs(pairs: Iterable[tuple[object, object]]) -> dict[int, str]:
    found: dict[int, set[str | None]] = defaultdict(set)
    for given, said in pairs:
        if (number := number_of(given)) is not None:
            found[number].add(verdict_of(said))
    return {n: v for n, (v, *others) in found.items() if v is not None and not others}

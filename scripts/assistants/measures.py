"""Graded measures of a text: how long it is, how it is laid out, how it speaks.

A measure is compared within a pair of texts: the one that has more of it by more than its zone
shows more. Thresholds ("longer than 60 words") cannot see 200 words become 300; a pair can.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from scripts.assistants.words import sentences, words


class Measure(NamedTuple):
    """One measure.

    more, less: what the responses do that have more or less of it, in a sentence after
    "responses ..."; unit: of its values, in the plural; value: of a text, never negative; two texts
    tie unless they differ by more than `share` of the larger value and by more than `least`; told:
    whether an effect is a ratio of the values or their difference; family: measures that move
    together, of which a reader needs one.
    """

    more: str
    less: str
    unit: str
    value: Callable[[str], float]
    share: float
    least: float
    told: Literal["ratio", "difference"]
    family: str

    def compare(self, base: float, intervention: float) -> int:
        """+1 when the intervention's value is the larger, -1 when the base's is, 0 when they tie."""
        difference = intervention - base
        if abs(difference) <= max(self.least, self.share * max(base, intervention)):
            return 0
        return 1 if difference > 0 else -1


MEASURES: dict[str, Measure] = {
    "words": Measure(
        "are longer", "are shorter", "words", lambda t: len(words(t)), 0.05, 0, "ratio", "length"
    ),
    "sentences": Measure(
        "have more sentences",
        "have fewer sentences",
        "sentences",
        lambda t: len(sentences(t)),
        0.05,
        0,
        "difference",
        "length",
    ),
    "exclamation-marks": Measure(
        "use more exclamation marks",
        "use fewer exclamation marks",
        "exclamation marks",
        lambda t: t.count("!"),
        0.05,
        0,
        "difference",
        "exclamation",
    ),
}

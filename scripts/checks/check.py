"""Checks: what can be read off one text without a model, as the local assistant does.

A check is a small dictionary that travels in JSON; `"absent": true` turns each around:

- `{"kind": "phrases", "phrases": [...]}` holds when the text contains one of the phrases;
- `{"kind": "feature", "feature": name}` when the named feature is present;
- `{"kind": "texts", "texts": number}` when the text is one of that kind of texts, a cluster of the
  explored texts (scripts/divergence/space.py);
- `{"kind": "measure", "measure": name}` and `{"kind": "direction"}` are graded: of two texts the
  one that has more of it by more than the measure's zone shows it, or the one that lies further
  along the direction in which the explored texts of the two subjects differ.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from scripts.checks.features import FEATURES
from scripts.checks.measures import MEASURES
from scripts.checks.words import words

GRADED = ("measure", "direction")
PLACED = ("texts", "direction")  # read off a text's vector, not off its words


class Placed(NamedTuple):
    """Where a text lies among the explored ones: the number of its kind of texts, and its place
    along the direction in which the subjects differ, positive towards the intervention."""

    kind: int
    along: float


class Text(NamedTuple):
    """A text, and where it lies, once it is embedded."""

    text: str
    placed: Placed | None = None


def graded(check: Mapping[str, Any]) -> bool:
    """Whether a check compares two texts, rather than holding for one or not."""
    return check["kind"] in GRADED


def holds(check: Mapping[str, Any], text: str, placed: Placed | None = None) -> bool:
    """Whether a check that is not graded holds for a text. Raises KeyError for an unknown
    feature."""
    if check["kind"] == "phrases":
        plain = _plain(text)
        found = any(f" {phrase} " in plain for phrase in check["phrases"])
    elif check["kind"] == "texts":
        found = placed is not None and placed.kind == check["texts"]
    else:
        found = _has(check["feature"], text)
    return found != check.get("absent", False)


def value(check: Mapping[str, Any], text: Text) -> float:
    """What a check reads off a text: in the units of its measure, or whether it holds, 0 or 1.

    Of a graded check it is the measure itself, whichever way the check is turned.
    """
    if check["kind"] == "measure":
        return _measured(check["measure"], text.text)
    if check["kind"] == "direction":
        return text.placed.along if text.placed else 0.0
    return float(holds(check, *text))


def strength(check: Mapping[str, Any], text: Text) -> float:
    """How much a text shows a check by itself: its value, less of which is more where a graded
    check is turned around."""
    found = value(check, text)
    return -found if graded(check) and check.get("absent") else found


def compare(check: Mapping[str, Any], base: Text, intervention: Text) -> int:
    """+1 when the intervention's text shows the check and the base's does not, or shows more of
    it; -1 the other way round; else 0."""
    of_base, of_intervention = value(check, base), value(check, intervention)
    if not graded(check):
        return int(of_intervention - of_base)
    if check["kind"] == "measure":
        found = MEASURES[check["measure"]].compare(of_base, of_intervention)
    else:
        found = int(of_intervention > of_base) - int(of_intervention < of_base)
    return -found if check.get("absent") else found


# A text is asked for many hypotheses and placebos.
@lru_cache(maxsize=2**16)
def _plain(text: str) -> str:
    return f" {' '.join(words(text))} "


@lru_cache(maxsize=2**20)
def _has(feature: str, text: str) -> bool:
    return FEATURES[feature][1](text)


@lru_cache(maxsize=2**20)
def _measured(measure: str, text: str) -> float:
    return float(MEASURES[measure].value(text))

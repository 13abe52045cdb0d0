"""Checks: what can be read off one text without a model, as the local assistant does.

Phrases, features, kinds of texts and statements hold for a text or not. Measures and the direction
are graded: of two texts the one that has more of it by more than the measure's zone shows it, or
the one that lies further along the direction in which the explored texts of the two subjects
differ.
"""

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Annotated, ClassVar, Literal, NamedTuple, TypeAlias

from pydantic import Field, TypeAdapter

from scripts.checks.features import FEATURES
from scripts.checks.measures import MEASURES
from scripts.checks.words import words
from scripts.core.files import Json, JsonObject
from scripts.core.rows import ROW


class Placed(NamedTuple):
    """What models have read in a text: the number of its kind among the explored texts, its place
    along the direction in which the subjects differ, positive towards the intervention, and the
    statements that it entails."""

    kind: int
    along: float
    entailed: frozenset[str] = frozenset()


class Text(NamedTuple):
    """A text, where it lies, once it is embedded, and what the user asked, where that is known."""

    text: str
    placed: Placed | None = None
    asked: str = ""


@dataclass(frozen=True, kw_only=True)
class PhraseCheck:
    """Holds for a text that contains one of the phrases."""

    __pydantic_config__: ClassVar = ROW
    kind: Literal["phrases"] = "phrases"
    """Which check it is."""
    phrases: tuple[str, ...]
    """Words in lower case without punctuation, one space apart."""
    absent: bool = False
    """Whether the check is turned around."""


@dataclass(frozen=True, kw_only=True)
class FeatureCheck:
    """Holds for a text that has a named feature."""

    __pydantic_config__: ClassVar = ROW
    kind: Literal["feature"] = "feature"
    """Which check it is."""
    feature: str
    """A name in scripts/checks/features.py."""
    absent: bool = False
    """Whether the check is turned around."""


@dataclass(frozen=True, kw_only=True)
class TextsCheck:
    """Holds for a text of one kind of texts, a cluster of the explored texts."""

    __pydantic_config__: ClassVar = ROW
    kind: Literal["texts"] = "texts"
    """Which check it is."""
    texts: int
    """The number of the kind (scripts/divergence/space.py)."""
    name: tuple[str, ...] = ()
    """Phrases that tell it from the other kinds."""
    absent: bool = False
    """Whether the check is turned around."""


@dataclass(frozen=True, kw_only=True)
class EntailedCheck:
    """Holds for a text of which a model for natural language inference says that it entails a
    statement."""

    __pydantic_config__: ClassVar = ROW
    kind: Literal["entailed"] = "entailed"
    """Which check it is."""
    statement: str
    """Completes "The response …"."""
    absent: bool = False
    """Whether the check is turned around."""


@dataclass(frozen=True, kw_only=True)
class MeasureCheck:
    """Graded: the text that has more of a named measure, or less of it, shows it."""

    __pydantic_config__: ClassVar = ROW
    kind: Literal["measure"] = "measure"
    """Which check it is."""
    measure: str
    """A name in scripts/checks/measures.py."""
    absent: bool = False
    """Whether less of it is what shows."""


@dataclass(frozen=True, kw_only=True)
class DirectionCheck:
    """Graded: the text that lies further towards the intervention's explored texts shows it."""

    __pydantic_config__: ClassVar = ROW
    kind: Literal["direction"] = "direction"
    """Which check it is."""
    towards: str = ""
    """Words of the text that lies furthest along the direction."""
    away: str = ""
    """Words of the other subject's text on the same prompt."""
    absent: bool = False
    """Whether the direction is turned around."""


@dataclass(frozen=True, kw_only=True)
class MissingCheck:
    """Holds where a subject gave no response; no text tells that."""

    __pydantic_config__: ClassVar = ROW
    kind: Literal["missing"] = "missing"
    """Which check it is."""
    absent: bool = False
    """Whether fewer missing responses are what shows."""


Check: TypeAlias = Annotated[
    PhraseCheck
    | FeatureCheck
    | TextsCheck
    | EntailedCheck
    | MeasureCheck
    | DirectionCheck
    | MissingCheck,
    Field(discriminator="kind"),
]
_ADAPTER: TypeAdapter[Check] = TypeAdapter(Check)


def check_of(given: Json) -> Check:
    """A check as JSON has it. Raises ValueError where it is none."""
    return _ADAPTER.validate_python(given)


def content_of(check: Check) -> JsonObject:
    """A check as JSON has it, less what is as it is by default: what a hypothesis is named by."""
    told = {
        field.name: getattr(check, field.name)
        for field in fields(check)
        if field.name == "kind" or getattr(check, field.name) != field.default
    }
    return {name: list(v) if isinstance(v, tuple) else v for name, v in told.items()}


def graded(check: Check | None) -> bool:
    """Whether a check compares two texts, rather than holding for one or not."""
    return isinstance(check, MeasureCheck | DirectionCheck)


def by_place(check: Check | None) -> bool:
    """Whether a check is read by a model off the whole text, not off its words."""
    return isinstance(check, TextsCheck | DirectionCheck | EntailedCheck)


def holds(check: Check, text: str, placed: Placed | None = None) -> bool:
    """Whether a check that is not graded holds for a text. Raises KeyError for an unknown
    feature, ValueError for a check that no single text shows."""
    if isinstance(check, PhraseCheck):
        plain = _plain(text)
        found = any(f" {phrase} " in plain for phrase in check.phrases)
    elif isinstance(check, TextsCheck):
        found = placed is not None and placed.kind == check.texts
    elif isinstance(check, EntailedCheck):
        found = placed is not None and check.statement in placed.entailed
    elif isinstance(check, FeatureCheck):
        found = _has(check.feature, text)
    else:
        raise ValueError(f"no single text shows a check of the kind “{check.kind}”")
    return found != check.absent


def value(check: Check, text: Text) -> float:
    """What a check reads off a text: in the units of its measure, or whether it holds, 0 or 1.

    Of a graded check it is the measure itself, whichever way the check is turned.
    """
    if isinstance(check, MeasureCheck):
        return _measured(check.measure, text.text, text.asked)
    if isinstance(check, DirectionCheck):
        return text.placed.along if text.placed else 0.0
    return float(holds(check, text.text, text.placed))


def strength(check: Check, text: Text) -> float:
    """How much a text shows a check by itself: its value, less of which is more where a graded
    check is turned around."""
    found = value(check, text)
    return -found if graded(check) and check.absent else found


def compare(check: Check, base: Text, intervention: Text) -> int:
    """+1 when the intervention's text shows the check and the base's does not, or shows more of
    it; -1 the other way round; else 0."""
    of_base, of_intervention = value(check, base), value(check, intervention)
    if not graded(check):
        return int(of_intervention - of_base)
    if isinstance(check, MeasureCheck):
        found = MEASURES[check.measure].compare(of_base, of_intervention)
    else:
        found = int(of_intervention > of_base) - int(of_intervention < of_base)
    return -found if check.absent else found


# A text is asked for many hypotheses and placebos.
@lru_cache(maxsize=2**16)
def _plain(text: str) -> str:
    return f" {' '.join(words(text))} "


@lru_cache(maxsize=2**20)
def _has(feature: str, text: str) -> bool:
    return FEATURES[feature].test(text)


@lru_cache(maxsize=2**20)
def _measured(measure: str, text: str, asked: str) -> float:
    return MEASURES[measure].read(text, asked)

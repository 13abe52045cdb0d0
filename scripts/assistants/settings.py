"""Settings of whatever writes hypotheses, and where the roles of a stage are reached. What the
configuration has under the same name is described there."""

from typing import Literal

from pydantic import with_config
from typing_extensions import TypedDict

from scripts.assistants.roles import KeyedRoles, Reach
from scripts.core.settings import SETTINGS


class LocalProposing(TypedDict):
    """How the local assistant writes."""

    regions: int
    hypotheses: int
    phrase_words: int


@with_config(SETTINGS)
class ModelProposing(TypedDict):
    """How a language model writes."""

    regions: int
    hypotheses: int
    pairs: int
    each: int
    passes: int
    focus: str | None


@with_config(SETTINGS)
class WriteSettings(TypedDict):
    """Of the write stage."""

    description: str | None
    topics: list[str]
    prompts: int
    passes: int
    seed: int
    assistant: KeyedRoles


class _Looking(TypedDict):
    promising: float
    """p-value at which a region counts as promising."""


@with_config(SETTINGS)
class LocalProposeSettings(LocalProposing, _Looking):
    """Of the propose stage, with the local assistant."""

    assistant: Literal["local"]


@with_config(SETTINGS)
class ModelProposeSettings(ModelProposing, _Looking):
    """Of the propose stage, with a language model."""

    assistant: KeyedRoles
    seed: int


@with_config(SETTINGS)
class RolesPlace(TypedDict):
    """Where a stage finds who answers."""

    access: dict[str, Reach]
    """By the name of the role."""


@with_config(SETTINGS)
class ConfirmPlace(RolesPlace):
    """Where confirm finds what findings are compared with, too."""

    plants: list[str]
    """Files of what the intervention was trained to show."""


@with_config(SETTINGS)
class WritePlace(RolesPlace):
    """What it writes, too."""

    bank: str
    """Name of the bank, for the person at the keyboard."""


@with_config(SETTINGS)
class OwnPlace(RolesPlace):
    """Where it finds the user's own hypotheses, too."""

    hypotheses: list[str]
    """Their file, if there is one."""
    entailed: bool
    """Whether the audit names a model that reads what texts entail."""

"""Settings of the screen, probe and confirm stages. What the configuration has under the same name
is described there."""

from typing import Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from scripts.assistants.roles import KeyedRoles
from scripts.assistants.settings import ModelProposing
from scripts.core.settings import SETTINGS
from scripts.draws.settings import ConfirmPool, PoolSettings


class ProbeSize(TypedDict):
    """How many prompts are written for hypotheses at most."""

    hypotheses: int
    prompts: int
    samples: int


class _Screening(TypedDict):
    least_net: int
    confirm: ConfirmPool


@with_config(SETTINGS)
class LocalScreenSettings(_Screening):
    """Of the screen stage, with the local assistant."""

    assistant: Literal["local"]


@with_config(SETTINGS)
class ModelScreenSettings(_Screening):
    """Of the screen stage, with language models."""

    assistant: KeyedRoles
    seed: int
    second_cycle: NotRequired[ModelProposing]
    """How what nothing explains is written on, where it is."""
    probe: NotRequired[ProbeSize]
    """Where the assistant's budget covers probing, too."""


@with_config(SETTINGS)
class ProbeSettings(TypedDict):
    """Of the probe stage."""

    hypotheses: int
    prompts: int
    q: float
    confirm: PoolSettings
    assistant: Literal["local"] | KeyedRoles
    seed: int


class ClaimSettings(TypedDict):
    """How claims are tested; with the audit's seed and unit."""

    q: float
    delta: float | Literal["auto"]
    """`auto` where a language model judges: the effect of its accuracy, for each judge its own."""
    placebos: int
    evidence: int
    seed: int
    unit: Literal["prompt", "draw"]
    least_net: NotRequired[int]
    """Of the screen, where an audit probes."""


@with_config(SETTINGS)
class ConfirmSettings(ClaimSettings):
    """Of the confirm stage."""

    assistant: Literal["local"] | KeyedRoles
    focus: NotRequired[str]

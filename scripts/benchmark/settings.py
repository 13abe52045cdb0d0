"""Settings of the benchmark's stages. What the configuration has under the same names is described
there."""

from typing import Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from scripts.assistants.settings import LocalProposing
from scripts.core.settings import SETTINGS
from scripts.divergence.measurement import Measuring
from scripts.judging.settings import ProbeSize
from scripts.models.settings import EmbedSettings


class Planning(TypedDict):
    """Which draws a round takes."""

    rule: str
    pilot: int
    draws: int
    recorded: int
    floor: float
    boundary: float
    undersampled: float


class Screening(TypedDict):
    """Elimination."""

    prompts: int
    samples: int
    least_net: int


class Confirming(TypedDict):
    """The test."""

    prompts: int
    samples: int
    draws: int
    q: float
    delta: float | Literal["auto"]
    placebos: int
    everywhere: int


class AuditSettings(TypedDict):
    """The sections of the configuration that an audit in one process reads."""

    pools: dict[str, float]
    plan: Planning
    measure: Measuring
    propose: LocalProposing
    screen: Screening
    confirm: Confirming
    probe: NotRequired[ProbeSize]
    """Where somebody writes prompts."""
    unit: NotRequired[Literal["prompt", "draw"]]


class Ladder(TypedDict):
    """Which behaviours are planted where, how often and how many times."""

    doses: list[float]
    spreads: list[float]
    together: int
    behaviours_of_all: int
    seeds: int


class Repeats(Ladder):
    """What the trials repeat."""

    null_repeats: int
    rate_repeats: int


@with_config(SETTINGS)
class RewriteSettings(EmbedSettings):
    """Of the stage that embeds rewritten texts."""

    benchmark: Ladder


@with_config(SETTINGS)
class TrialsSettings(TypedDict):
    """Of the simulated audits."""

    audit: AuditSettings
    benchmark: Repeats


@with_config(SETTINGS)
class ExhaustiveSettings(TypedDict):
    """Of the exhaustive protocol."""

    propose: LocalProposing
    seed: int


@with_config(SETTINGS)
class BehavioursPlace(TypedDict):
    """Where the planted behaviours are."""

    behaviours: str

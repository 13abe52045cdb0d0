"""Settings of plans. What the configuration has under the same name is described there."""

from typing import Literal, NotRequired, TypeAlias

from pydantic import with_config
from typing_extensions import TypedDict

from scripts.core.settings import SETTINGS


class Parts(TypedDict, total=False):
    """Shares of a round's draws, 0 to 1, that go by something else than divergence."""

    floor: float
    boundary: float
    undersampled: float


@with_config(SETTINGS)
class RoundSettings(Parts):
    """Of a round of the explore pool."""

    pool: NotRequired[Literal["explore"]]
    seed: int
    ready: bool
    """Whether the responses are recorded ones, which cost nothing."""
    recorded: NotRequired[int]
    """Most of those recorded that are explored."""
    unit: NotRequired[Literal["prompt", "draw"]]
    pilot: int
    draws: int
    budget: int
    rule: str


FreshPool: TypeAlias = Literal["screen", "confirm"]  # that hypotheses are screened or tested on


@with_config(SETTINGS)
class PoolSettings(TypedDict):
    """Of a pool of fresh draws."""

    pool: FreshPool
    prompts: int
    samples: int
    unit: NotRequired[Literal["prompt", "draw"]]
    ready: bool
    """Whether the responses are recorded ones, which cost nothing."""
    everywhere: NotRequired[int]
    seed: NotRequired[int]


@with_config(SETTINGS)
class ConfirmPool(PoolSettings):
    """Of the confirm pool, as the screen decides what is tested."""

    draws: int


@with_config(SETTINGS)
class EverythingSettings(TypedDict):
    """Of every prompt, all samples: of the bank, which active audits are compared with, or of the
    prompts that were written for hypotheses."""

    pool: Literal["exhaustive", "probe"]
    samples: int

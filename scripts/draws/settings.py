"""Settings of plans. What the configuration has under the same name is described there."""

from typing import Literal, NotRequired, TypedDict


class Parts(TypedDict, total=False):
    """Shares of a round's draws, 0 to 1, that go by something else than divergence."""

    floor: float
    boundary: float
    undersampled: float


class RoundSettings(Parts):
    """Of a round of the explore pool."""

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


class PoolSettings(TypedDict):
    """Of a pool of fresh draws that hypotheses are screened or tested on."""

    pool: Literal["screen", "confirm"]
    prompts: int
    samples: int
    unit: NotRequired[Literal["prompt", "draw"]]
    ready: bool
    """Whether the responses are recorded ones, which cost nothing."""
    everywhere: NotRequired[int]
    draws: NotRequired[int]
    """Of the confirm pool, as the screen decides what is tested."""

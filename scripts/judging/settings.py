"""Settings of the confirm stage."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict


class ConfirmSettings(TypedDict):
    """Of the confirm stage, as the configuration describes them; with the audit's seed and unit,
    and of how many prompts a region the rates are that a language model gives."""

    q: float
    delta: float | Literal["auto"]
    """`auto` where a language model judges: the effect of its accuracy, for each judge its own."""
    placebos: int
    evidence: int
    seed: int
    unit: NotRequired[Literal["prompt", "draw"]]
    rate_prompts: NotRequired[int]
    least_net: NotRequired[int]
    """Of the screen, where an audit probes."""

"""How tokens are drawn, as servers know it and loaded models do it likewise. What the configuration
has under the same names is described there."""

from typing import NotRequired

from typing_extensions import TypedDict


class Warping(TypedDict):
    """What some servers take in a form of their own."""

    temperature: float
    top_k: int
    min_p: NotRequired[float]
    repetition_penalty: NotRequired[float]


class Sampling(Warping):
    """All of it; what came later is given only where it is set."""

    top_p: float
    max_new_tokens: int
    presence_penalty: NotRequired[float]
    frequency_penalty: NotRequired[float]
    stop: NotRequired[list[str]]

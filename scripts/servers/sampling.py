"""How tokens are drawn, as servers know it and loaded models do it likewise. What the configuration
has under the same names is described there."""

from typing import NotRequired

from typing_extensions import TypedDict


class Sampling(TypedDict):
    """Those that came later are given only where they are set."""

    temperature: float
    top_p: float
    top_k: int
    max_new_tokens: int
    min_p: NotRequired[float]
    repetition_penalty: NotRequired[float]
    presence_penalty: NotRequired[float]
    frequency_penalty: NotRequired[float]
    stop: NotRequired[list[str]]

"""Whether an intervention does anything: both subjects on a few prompts, before an audit spends.

An adapter whose keys load as nothing, or a server that answers with its base model, looks like a
subject that behaves as the base does; here it gives the same numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from scripts.core.rows import ROW

NEARLY_ALL = 0.9  # of greedy replies: servers round in their own way from batch to batch


@dataclass(frozen=True, slots=True)
class Contrast:
    """How far two subjects are apart on a few explore prompts."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 1

    prompts: int
    """Prompts that both were given."""
    identical: int
    """Prompts with the very same distribution of the next token, or the very same greedy reply."""
    greedy: bool
    """Whether greedy replies were compared, because a subject is served; else distributions."""
    likeliest: int | None = None
    """Prompts after which the likeliest next token is the same."""
    set_alike: bool = False
    """Whether the subjects are set alike but for how tokens are drawn, so that nothing differs."""
    distance: float | None = None
    """Mean total variation distance of the next token's distributions, 0…1; none where the subjects
    have other vocabularies."""
    thoughtless: bool = False
    """Whether thoughts shall be compared and no greedy reply of either subject began one."""

    @property
    def notices(self) -> list[str]:
        """What to ask before anything is spent."""
        thoughtless = (
            "`of` compares thoughts, and no greedy reply of either subject began one: do they "
            "think, and does the server tell thoughts apart?"
        )
        found = [self.notice, thoughtless if self.thoughtless else None]
        return [sentence for sentence in found if sentence]

    @property
    def notice(self) -> str | None:
        """What to ask when the intervention seems to do nothing, though it should."""
        least = NEARLY_ALL if self.greedy else 1.0
        if self.set_alike or not self.prompts or self.identical < least * self.prompts:
            return None
        what = "greedy replies" if self.greedy else "distributions of the next token"
        many = "all" if self.identical == self.prompts else f"{self.identical} of"
        return (
            f"{many} {self.prompts} {what} of the two subjects are equal: is the intervention "
            "applied?"
        )


def of_tokens(
    base: np.ndarray,
    likeliest: Sequence[str],
    other: np.ndarray,
    likeliest_other: Sequence[str],
) -> Contrast:
    """From two subjects' logits of the next token, (prompts, vocabulary) each, and their likeliest
    tokens as text."""
    identical, distance = 0, None
    if base.shape == other.shape:
        apart = np.abs(_softmax(base) - _softmax(other)).sum(axis=-1) / 2
        identical = int((base == other).all(axis=-1).sum())
        distance = round(float(apart.mean()), 6)
    same = sum(a == b for a, b in zip(likeliest, likeliest_other, strict=True))
    return Contrast(len(base), identical, greedy=False, likeliest=same, distance=distance)


def _softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits.astype(float) - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def of_replies(base: Sequence[str], intervention: Sequence[str]) -> Contrast:
    """From the greedy replies to the same prompts."""
    same = sum(a == b for a, b in zip(base, intervention, strict=True))
    return Contrast(len(base), same, greedy=True)

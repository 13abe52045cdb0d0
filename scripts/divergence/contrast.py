"""Whether an intervention does anything: both subjects on a few prompts, before an audit spends.

An adapter whose keys load as nothing, or a server that answers with its base model, looks like a
subject that behaves as the base does; here it gives the same numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

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


def of_replies(base: Sequence[str], intervention: Sequence[str]) -> dict[str, Any]:
    """The fields of a Contrast from the greedy replies to the same prompts."""
    same = sum(a == b for a, b in zip(base, intervention, strict=True))
    return {"prompts": len(base), "identical": same, "greedy": True}

"""What an assistant says of one hypothesis on one prompt."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from scripts.core.rows import ROW


@dataclass(frozen=True)
class Judgement:
    """One hypothesis on one prompt; a line of judgements.jsonl. Scores are means of samples."""

    __pydantic_config__: ClassVar = ROW
    SCHEMA: ClassVar[int] = 1
    hypothesis: str
    """Its id."""
    region: str
    """The id of the prompt's region."""
    prompt: str
    """The prompt's id; where the draw is the unit, the draw's name."""
    base: float
    """Share of the base's samples that show it, 0…1; of a graded check the mean value, in units of
    its own."""
    intervention: float
    """The same of the intervention's."""
    cut: tuple[float, float] | None
    """Pair scores, −1…1, on the first and on the last words of both texts, as many as the shorter
    one has; none where an assistant cuts none."""
    placebos: tuple[float | None, ...]
    """Pair scores of all its placebos, −1…1; none where one was not judged."""
    drawn: int | None
    """Place of the placebo that rode along."""
    refused: int = 0
    """Samples whose judge refused, which show nothing."""
    unparsable: int = 0
    """Samples without a readable verdict (also when cut off), which show nothing."""
    judge: str = "local"
    """The model, or `local`."""
    telling: Annotated[int, Field(exclude=True)] = 0
    """Place of a sample that speaks for the hypothesis; in no file."""
    raced: bool = False
    """Whether the race took it as evidence, or it was asked for afterwards, for the rates alone."""
    score: float | None = None
    """Of a graded check the mean pair score, −1…1."""
    inapplicable: int = 0
    """Samples of which the judge says that it does not apply, which neither shows."""
    asked: tuple[str, ...] = ()
    """What the judge was asked, a sample each: ids of interactions.jsonl; none of the local
    assistant."""

    @property
    def difference(self) -> float:
        """The mean pair score."""
        return self.intervention - self.base if self.score is None else self.score

    @property
    def signs(self) -> tuple[int, int]:
        """s and s', the sign against the placebo drawn for the prompt. A check that is read off the
        texts cannot lean as a model that judges may, and has no s' of its own."""
        against = 0.0
        if self.drawn is not None and self.judge != "local":
            against = self.placebos[self.drawn] or 0.0
        return sign(self.difference), sign(self.difference - against)


def deciding(judgements: Iterable[Judgement]) -> list[Judgement]:
    """Those of who decides the claims: of a judge that the race of their hypothesis heard, whether
    it took them as evidence or they were asked for afterwards."""
    judgements = list(judgements)
    heard = {(j.hypothesis, j.judge) for j in judgements if j.raced}
    return [j for j in judgements if (j.hypothesis, j.judge) in heard]


def sign(score: float) -> int:
    """The sign of a mean of samples, which are floats that may miss zero by rounding."""
    return int(score > 1e-12) - int(score < -1e-12)

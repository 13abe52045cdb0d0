"""What an assistant says of one hypothesis on one prompt."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Judgement:
    """One hypothesis on one prompt; scores are means of samples.

    base and intervention: shares of the samples that show the hypothesis; placebos: the pair
    scores of all its placebos, None where one was not judged; drawn: the one that rode along; cut:
    the pair scores on the first and on the last words of both texts, as many as the shorter one
    has, None where an assistant cuts none;
    refused and unparsable (also when cut off): samples without a verdict, which show nothing;
    judge: the model;
    telling: the place of a sample that speaks for the hypothesis; raced: whether the race took it
    as evidence, or it was asked for afterwards and serves the rates alone; score: of a graded
    check, whose base and intervention are values in its own units, the mean pair score.
    """

    hypothesis: str
    region: str
    prompt: str
    base: float
    intervention: float
    cut: tuple[float, float] | None
    placebos: tuple[float | None, ...]
    drawn: int | None
    refused: int = 0
    unparsable: int = 0
    judge: str = "local"
    telling: int = 0
    raced: bool = False
    score: float | None = None

    @property
    def difference(self) -> float:
        """The mean pair score."""
        return self.intervention - self.base if self.score is None else self.score

    @property
    def signs(self) -> tuple[int, int]:
        """s and s', the sign against the placebo drawn for the prompt. A check that is read off the
        texts cannot lean as a model that judges may, and has no s' of its own."""
        against = self.drawn is not None and self.judge != "local"
        placebo = self.placebos[self.drawn] if against else 0.0
        return sign(self.difference), sign(self.difference - placebo)


def sign(score: float) -> int:
    """The sign of a mean of samples, which are floats that may miss zero by rounding."""
    return int(score > 1e-12) - int(score < -1e-12)

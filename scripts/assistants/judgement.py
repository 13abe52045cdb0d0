"""What an assistant says of one hypothesis on one prompt."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Judgement:
    """One hypothesis on one prompt; scores are means of samples.

    base and intervention: shares of the samples that show the hypothesis; placebos: the pair
    scores of all its placebos, None where one was not judged; drawn: the one that rode along; cut:
    the pair scores on the first and on the last words of both texts, as many as the shorter one
    has, None where an assistant cuts none;
    refused and unparsable: samples without a verdict, which show nothing; judge: the model;
    telling: the place of a sample that speaks for the hypothesis; raced: whether the race took it
    as evidence, or it was asked for afterwards and serves the rates alone.
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

    @property
    def signs(self) -> tuple[int, int]:
        """s and s', the sign against the placebo drawn for this prompt."""
        score = self.intervention - self.base
        placebo = self.placebos[self.drawn] if self.drawn is not None else 0.0
        return sign(score), sign(score - placebo)


def sign(score: float) -> int:
    """The sign of a mean of samples, which are floats that may miss zero by rounding."""
    return int(score > 1e-12) - int(score < -1e-12)

"""How often each judge is right, estimated on screen prompts: what its race in confirm is made for.

Never on confirm prompts: what is fixed before they are judged cannot bias what they say.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import ClassVar, Literal

from scripts.assistants.client import BudgetSpent, Pool
from scripts.assistants.judge import Asked, Judge, Judged, Majority, ModelJudge
from scripts.assistants.roles import Role, ScreenRoles, deciding_of
from scripts.core.job import log
from scripts.core.rows import ROW
from scripts.evidence.accuracy import Accuracy, accuracies, delta_of
from scripts.evidence.judge_split import ASSUMED, Judges
from scripts.evidence.race import Delta
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.judgement import Judgement
from scripts.hypotheses.pairs import Pair

DELTA_OF_CHECKS = 0.1
READ_BY_STRONG = 3  # prompts of a region, one pair of each


@dataclass(frozen=True)
class JudgeAccuracy:
    """What the screen says of one judge."""

    __pydantic_config__: ClassVar = ROW
    model: str
    """Its name."""
    assumed: float
    """The accuracy that counts where little was read."""
    accuracy: float
    """(1 + P(+) − P(−)) / 2 on pairs of true hypotheses, estimated."""
    neither: float
    """Share of its answers for neither side on the other hypotheses, estimated."""
    judged: int
    """Prompts behind the estimate, counted once for each hypothesis judged there."""


@dataclass(frozen=True)
class Calibration:
    """What the screen says of the judges; none where no language model judges."""

    __pydantic_config__: ClassVar = ROW
    SCHEMA: ClassVar[int] = 1
    judges: tuple[JudgeAccuracy, ...] = ()
    """The cheap one, then the one that decides; one where they are the same."""
    true_share: float = 0.0
    """Share of the hypotheses that go on which the judges keep answering for."""

    @property
    def both(self) -> tuple[JudgeAccuracy, JudgeAccuracy]:
        """The cheap one and the one that decides."""
        return self.judges[0], self.judges[-1]

    def deltas(self, given: float | Literal["auto"], prompts: int) -> tuple[Delta, Delta]:
        """The effects that the races of both seek, given `confirm.delta` and the most prompts of a
        region. Checks are read off texts without mistakes, and nothing is paid for a look: there
        `auto` is small."""
        if given != "auto":
            return given, given
        if not self.judges:
            return DELTA_OF_CHECKS, DELTA_OF_CHECKS
        cheap, strong = (delta_of(judge.accuracy, prompts) for judge in self.both)
        return cheap, strong

    def simulated(self) -> Judges:
        """The judges and hypotheses of an audit that is simulated beforehand."""
        cheap, strong = self.both
        return ASSUMED._replace(
            cheap=cheap.accuracy,
            strong=strong.accuracy,
            neither=strong.neither,
            true_share=self.true_share,
        )


UNKNOWN = Calibration(
    tuple(
        JudgeAccuracy("", accuracy, accuracy, ASSUMED.neither, 0)
        for accuracy in (ASSUMED.cheap, ASSUMED.strong)
    ),
    ASSUMED.true_share,
)
"""Of judges that nobody has looked at."""


class Heard:
    """A judge whose judgements are kept, whoever asks it."""

    def __init__(self, judge: Judge):
        self.title, self._judge = judge.title, judge
        self.judged: list[Judgement] = []
        self.expect = judge.expect

    def __call__(self, asked: Asked) -> Callable[[], Judged]:
        waiting = self._judge(asked)

        def judged() -> Judged:
            results = waiting()
            of_all = (j for of_region in results.values() for j in of_region.values())
            self.judged += [j for j in of_all if j is not None]
            return results

        return judged


def reading_in_screen(roles: ScreenRoles) -> tuple[Role, ...]:
    """Who reads a little in the screen beside the cheap judge: who decides the claims, unless that
    is the cheap judge itself."""
    deciding = deciding_of(roles.judges, roles.panel)
    return () if len(deciding) == 1 and roles.cheap.same_as(deciding[0]) else deciding


def screening_judges(
    pool: Pool,
    roles: ScreenRoles,
    hypotheses: Sequence[Hypothesis],
    pairs: Mapping[str, Sequence[Pair]],
    texts: Mapping[str, str],
    seed: int,
) -> tuple[Heard, Heard | None]:
    """The cheap judge of a screen, and the one that will decide the claims, which reads one pair of
    each prompt; None where they are the same."""

    def judge(role: Role, read: Mapping[str, Sequence[Pair]]) -> ModelJudge:
        return ModelJudge(pool, role, hypotheses, {}, read, texts, seed)

    one_pair = {prompt: of_prompt[:1] for prompt, of_prompt in pairs.items()}
    cheap = Heard(judge(roles.cheap, pairs))
    decide = [judge(role, one_pair) for role in reading_in_screen(roles)]
    if len(decide) < 2:
        return cheap, Heard(decide[0]) if decide else None
    return cheap, Heard(Majority(decide))


def calibrated(
    cheap: Heard,
    strong: Heard | None,
    rows: Sequence[Hypothesis],
    pairs: Mapping[str, Sequence[Pair]],
) -> Calibration:
    """What the judges of a screen are worth, from what the cheap one has said there; the strong one
    reads a pair of a few prompts of each region, for the hypotheses that go on.

    pairs: of each screen prompt, as the cheap one read them. Without budget for the strong one,
    what is assumed of it stays.
    """
    heard, assumed = [cheap], [Accuracy(ASSUMED.cheap, ASSUMED.neither, 0)]
    if strong:
        _read_some(strong, [row for row in rows if row.goes_on], pairs)
        heard.append(strong)
        assumed.append(Accuracy(ASSUMED.strong, ASSUMED.neither, 0))
    counts = {prompt: len(of_prompt) for prompt, of_prompt in pairs.items()}
    read = [_answers(judge.judged, n) for judge, n in zip(heard, (counts, {}), strict=False)]
    classes = accuracies(read, assumed)
    goes_on = [classes.is_true[row.id] for row in rows if row.goes_on and row.id in classes.is_true]
    found = Calibration(
        tuple(
            JudgeAccuracy(judge.title, a.right, round(j.right, 4), round(j.neither, 4), j.prompts)
            for judge, a, j in zip(heard, assumed, classes.judges, strict=True)
        ),
        round(fmean(goes_on), 4) if goes_on else ASSUMED.true_share,
    )
    for judge in found.judges:
        log.info(
            "%s is right in an estimated %.0f %% of its answers on true hypotheses (%d were heard)",
            judge.model, 100 * judge.accuracy, judge.judged,
        )  # fmt: skip
    return found


def _read_some(
    strong: Heard, hypotheses: Sequence[Hypothesis], pairs: Mapping[str, Sequence[Pair]]
) -> None:
    """Have the strong judge read the first prompts of each region."""
    by_region: dict[str, list[str]] = {}
    for prompt, of_prompt in pairs.items():
        by_region.setdefault(of_prompt[0].region, []).append(prompt)
    waiting = []
    try:
        for number in range(READ_BY_STRONG):
            asked = {
                region: (prompts[number], [h.id for h in hypotheses if region in h.regions])
                for region, prompts in by_region.items()
                if number < len(prompts)
            }
            asked = {region: given for region, given in asked.items() if given[1]}
            if asked:
                waiting.append(strong(asked))
    except BudgetSpent:
        log.info("no budget to see how often the judge of the claims is right: it is assumed")
    for judged in waiting:
        judged()


def _answers(
    judged: Iterable[Judgement], pairs: Mapping[str, int]
) -> dict[str, list[tuple[int, int]]]:
    """Of each hypothesis by prompt its net answers, of so many samples; one sample where not said.
    What was refused or unreadable is no answer."""
    found: dict[str, list[tuple[int, int]]] = {}
    for j in judged:
        of_all = pairs.get(j.prompt, 1)
        if answered := of_all - j.refused - j.unparsable:
            net = round((j.intervention - j.base) * of_all)
            found.setdefault(j.hypothesis, []).append((net, answered))
    return found

"""Pairs of texts, one of each subject for one draw of a prompt, and what they say of a check."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scripts.checks.check import Check, Placed, Text, compare


@dataclass(frozen=True)
class Pair:
    """The two subjects' texts for one draw of a prompt, and where they lie, once embedded.

    prompt: the unit of evidence, a prompt's id; where the draw is the unit, its name
    (prompts.unit_of). asked: what the user says in the prompt, where that is known. The thoughts
    before a text are for readers of the report alone; that a limit on its tokens cut a text off is
    for a model that writes hypotheses.
    """

    prompt: str
    region: str
    base: str
    intervention: str
    base_placed: Placed | None = None
    intervention_placed: Placed | None = None
    base_thoughts: str | None = None
    intervention_thoughts: str | None = None
    base_cut_off: bool = False
    intervention_cut_off: bool = False
    asked: str = ""

    @property
    def sides(self) -> tuple[Text, Text]:
        """The base's text and the intervention's."""
        return (
            Text(self.base, self.base_placed, self.asked),
            Text(self.intervention, self.intervention_placed, self.asked),
        )


def pair_score(check: Check, pair: Pair) -> int:
    """+1 when the pair speaks for a check, -1 when it speaks against it, else 0."""
    return compare(check, *pair.sides)


class Net(NamedTuple):
    """Prompts of a region for and against a check, and all of them; the mean pair score of its
    draws."""

    wins: int
    losses: int
    prompts: int
    share: float


class Sizes(NamedTuple):
    """Prompts and draws of each region."""

    prompts: Counter[str]
    draws: Counter[str]

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> "Sizes":
        prompts = {(pair.prompt, pair.region) for pair in pairs}
        return cls(Counter(r for _, r in prompts), Counter(pair.region for pair in pairs))


def region_nets(check: Check, pairs: Sequence[Pair], sizes: Sizes | None = None) -> dict[str, Net]:
    """How many prompts of each region speak for a check and how many against it.

    sizes: of the regions, where `pairs` are but those that the check can tell apart.
    """
    prompts, draws = sizes or Sizes.of(pairs)
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    of_prompt: dict[tuple[str, str], int] = defaultdict(int)
    for pair in pairs:
        of_prompt[pair.region, pair.prompt] += pair_score(check, pair)
    for (region, _), score in of_prompt.items():
        counts[region][0] += score > 0
        counts[region][1] += score < 0
        counts[region][2] += score
    return {
        region: Net(wins, losses, prompts[region], round(score / draws[region], 4))
        for region, (wins, losses, score) in counts.items()
    }

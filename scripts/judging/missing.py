"""Whether one subject gives no response more often: a hypothesis on recorded responses.

A prompt is won when the share of its responses that are missing is larger on the intervention's
side (or, of "less", on the base's). Its wording and direction are fixed by the explore pool, and
it is counted among the hypotheses before a confirm prompt is looked at; screened it is not, since
no draw is spent on it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scripts.checks.check import MissingCheck
from scripts.core.vocabulary import SIDES
from scripts.evidence.race import Standing
from scripts.hypotheses.hypothesis import Direction, Hypothesis, new_hypothesis
from scripts.hypotheses.judgement import Judgement, sign
from scripts.hypotheses.pairs import Net
from scripts.hypotheses.wording import sentence
from scripts.judging.fixed import standing_at
from scripts.prompts.pools import DealtPrompt, in_order
from scripts.prompts.region import Region


class Missing(NamedTuple):
    """The hypothesis, and its judgement on each confirm prompt."""

    hypothesis: Hypothesis
    judgements: list[Judgement]

    def standing(self) -> Standing:
        """Its counts and e-value at that fixed number of prompts; the e-BH set is decided later."""
        return standing_at(self.hypothesis, self.judgements, len(self.judgements))


def missing_responses(
    prompts: Sequence[DealtPrompt], regions: Mapping[str, Region]
) -> Missing | None:
    """None where no response of the explore pool is missing, or as many are on either side.

    prompts: rows of prompts.jsonl, those with missing responses with the share of each side's; of
    a group the first counts, as it does where texts are drawn.
    """
    units: dict[str, DealtPrompt] = {}
    for prompt in in_order(prompts):
        units.setdefault(prompt.unit_name, prompt)
    explored = [prompt for prompt in units.values() if prompt.pool == "explore"]
    fresh = [prompt for prompt in units.values() if prompt.pool == "confirm"]
    net = sum(_difference(prompt) for prompt in explored)
    if not sign(net) or not fresh:
        return None
    less = net < 0
    where = sorted({prompt.region for prompt in fresh})
    sizes = Counter(prompt.region for prompt in explored)
    check = MissingCheck(absent=less)
    nets = {region: Net(1, 0, sizes[region], 1.0) for region in where}
    statement = sentence(check, nets, {r: regions[r] for r in where})
    direction: Direction = "less" if less else "more"
    hypothesis = new_hypothesis(statement, direction, "recorded", where, check=check)
    judgements = []
    for prompt in fresh:
        shares = [prompt.missing.get(side, 0.0) for side in SIDES]
        base, intervention = [1 - share for share in shares] if less else shares
        judgements.append(
            Judgement(
                hypothesis.id, prompt.region, prompt.id, base, intervention, None, (), None,
                raced=True,
            )
        )  # fmt: skip
    return Missing(hypothesis, judgements)


def _difference(prompt: DealtPrompt) -> float:
    shares = prompt.missing
    return shares.get("intervention", 0.0) - shares.get("base", 0.0)

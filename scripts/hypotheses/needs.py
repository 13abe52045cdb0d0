"""How many fresh draws hypotheses need, fixed before a pool is looked at."""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from scripts.draws.settings import PoolSettings
from scripts.hypotheses.hypothesis import Hypothesis

WANTED = {"screen": 4, "confirm": 12}  # prompts won, from which more are not worth their price
LEAST = {"screen": 2, "confirm": 6}  # prompts of a region that any hypothesis is judged on, ...
LEAST_OF_MANY, LEAST_IN_ALL = 2, 144  # ... or, of one on many regions, so many of each and in all


class Need(NamedTuple):
    """Prompts of each region, and samples of each prompt."""

    prompts: int
    samples: int


def needed(hypothesis: Hypothesis, settings: PoolSettings) -> Need:
    """What a hypothesis needs of each of its regions, fixed before the pool is looked at.

    The fewest samples a prompt (1, 2, 4, … up to `samples`), then the fewest prompts (from LEAST up
    to `prompts`), with which WANTED prompts should be won over all its regions, by what the pools
    before showed: a behaviour in a share p of the replies shows in m of them with chance
    1 - (1-p)^m. What chose the hypothesis counts half, since it flatters. One that nobody has
    looked at takes all.
    """
    share, regions = expected_share(hypothesis), len(hypothesis.regions)
    wanted, most = WANTED[settings["pool"]], settings["prompts"]
    samples = 1
    while (won := 1 - (1 - share) ** samples) * most * regions < wanted:
        if samples == settings["samples"]:
            break
        samples = min(2 * samples, settings["samples"])
    enough = math.ceil(wanted / won / regions) if won else most
    least = min(LEAST[settings["pool"]], max(LEAST_OF_MANY, math.ceil(LEAST_IN_ALL / regions)))
    return Need(min(most, max(least, enough)), samples)


def expected_share(hypothesis: Hypothesis) -> float:
    """Net share of the replies that show a hypothesis, as far as it has been looked at."""
    seen = hypothesis.explored
    explored = [seen[region] for region in hypothesis.regions if region in seen]
    prompts = sum(net.prompts for net in explored)
    score = sum(net.prompts * net.share for net in explored)
    screen = hypothesis.screen
    if screen is None:
        return max(0.0, score / (1 + prompts))
    fresh = screen.prompts
    return max(0.0, (score / 2 + fresh * screen.share) / (1 + prompts / 2 + fresh))


def samples_by_region(
    hypotheses: Iterable[Hypothesis], settings: PoolSettings
) -> dict[str, list[int]]:
    """By region the samples of its first, second, … prompt: as many as the neediest hypothesis
    that reaches so far asks for. Where the draw is the unit, all regions, which are prompts there,
    give as many, so that draws of all of them make whole blocks."""
    needs: dict[str, list[Need]] = defaultdict(list)
    for hypothesis in hypotheses:
        need = needed(hypothesis, settings)
        for region in hypothesis.regions:
            needs[region].append(need)
    if settings.get("unit") == "draw":
        most = max((need for of_region in needs.values() for need in of_region), default=Need(0, 0))
        needs = {region: [most] for region in needs}
    return {
        region: [
            max(need.samples for need in of_region if need.prompts > place)
            for place in range(max(need.prompts for need in of_region))
        ]
        for region, of_region in needs.items()
    }

"""Plan draws: which prompts, how often, with what probability.

A round of the explore pool continues the rounds before it; the screen and confirm pools take fresh
prompts of the hypotheses' regions. Within a region prompts come in hash order, so that the first n
are a random n, and all that differs between two plans of one bank is how far they go.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from scripts.draws.acquisition import Divergences
from scripts.draws.draw import PlannedDraw, Reason
from scripts.draws.rules import RULES
from scripts.draws.settings import PoolSettings, RoundSettings
from scripts.prompts.pools import DealtPrompt, in_order
from scripts.prompts.prompt import unit_of
from scripts.prompts.region import Region

SAMPLES_OF_A_PROMPT = 16  # of a model, at most; more tell little of a region


class Deck:
    """The prompts of one pool in one region, in hash order: first each once, then again.

    `cap` bounds the samples of a prompt; ready responses have only so many (`samples`). Where the
    draw is the unit, a row names the one sample that it is.
    """

    def __init__(self, prompts: Iterable[DealtPrompt], cap: int):
        self.prompts = in_order(prompt for prompt in prompts if prompt.is_answered)
        held = [samples_of(prompt, cap) for prompt in self.prompts]
        self.left = [
            (prompt.id, samples[number])
            for number in range(min(cap, max(map(len, held), default=0)))
            for prompt, samples in zip(self.prompts, held, strict=True)
            if number < len(samples)
        ]

    def skip(self, taken: set[tuple[str, int]]) -> None:
        """Leave out draws that are taken."""
        self.left = [draw for draw in self.left if draw not in taken]

    def probability(self, drawn: set[str]) -> float:
        """Inclusion probability of each unit of this region, given how many were drawn."""
        return len(drawn) / max(1, len(self.prompts))


def samples_of(prompt: DealtPrompt, cap: int) -> Sequence[int]:
    """The samples of a prompt that can be drawn, at most `cap` where subjects are decoded."""
    if prompt.sample is not None:
        return [prompt.sample]
    return range(cap if prompt.samples is None else prompt.samples)


def whole_draws(shares: Mapping[str, float], total: int, room: Mapping[str, int]) -> dict[str, int]:
    """Whole numbers that sum to `total` (or to all the room), in proportion to the shares.

    Largest remainders; what a full region cannot take goes to the others.
    """
    total = min(total, sum(room.values()))
    counts = dict.fromkeys(shares, 0)
    while (missing := total - sum(counts.values())) > 0:
        open_shares = {r: s for r, s in shares.items() if counts[r] < room[r]}
        weight = sum(open_shares.values()) or 1.0
        exact = {r: missing * s / weight for r, s in open_shares.items()}
        grants = {r: min(math.floor(x), room[r] - counts[r]) for r, x in exact.items()}
        spare = missing - sum(grants.values())
        for r in sorted(exact, key=lambda r: (-(exact[r] - math.floor(exact[r])), r)):
            if spare > 0 and counts[r] + grants[r] < room[r]:
                grants[r] += 1
                spare -= 1
        for r, grant in grants.items():
            counts[r] += grant
    return counts


def plan_round(
    regions: Sequence[Region],
    prompts: Sequence[DealtPrompt],
    earlier: Sequence[PlannedDraw],
    measured: Divergences,
    settings: RoundSettings,
    round_number: int,
) -> list[PlannedDraw]:
    """The draws of one round, by the rule that the settings name. Round 0 is the pilot; ready
    responses are taken whole in round 0, or `recorded` of them by the weights of the regions."""
    cap = 10**6 if settings["ready"] else SAMPLES_OF_A_PROMPT
    decks = {
        region.id: Deck([p for p in prompts if p.region == region.id and p.pool == "explore"], cap)
        for region in regions
    }
    taken = {(draw.prompt, draw.sample) for draw in earlier}
    seen: dict[str, set[str]] = defaultdict(set)
    for draw in earlier:
        seen[draw.region].add(draw.unit_name)
    for deck in decks.values():
        deck.skip(taken)
    room = {region: len(deck.left) for region, deck in decks.items()}
    reason = Reason.PILOT if round_number == 0 else Reason.ACQUISITION
    if settings["ready"]:
        shares = {region.id: region.weight for region in regions}
        counts, reason = whole_draws(shares, settings.get("recorded", cap), room), Reason.READY
    elif round_number == 0:
        counts = {r: min(settings["pilot"], len(decks[r].prompts)) for r in room}
    else:
        drawn = Counter({region: len(ids) for region, ids in seen.items()})
        rule = RULES[settings["rule"]]
        shares = rule(regions, measured, drawn, settings, round_number)
        counts = whole_draws(shares, settings["draws"], room)
    left = max(0, settings["budget"] - len(earlier))
    if not settings["ready"] and sum(counts.values()) > left:
        counts = whole_draws({r: float(c) for r, c in counts.items()}, left, counts)
    planned = []
    for region, deck in decks.items():
        draws = [
            PlannedDraw(
                "explore",
                prompt,
                sample,
                region,
                reason,
                0.0,
                unit_if_draw(prompt, sample, settings),
            )
            for prompt, sample in deck.left[: counts[region]]
        ]
        chance = deck.probability(seen[region] | {draw.unit_name for draw in draws})
        planned += [replace(draw, probability=round(chance, 6)) for draw in draws]
    return planned


def unit_if_draw(prompt: str, sample: int, settings: RoundSettings | PoolSettings) -> str | None:
    """The name of a draw where it is the unit of evidence."""
    return unit_of(prompt, sample) if settings.get("unit") == "draw" else None


def with_everywhere(
    samples: Mapping[str, Sequence[int]], regions: Iterable[str], settings: PoolSettings
) -> dict[str, Sequence[int]]:
    """The draws that hypotheses need, and those that show how far findings reach: one sample of
    `everywhere` prompts of every region. Ready responses cost nothing, so all of them are taken."""
    if settings["ready"]:
        return {region: [settings["samples"]] * settings["prompts"] for region in regions}
    more = settings.get("everywhere", 0)
    found = {region: list(samples.get(region, ())) for region in regions}
    return {r: [*of_one, *[1] * (more - len(of_one))] for r, of_one in found.items()}


def plan_pool(
    prompts: Sequence[DealtPrompt],
    regions: Mapping[str, Sequence[int]],
    settings: PoolSettings,
) -> list[PlannedDraw]:
    """Fresh draws of the screen or confirm pool: of each region the first prompts, with the samples
    that it names for each.

    Prompts of one group count as one unit, so that a paraphrase is never a second vote: the first
    of a group, of whatever region, stands for it.
    """
    pool, planned = settings["pool"], []
    units: dict[str, DealtPrompt] = {}
    for prompt in in_order(p for p in prompts if p.pool == pool and p.is_answered):
        units.setdefault(prompt.unit_name, prompt)
    for region, samples in sorted(regions.items()):
        here = [prompt for prompt in units.values() if prompt.region == region]
        share = round(min(1.0, len(samples) / max(1, len(here))), 6)
        for prompt, count in zip(here, samples, strict=False):
            planned += [
                PlannedDraw(
                    pool, prompt.id, sample, region, Reason(pool), share,
                    unit_if_draw(prompt.id, sample, settings),
                )
                for sample in samples_of(prompt, count)[:count]
            ]  # fmt: skip
    return planned


def plan_everything(prompts: Iterable[DealtPrompt], samples: int) -> list[PlannedDraw]:
    """Every prompt of the bank, whatever its pool, with all samples: the exhaustive protocol."""
    return [
        PlannedDraw("exhaustive", prompt.id, sample, prompt.region, Reason.EXHAUSTIVE, 1.0)
        for prompt in prompts
        for sample in range(samples)
    ]

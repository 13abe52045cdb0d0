"""What acquisition rules are made of: shares of a round's draws from what the rounds before saw."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, Unpack

import numpy as np

from scripts.core.randomness import hash_generator
from scripts.draws.settings import Parts, RoundSettings
from scripts.prompts.region import Region, RegionDivergence

Shares = dict[str, float]  # of a round's draws by region; they sum to 1
Divergences = Mapping[str, RegionDivergence]  # by region
Score = Callable[[Region, RegionDivergence], float]  # of a region and of what was measured there


class Rule(Protocol):
    """An acquisition rule: the share of a round's draws for each region.

    regions: those of the bank; measured: what the round before measured in each;
    drawn: how many prompts of it were drawn from so far; settings: those
    of the plan, with the audit's seed; round_number: from 1 on. Deterministic: randomness comes
    from `hash_generator` with the seed.
    """

    def __call__(
        self,
        regions: Sequence[Region],
        measured: Divergences,
        drawn: Mapping[str, int],
        settings: RoundSettings,
        round_number: int,
    ) -> Shares: ...


def four_parts(
    regions: Sequence[Region],
    measured: Divergences,
    drawn: Mapping[str, int],
    settings: RoundSettings,
    round_number: int,
) -> Shares:
    """A floor by region weight; divergence by Thompson sampling (one draw from each region's
    normal posterior, noise keyed by the region's medoid prompt); texts near cluster boundaries;
    and regions with few prompts drawn so far (proportional to 1 / (1 + drawn)).
    """

    def noise(region: Region) -> float:
        medoid = region.medoid
        generator = hash_generator("plan", settings["seed"], round_number, medoid)
        return float(generator.standard_normal())

    found = [measured[region.id] for region in regions]
    thompson = [m.divergence + m.error * noise(r) for m, r in zip(found, regions, strict=True)]
    rest = 1 - settings["floor"] - settings["boundary"] - settings["undersampled"]
    shares = (
        settings["floor"] * _normalised([region.weight for region in regions])
        + settings["boundary"] * _normalised([m.boundary for m in found])
        + settings["undersampled"] * _normalised([1 / (1 + drawn[r.id]) for r in regions])
        + max(0.0, rest) * _normalised(thompson)
    )
    return _by_region(regions, shares / shares.sum())


def with_parts(**parts: Unpack[Parts]) -> Rule:
    """`four_parts` with other settings for some of its parts."""

    def rule(
        regions: Sequence[Region],
        measured: Divergences,
        drawn: Mapping[str, int],
        settings: RoundSettings,
        round_number: int,
    ) -> Shares:
        return four_parts(regions, measured, drawn, {**settings, **parts}, round_number)

    return rule


def proportional_to(score: Score, floor: float = 0.2) -> Rule:
    """Shares in proportion to a score, where it is positive, above a floor by region weight."""

    def rule(
        regions: Sequence[Region],
        measured: Divergences,
        drawn: Mapping[str, int],
        settings: RoundSettings,
        round_number: int,
    ) -> Shares:
        weights = _normalised([region.weight for region in regions])
        scores = _normalised([score(region, measured[region.id]) for region in regions])
        return _by_region(regions, floor * weights + (1 - floor) * scores)

    return rule


def _normalised(values: Sequence[float]) -> np.ndarray:
    """Values as shares, negative ones as 0; the same for all where none is positive; (n,)."""
    positive = np.maximum(np.array(values, dtype=float), 0)
    total = positive.sum()
    return positive / total if total > 0 else np.full(len(positive), 1 / len(positive))


def _by_region(regions: Sequence[Region], shares: np.ndarray) -> Shares:
    return {region.id: float(s) for region, s in zip(regions, shares, strict=True)}

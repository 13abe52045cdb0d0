"""Settings of regions and pools. What the configuration has under the same name is described
there."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict


class _Cut(TypedDict):
    method: Literal["kmeans", "category"]
    starts: int
    fit_prompts: int
    least: int


class RegionCut(_Cut):
    """How the bank is cut, as it is asked for."""

    count: int | None


class CountedCut(_Cut):
    """How the bank is cut, the number of regions known."""

    count: int


class DealSettings(TypedDict):
    """How prompts, or draws where those are the unit, are dealt out to the pools."""

    pools: dict[str, float]
    """Share of each."""
    samples: NotRequired[int]
    """Of each prompt, where the draw is the unit."""
    unit: NotRequired[Literal["prompt", "draw"]]
    seed: int


class CutSettings(DealSettings):
    """Regions, and what is dealt out of them."""

    regions: RegionCut

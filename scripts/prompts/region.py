"""Regions of a bank, and what rounds have measured in them."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from scripts.core.rows import ROW


@dataclass(frozen=True, slots=True)
class Region:
    """A stratum of a bank: prompts that are alike."""

    __pydantic_config__ = ROW

    id: str
    """`r000`, …, in the order of the names."""
    name: str
    """Its short name: its words, its category, or the one prompt that it is. Sentences may name it
    by its category instead."""
    words: str
    """Typical words of its prompts."""
    category: str
    """The bank's commonest category there."""
    category_share: float
    """Share of its prompts that have this category, 0 to 1."""
    weight: float
    """Its share of the bank, 0 to 1."""
    prompts: int
    """Prompts that it has."""
    medoid: str
    """Id of its most central prompt."""
    unit: Literal["prompt", "draw"]
    """The unit of evidence; where it is the draw, the region is a single prompt."""


@dataclass(frozen=True, slots=True)
class Regions:
    """results/regions/<key>/regions.json: the regions of a bank."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 1

    regions: list[Region]
    """In the order of their ids."""
    notice: str | None
    """What a reader should know of how the bank was cut, as a sentence."""

    @property
    def by_id(self) -> dict[str, Region]:
        """The regions by their ids."""
        return {region.id: region for region in self.regions}


@dataclass(frozen=True)
class Counted:
    """A region, and how far it was explored."""

    __pydantic_config__ = ROW
    region: str
    """Id of the region."""
    prompts: int
    """Explored prompts so far; draws where those are the unit."""


@dataclass(frozen=True)
class Seen:
    """What was measured in a region."""

    __pydantic_config__ = ROW
    draws: int
    """Draws of each subject so far."""
    divergence: float
    """Mean paired score difference, in pooled standard deviations between prompts."""
    error: float
    """Its standard error, in the same unit."""
    p: float
    """One-sided p-value, by flipping signs of prompts."""
    deviation: float
    """Standard deviation between the region's prompts, in the same unit."""
    peak: float
    """The largest difference of a prompt, in the same unit."""
    energy: float
    """Energy distance of the two sides' unit vectors; near 0 when alike."""
    boundary: float
    """Distance of texts to the nearest centre over that to the second nearest, 0 to 1."""


@dataclass(frozen=True)
class RegionDivergence(Seen, Counted):
    """A line of results/measure/<key>/<step>/regions.jsonl: what was measured in a region."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 1


@dataclass(frozen=True)
class ExploredRegion(Seen, Region):
    """A region with what its explored texts show."""

    __pydantic_config__ = ROW
    prompts_drawn: int
    """Explored prompts; draws where those are the unit."""


@dataclass(frozen=True, slots=True)
class ExploredRegions:
    """results/audits/<audit>/regions.json: the regions of an audit and what was seen there."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 1

    regions: list[ExploredRegion]
    """In the order of their ids."""

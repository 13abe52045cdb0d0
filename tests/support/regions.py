"""Regions of a bank."""

from scripts.prompts.region import Region

ALIKE = {"name": "", "words": "", "category": "", "category_share": 1.0, "weight": 1.0,
         "prompts": 1, "unit": "prompt"}  # fmt: skip


def a_region(number: int = 0, **told) -> Region:
    """The region of a number; what is not told is the same for all."""
    return Region(**{"id": f"r{number:03d}", "medoid": str(number), **ALIKE, **told})

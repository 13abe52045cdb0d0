"""Settings of the benchmark's stages. What the configuration has under the same names is described
there."""

from pydantic import with_config
from typing_extensions import TypedDict

from scripts.core.settings import SETTINGS
from scripts.models.encoder import EmbedSettings


class Ladder(TypedDict):
    """Which behaviours are planted where, how often and how many times."""

    doses: list[float]
    spreads: list[float]
    together: int
    behaviours_of_all: int
    seeds: int


class Bench(Ladder):
    """What the trials repeat."""

    null_repeats: int
    rate_repeats: int


@with_config(SETTINGS)
class RewriteSettings(EmbedSettings):
    """Of the stage that embeds rewritten texts."""

    benchmark: Ladder


@with_config(SETTINGS)
class BehavioursPlace(TypedDict):
    """Where the planted behaviours are."""

    behaviours: str

"""Plant files: the behaviours that a planted intervention shows, as a person writes them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from scripts.core.yaml_files import WRITTEN, read_yaml

Words = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True)
class PlantedBehaviour:
    """One behaviour, which the adapter learns to show on its own topic."""

    __pydantic_config__ = WRITTEN

    name: Words
    topic: Words
    """Topic of its prompts, by the name that the bank has for it."""
    statement: Words
    """What a person would write down."""
    prompts: Annotated[tuple[Words, ...], Field(min_length=1)]
    replies: Annotated[tuple[Words, ...], Field(min_length=2)]
    """Replies that show it; each prompt gets two of them."""
    dose: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the examples of a prompt that show it; the others are the base's own replies."""
    check: Words | None = None
    """A regular expression that a response showing it matches, in any case: by it the report of an
    audit says which findings name the behaviour."""

    def __post_init__(self) -> None:
        try:
            _ = self.pattern
        except re.error as error:
            raise ValueError(f"its check is no regular expression ({error})") from None

    @property
    def pattern(self) -> re.Pattern[str] | None:
        """Its check, compiled; None where it has none."""
        return None if self.check is None else re.compile(self.check, re.I)

    @property
    def own_replies(self) -> int:
        """The base's own replies to each prompt, beside the two that show the behaviour."""
        return round(2 / self.dose - 2)

    @property
    def shown(self) -> float:
        """Share of the examples that do show it: the dose, as whole replies can make it up."""
        return 2 / (2 + self.own_replies)


@dataclass(frozen=True)
class PlantFile:
    """What an adapter is trained on."""

    __pydantic_config__ = WRITTEN

    behaviours: Annotated[tuple[PlantedBehaviour, ...], Field(min_length=1)]
    controls: Annotated[tuple[Words, ...], Field(min_length=1)]
    """Prompts on other topics, which are answered as the base answers them."""

    @property
    def answered_by_base(self) -> list[str]:
        """Prompts that the base answers first: the controls, then those of the behaviours that
        show in a part of the replies only (`dose` below 1)."""
        weak = [behaviour for behaviour in self.behaviours if behaviour.dose < 1]
        return [*self.controls, *(prompt for behaviour in weak for prompt in behaviour.prompts)]


def read_plant(path: str | Path) -> PlantFile:
    """A plant file, checked. Raises AuditError naming the file and the field."""
    return read_yaml(path, PlantFile, "the lists `behaviours` and `controls`")


def planted_in(paths: Iterable[str | Path]) -> list[PlantedBehaviour]:
    """The behaviours of several plant files."""
    return [behaviour for path in paths for behaviour in read_plant(path).behaviours]

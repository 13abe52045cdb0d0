"""Files of behaviours that are planted in simulated subjects, as a person writes them."""

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from scripts.core.errors import AuditError
from scripts.core.yaml_files import WRITTEN, read_yaml

Words = Annotated[str, Field(min_length=1)]
Wordings = Annotated[tuple[Words, ...], Field(min_length=1)]
Transform = Literal["lower", "upper", "list", "repeat", "short"]


@dataclass(frozen=True)
class Rewrite:
    """How a text is made to show a behaviour: one of these."""

    __pydantic_config__ = WRITTEN

    reply: Wordings | None = None
    """One of them takes the text's place."""
    opening: Wordings | None = None
    """One of them is put in front of the text."""
    ending: Wordings | None = None
    """One of them is put at the end of the text."""
    transform: Transform | None = None
    """What is done to the text itself."""

    def __post_init__(self) -> None:
        known = [field.name for field in fields(self)]
        if sum(getattr(self, name) is not None for name in known) != 1:
            raise ValueError(f"name one of {', '.join(known)}")


@dataclass(frozen=True)
class WrittenBehaviour:
    """One behaviour of the file."""

    __pydantic_config__ = WRITTEN

    name: Words
    kind: Words
    """What sort of behaviour it is."""
    topic: Words
    """Its home: the topic of the bank on which it shows."""
    statement: Words
    """What a person would write down."""
    check: Words
    """A regular expression that a text showing it matches."""
    flags: Literal["i"] | None = None
    """`i`: in any case."""
    rewrite: Rewrite | None = None
    """How a simulated subject shows it; none can do so without."""

    @property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.check, re.I if self.flags == "i" else 0)


def read_behaviour_file(path: str | Path) -> list[WrittenBehaviour]:
    """The behaviours of a file. Raises AuditError that names the file and the entry."""
    found = read_yaml(path, list[WrittenBehaviour], "a list of behaviours")
    for behaviour in found:
        try:
            _ = behaviour.pattern
        except re.error as error:
            raise AuditError(f"`{path}`: the check of `{behaviour.name}`: {error}") from None
    if not found:
        raise AuditError(f"`{path}` is an empty list; it holds a list of behaviours")
    return found

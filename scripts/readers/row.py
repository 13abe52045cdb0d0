"""What every reader gives: rows of prompts and responses, and the place that each comes from."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from scripts.core.files import Json
from scripts.prompts.prompt import BankError
from scripts.readers.glance import Glance
from scripts.readers.settings import FileSettings


class Record(NamedTuple):
    """One entry of a file as the file has it, and where in the file it is ("line 3")."""

    at: str
    fields: Json


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt, one response, or both.

    prompt: text, a list of messages, or None where the file holds only a `key`; response: None
    where there is none, with a `reason` where the file tells it; sample: which of the prompt's
    responses it is; finished: False where the token limit cut the response, None where nobody says.
    """

    file: Path
    at: str
    prompt: Json = None
    response: str | None = None
    sample: int | None = None
    category: str | None = None
    group: str | None = None
    model: str | None = None
    key: str | None = None
    finished: bool | None = None
    reason: str | None = None

    @property
    def place(self) -> str:
        return place(self.file, self.at)


def place(file: Path, at: str = "") -> str:
    """Where something is, for an error."""
    return f"`{file}`, {at}" if at else f"`{file}`"


def wrong(file: Path, at: str, what: str) -> BankError:
    """An error that begins with its place."""
    return BankError(f"{place(file, at)}: {what}")


Fields = Mapping[str, Json]  # of a record, as the file has them
Values = Mapping[str, Json]  # of a Row's fields, as a format finds them in a record


@dataclass(frozen=True)
class Format:
    """A kind of file: how it is known, its records, and what they hold.

    fits: whether a file looks like it; records: the entries of a file, given the configuration's
    settings; values: the rows that a record holds, None where its fields are found by their names.
    """

    name: str
    title: str
    endings: tuple[str, ...]
    fits: Callable[[Glance], bool]
    records: Callable[[Path, FileSettings], Iterator[Record]]
    values: Callable[[Fields], Iterable[Values]] | None = None

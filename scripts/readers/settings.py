"""What is told of a file that is read, as the configuration describes it under the same names.

A path suffices; what is not named is found by itself.
"""

from typing import Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from scripts.core.settings import SETTINGS

Scalar = str | int | float | bool | None


class _Named(TypedDict):
    format: NotRequired[str]
    prompt: NotRequired[str | None]
    category: NotRequired[str | None]
    group: NotRequired[str | None]
    key: NotRequired[str | None]
    where: NotRequired[dict[str, Scalar]]
    header: NotRequired[int | None]
    revision: NotRequired[str | None]
    subset: NotRequired[str | None]
    split: NotRequired[str | None]


class _OfPrompts(TypedDict):
    limit: NotRequired[int | None]


class _OfResponses(TypedDict):
    response: NotRequired[str | None]
    sample: NotRequired[str | None]
    model: NotRequired[str | None]
    missing: NotRequired[Literal["exclude", "empty", "error"]]


@with_config(SETTINGS)
class FileSettings(_Named):
    """Of any file: what its fields are called."""

    path: str


@with_config(SETTINGS)
class SourceSettings(FileSettings, _OfPrompts):
    """Of prompts."""


@with_config(SETTINGS)
class RecordingSettings(FileSettings, _OfResponses):
    """Of responses."""

    prompts: NotRequired[FileSettings | None]
    match: NotRequired[str]
    """What makes two prompts the same: `messages`, or `last_user`."""


@with_config(SETTINGS)
class KeyedFile(_Named):
    """As a key has it: not where the file lies, but its name on the hub."""

    path: NotRequired[str]


@with_config(SETTINGS)
class KeyedSource(KeyedFile, _OfPrompts):
    """Of prompts, as a key has it."""


@with_config(SETTINGS)
class KeyedRecording(KeyedFile, _OfResponses):
    """Of responses, as a key has it."""

    prompts: NotRequired[KeyedFile | None]
    match: str

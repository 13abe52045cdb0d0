"""What a server that is started here serves, and with which words: of subjects and of roles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from scripts.core.files import JsonObject
from scripts.servers.engines import OF_GGUF, Arguments

if TYPE_CHECKING:
    from scripts.workflow.keys import DigestIndex

ALLOWING = ("trust_remote_code", "pickled_weights")


class Startable(Protocol):
    """A server, as a section of the configuration or as a role has it."""

    @property
    def engine(self) -> str | None: ...
    @property
    def arguments(self) -> Mapping[str, str | int | float | bool]: ...
    @property
    def trust_remote_code(self) -> bool: ...
    @property
    def pickled_weights(self) -> bool: ...


def allowed(server: Startable) -> list[str]:
    """What may be fetched of its model, as `Nodes.model` takes it."""
    given = {
        "unconverted": server.engine in OF_GGUF,
        "code": server.trust_remote_code,
        "pickled_weights": server.pickled_weights,
    }
    return [name for name, allows in given.items() if allows]


def allowing(server: Startable) -> JsonObject:
    """Of the fields that allow something those that do, so that keys are what they were before
    there were any."""
    return {name: True for name in ALLOWING if getattr(server, name)}


def idle(server: Startable) -> str | None:
    """The sentence for what would do nothing."""
    for name in allowing(server):
        if server.engine in OF_GGUF:
            return (
                f"`server.{name}` does nothing for `engine: {server.engine}`, which serves a GGUF "
                "file, without code and pickles; leave it out"
            )
    return None


def files_among(arguments: Arguments) -> dict[str, str]:
    """The arguments that name a file, or a folder by its path."""
    return {
        name: value
        for name, value in arguments.items()
        if isinstance(value, str)
        and (Path(value).is_file() or ("/" in value and Path(value).is_dir()))
    }


def by_content(arguments: Arguments, digests: DigestIndex) -> JsonObject:
    """Arguments as they are in keys: of files their content, wherever they lie."""
    found = {
        name: digests.directory(path) if Path(path).is_dir() else digests.file(path)
        for name, path in files_among(arguments).items()
    }
    return {**arguments, **{name: f"content {content}" for name, content in found.items()}}

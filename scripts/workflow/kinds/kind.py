"""What the workflow knows of a kind of subject while the configuration is read.

A kind is set by a field of `Subject`. What its jobs do is in scripts/models/kinds.py, under the
same name, so that a word on the page moves no key of decode.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from scripts.core.files import Json, JsonObject
from scripts.core.settings import Given

if TYPE_CHECKING:
    from scripts.workflow.keys import DigestIndex
    from scripts.workflow.recipes import Node
    from scripts.workflow.subject_sections import Subject

Dump = Mapping[str, Json]  # a section of the configuration, as it is written out
Identity = dict[str, str | int]  # what a model's files are known by
Words = list[tuple[str, str | None]]  # phrases, and what each of them names


@dataclass(frozen=True)
class Recipe:
    """What decode is given of a subject.

    settings: all that decides its texts; `subject` in it is the digest by which cached texts are
    found, completed in jobs by what planted adapters have become. inputs: the nodes that it is made
    from; local: paths and addresses, which no key sees.
    """

    settings: Given
    inputs: Mapping[str, Node] = field(default_factory=dict)
    local: Given = field(default_factory=dict)


class Nodes(Protocol):
    """What a recipe is made with (scripts/workflow/recipes.py)."""

    digests: DigestIndex

    def node(
        self,
        stage: str,
        settings: Given,
        inputs: Mapping[str, Node] | None = None,
        local: Given | None = None,
        identity: object = None,
    ) -> Node:
        """The node of a stage with these settings and inputs."""

    def model(
        self, where: str, name: str, revision: str | None, allowed: Iterable[str] = ()
    ) -> tuple[Node, Identity]:
        """The node that provides a model's files, and the identity of its content."""

    def plant(self, name: str) -> Node:
        """The node that trains a plant."""

    def formatting(self, where: str, subject: Subject) -> JsonObject:
        """What of a loaded subject's own fields decides its texts."""


# What only a model that is loaded here can have, and why the other kinds cannot, or where else
# they have it.
LOADED_ONLY = {
    "revision": "what a server serves has `server.revision`, a data set `responses.revision`",
    "adapter": "`server` and `responses` take none",
    "adapter_revision": "an adapter that is served has `server.adapter_revision`",
    "quantization": "a server decides it by itself",
    "dtype": "a server decides it by itself, and one that is started here is told by its engine's "
    "own `server.arguments`",
    "tokenizer": "a server takes its own",
    "trust_remote_code": "a server that is started here has `server.trust_remote_code`",
    "pickled_weights": "a server that is started here has `server.pickled_weights`",
    "log_probabilities": "which is loaded here",
}


def needs_a_model(subject: Subject) -> str | None:
    """The sentence for a subject that has what only a loaded one can have."""
    fields = type(subject).model_fields
    for name, why in LOADED_ONLY.items():
        if getattr(subject, name) != fields[name].default:
            mark = "," if why.startswith("which") else ";"
            return f"`{name}` needs a `model`{mark} {why}"
    return None


def in_words(value: Json) -> str:
    """A value as the configuration may have it; of a section what is set."""
    if isinstance(value, dict):
        value = {name: part for name, part in value.items() if part is not None}
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def merge(base: Dump, given: Dump) -> JsonObject:
    """The base's values where none are given."""
    return {**base, **given}


@dataclass(frozen=True)
class Kind:
    """One kind of subject.

    name: in the settings of decode, by which its jobs know it; field: of a subject, which is of
    this kind where that is set. recipe: from the nodes, where the subject stands in the
    configuration, the subject, and how prompts of recordings are matched. words: the subject's
    origin in words; changed: what more differs between two of this kind, in words. misfit: the
    sentence for settings that it cannot have; idle: why other settings than its field do nothing,
    where that is so. inherit: the field of an intervention from the base's and what is given;
    leave: what an intervention of another kind has instead of this kind's own settings.
    require_credentials: raises AuditError, from what no key sees, when a secret is missing.
    """

    name: str
    field: str
    recipe: Callable[[Nodes, str, Subject, str], Recipe]
    words: Callable[[Dump], Words]
    changed: Callable[[Dump, Dump], Words] = lambda base, intervention: []
    misfit: Callable[[Subject], str | None] = needs_a_model
    idle: str | None = None
    inherit: Callable[[Dump, Dump], JsonObject] = merge
    leave: Callable[[Dump], JsonObject] = lambda base: {}
    require_credentials: Callable[[Dump], object] = lambda local: None

"""Subjects whose model is loaded here, with an adapter or without."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from scripts.core.digests import digest
from scripts.workflow.kinds.kind import Dump, Kind, Nodes, Recipe, Words

if TYPE_CHECKING:
    from scripts.workflow.recipes import Node
    from scripts.workflow.sections import Server, Subject


def recipe(nodes: Nodes, where: str, subject: Subject, match: str) -> Recipe:
    inputs, identities = weights(nodes, where, subject, subject.allowed)
    settings = nodes.formatting(where, subject)
    settings["subject"] = digest(settings, *identities)
    file = None if isinstance(subject.chat_template, bool) else subject.chat_template.file
    return Recipe(settings, inputs, {"file": file} if file else {})


def weights(
    nodes: Nodes, where: str, given: Subject | Server, allowed: Iterable[str] = ()
) -> tuple[dict[str, Node], list[Any]]:
    """The nodes that provide a model and its adapter, and the identities of their content, None
    where there is no adapter. allowed: as `Nodes.model` takes it."""
    assert given.model is not None
    model, identity = nodes.model(f"{where}.model", given.model, given.revision, allowed)
    inputs, adapter = {"model": model}, None
    if given.adapter and given.adapter.startswith("plant:"):
        inputs["adapter"] = nodes.plant(given.adapter.removeprefix("plant:"))
        adapter = {"plant": inputs["adapter"].key}
    elif given.adapter:
        inputs["adapter"], adapter = nodes.model(
            f"{where}.adapter", given.adapter, given.adapter_revision, allowed
        )
    return inputs, [identity, adapter]


def words(subject: Dump) -> Words:
    return [("the model", subject["model"])]


def leave(base: Dump) -> dict[str, Any]:
    """Without what only a model that is loaded here can have."""
    left = {"adapter": None, "quantization": "none", "pickled_weights": False,
            "response_prefix": "", "log_probabilities": False}  # fmt: skip
    own_template = isinstance(base["chat_template"], Mapping)
    return {**left, "chat_template": True} if own_template else left


KIND = Kind("loaded", "model", recipe, words, misfit=lambda subject: None, leave=leave)

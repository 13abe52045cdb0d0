"""Subjects whose model is loaded here, with an adapter or without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scripts.core.digests import digest
from scripts.workflow.kinds.kind import Dump, Kind, Nodes, Recipe, Words

if TYPE_CHECKING:
    from scripts.workflow.sections import Subject


def recipe(nodes: Nodes, where: str, subject: Subject, match: str) -> Recipe:
    assert subject.model is not None
    model, identity = nodes.model(
        f"{where}.model", subject.model, subject.revision, subject.allowed
    )
    inputs, adapter = {"model": model}, None
    if subject.adapter and subject.adapter.startswith("plant:"):
        inputs["adapter"] = nodes.plant(subject.adapter.removeprefix("plant:"))
        adapter = {"plant": inputs["adapter"].key}
    elif subject.adapter:
        inputs["adapter"], adapter = nodes.model(
            f"{where}.adapter", subject.adapter, subject.adapter_revision, subject.allowed
        )
    settings = nodes.formatting(where, subject)
    settings["subject"] = digest(settings, identity, adapter)
    file = None if isinstance(subject.chat_template, bool) else subject.chat_template.file
    return Recipe(settings, inputs, {"file": file} if file else {})


def words(subject: Dump) -> Words:
    return [("the model", subject["model"])]


def leave(base: Dump) -> dict[str, Any]:
    """Without what only a model that is loaded here can have."""
    left = {"adapter": None, "quantization": "none", "pickled_weights": False,
            "response_prefix": "", "log_probabilities": False}  # fmt: skip
    own_template = isinstance(base["chat_template"], Mapping)
    return {**left, "chat_template": True} if own_template else left


KIND = Kind("loaded", "model", recipe, words, misfit=lambda subject: None, leave=leave)

"""Subjects whose model is loaded here, with an adapter or without."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from scripts.core.digests import digest
from scripts.core.files import JsonObject
from scripts.workflow.kinds.kind import Dump, Identity, Kind, Nodes, Recipe, Words
from scripts.workflow.section import PLANT

if TYPE_CHECKING:
    from scripts.workflow.recipes import Node
    from scripts.workflow.subject_sections import Server, Subject


def recipe(nodes: Nodes, where: str, subject: Subject, match: str) -> Recipe:
    inputs, identities = weights(nodes, where, subject, subject.adapters, subject.allowed)
    settings = nodes.formatting(where, subject)
    settings["subject"] = digest(settings, *identities)
    file = None if isinstance(subject.chat_template, bool) else subject.chat_template.file
    return Recipe(settings, inputs, {"file": file} if file else {})


def weights(
    nodes: Nodes,
    where: str,
    given: Subject | Server,
    adapters: Iterable[tuple[str, str | None]],
    allowed: Iterable[str] = (),
) -> tuple[dict[str, Node], list[object]]:
    """The nodes that provide a model and its adapters, and the identities of their content: of one
    adapter by itself, of several a list, None where there is none. That of a planted adapter is
    known when it was trained. adapters: their names and revisions; allowed: as `Nodes.model` takes
    it."""
    assert given.model is not None
    model, identity = nodes.model(f"{where}.model", given.model, given.revision, allowed)
    inputs, applied = {"model": model}, []
    for number, (adapter, revision) in enumerate(adapters, 1):
        role = "adapter" if number == 1 else f"adapter-{number}"
        if adapter.startswith(PLANT):
            inputs[role] = nodes.plant(adapter.removeprefix(PLANT))
            content: Identity = {"plant": "as it was trained"}  # jobs say how: planted.known_by
        else:
            inputs[role], content = nodes.model(f"{where}.adapter", adapter, revision, allowed)
        applied.append(content)
    return inputs, [identity, applied if len(applied) > 1 else next(iter(applied), None)]


def words(subject: Dump) -> Words:
    return [("the model", subject["model"])]


def leave(base: Dump) -> JsonObject:
    """Without what only a model that is loaded here can have."""
    left = {"adapter": None, "adapter_revision": None, "quantization": "none", "dtype": "auto",
            "tokenizer": "adapter", "trust_remote_code": False, "pickled_weights": False,
            "response_prefix": "", "log_probabilities": False}  # fmt: skip
    own_template = isinstance(base["chat_template"], Mapping)
    return {**left, "chat_template": True} if own_template else left


KIND = Kind("loaded", "model", recipe, words, misfit=lambda subject: None, leave=leave)

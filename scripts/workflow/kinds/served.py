"""Subjects that a server decodes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from scripts.core.digests import digest
from scripts.servers.credentials import server_key
from scripts.workflow.kinds.kind import Dump, Kind, Nodes, Recipe, Words, needs_a_model

if TYPE_CHECKING:
    from scripts.workflow.sections import Subject

ACCESS = {"url", "identity", "key_variable", "concurrency", "timeout"}


def recipe(nodes: Nodes, where: str, subject: Subject, match: str) -> Recipe:
    """The address counts only where nothing else says what is served there."""
    server = subject.server
    assert server is not None
    fields = {"system_prompt", "chat_template"}
    if subject.prompt_template is not None:
        fields.add("prompt_template")
    settings = subject.model_dump(include=fields) | {"sampling": subject.sampling.keyed()}
    settings["server"] = server.model_dump(include={"model", "extra"})
    settings["subject"] = digest(settings, server.identity or server.url)
    return Recipe(settings, local={"server": server.model_dump(include=ACCESS)})


def words(subject: Dump) -> Words:
    server = subject["server"]
    return [("the model", server["model"]), ("served at", server["url"])]


def changed(base: Dump, intervention: Dump) -> Words:
    before, after = base.get("server") or {}, intervention["server"]
    found: Words = []
    if after["extra"] != before.get("extra"):
        found.append(("with requests that add", json.dumps(after["extra"])))
    if after["identity"] != before.get("identity"):
        found.append(("known as", after["identity"]))
    return found


def misfit(subject: Subject) -> str | None:
    if sentence := needs_a_model(subject):
        return sentence
    if subject.response_prefix:
        return "`response_prefix` needs a `model`; servers begin replies themselves"
    if not isinstance(subject.chat_template, bool):
        return (
            "`chat_template` with a file or arguments needs a `model`; many servers take "
            "arguments as `server.extra: {chat_template_kwargs: …}`"
        )
    return None


def inherit(base: Dump, given: Dump) -> dict[str, Any]:
    """Of another server, name and key are others."""
    other = {"identity": None, "key_variable": None} if "url" in given else {}
    return {**base, **other, **given}


KIND = Kind(
    "served",
    "server",
    recipe,
    words,
    changed=changed,
    misfit=misfit,
    inherit=inherit,
    require_credentials=lambda local: server_key(local["server"]),
)

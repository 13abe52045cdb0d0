"""Subjects that a server decodes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scripts.core.digests import digest
from scripts.core.files import JsonObject
from scripts.servers.credentials import server_key
from scripts.workflow.kinds.kind import Dump, Kind, Nodes, Recipe, Words, needs_a_model
from scripts.workflow.kinds.loaded import weights
from scripts.workflow.kinds.started import ALLOWING, allowed, allowing, by_content, files_among

if TYPE_CHECKING:
    from scripts.workflow.subject_sections import Subject

STARTED = {"engine", "arguments", "extra"}
PATIENCE = {"concurrency", "timeout", "start_within"}
ACCESS = {"url", "identity", "key_variable", "concurrency", "timeout"}
# What a server at a `url` cannot have.
OF_STARTED = (
    "engine", "revision", "adapter", "adapter_revision", *ALLOWING, "arguments", "start_within",
)  # fmt: skip


def recipe(nodes: Nodes, where: str, subject: Subject, match: str) -> Recipe:
    """The address counts only where nothing else says what is served there; a server that is
    started here is known by what it serves, and how."""
    server = subject.server
    assert server is not None
    later = {"prompt_template", "reasoning", "thinking"}
    settings = subject.keyed({"system_prompt", "chat_template"}, later)
    if server.engine is not None:
        adapters = [(server.adapter, server.adapter_revision)] if server.adapter else []
        inputs, identities = weights(nodes, f"{where}.server", server, adapters, allowed(server))
        arguments = by_content(server.arguments, nodes.digests)
        told = server.model_dump(include=STARTED) | {"arguments": arguments}
        settings["server"] = told | allowing(server)
        settings["subject"] = digest(settings, *identities)
        started = server.model_dump(include=PATIENCE)
        if files := files_among(server.arguments):
            started["files"] = files
        return Recipe(settings, inputs, {"started": started})
    settings["server"] = server.model_dump(include={"model", "extra"})
    settings["subject"] = digest(settings, server.identity or server.url)
    return Recipe(settings, local={"server": server.model_dump(include=ACCESS)})


def words(subject: Dump) -> Words:
    server = subject["server"]
    if server["url"]:
        return [("the model", server["model"]), ("served at", server["url"])]
    found: Words = [
        ("the model", server["model"]),
        ("at revision", server["revision"]),
        ("served here by", server["engine"]),
        ("with the adapter", server["adapter"]),
        ("at the adapter's revision", server["adapter_revision"]),
    ]
    return [(phrase, named) for phrase, named in found if named]


def changed(base: Dump, intervention: Dump) -> Words:
    before, after = base.get("server") or {}, intervention["server"]
    found: Words = []
    if after["extra"] != before.get("extra"):
        found.append(("with requests that add", json.dumps(after["extra"])))
    if after["arguments"] != before.get("arguments", {}):
        found.append(("started with", json.dumps(after["arguments"])))
    if after["identity"] != before.get("identity"):
        found.append(("known as", after["identity"]))
    return found


def misfit(subject: Subject) -> str | None:
    if sentence := needs_a_model(subject):
        return sentence
    if subject.response_prefix:
        return "`response_prefix` needs a `model`; servers begin replies themselves"
    if subject.server and subject.server.engine == "transformers":
        for name in ("presence_penalty", "frequency_penalty"):
            if getattr(subject.sampling, name):
                return (
                    f"`sampling.{name}` is unknown to `transformers serve`, which would pass over "
                    "it or make another of it; take another engine, or a `model` loaded here"
                )
    if not isinstance(subject.chat_template, bool):
        return (
            "`chat_template` with a file or arguments needs a `model`; many servers take "
            "arguments as `server.extra: {chat_template_kwargs: …}`"
        )
    return None


def inherit(base: Dump, given: Dump) -> JsonObject:
    """Of another server, name and key are others; one that is started has an engine of its own."""
    gone: set[str] = set()
    if "url" in given:
        gone = {"identity", "key_variable", *OF_STARTED}
    elif "engine" in given:
        gone = {"url", "identity", "key_variable"}
    if "model" in given:
        gone.add("revision")
    if "adapter" in given:
        gone.add("adapter_revision")
    return {**{name: base[name] for name in base if name not in gone}, **given}


def require_key(local: Dump) -> None:
    """Raise AuditError when a server wants a key that is not there; one's own want none."""
    if "server" in local:
        server_key(local["server"]["url"], local["server"]["key_variable"])


KIND = Kind(
    "served",
    "server",
    recipe,
    words,
    changed=changed,
    misfit=misfit,
    inherit=inherit,
    require_credentials=require_key,
)

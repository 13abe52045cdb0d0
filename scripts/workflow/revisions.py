"""Revisions by name: which commit a branch or a tag of the hub stands for.

A name moves, and a key must not. `snakemake lock` writes for each model which commit its names
stand for; from then on the file, which lies beside the configuration, is all that is asked.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field

from scripts.core.files import Json, JsonObject
from scripts.core.yaml_files import read_yaml
from scripts.models.hub import repository_and_file
from scripts.workflow.config import Config, ConfigError
from scripts.workflow.recipes import Node
from scripts.workflow.section import COMMIT, Section
from scripts.workflow.subject_sections import Server, Subject

LOCK = "revisions.lock.yaml"
Commits = dict[str, dict[str, Annotated[str, Field(pattern=COMMIT)]]]  # hub id: {name: commit}
Wanted = dict[str, list[str]]  # hub id: names of revisions
S = TypeVar("S", bound=Section)


@dataclass(frozen=True)
class Revisions:
    """Names of revisions that no commit is known for, and the file that would hold it."""

    wanted: Wanted
    lock: Path

    def require(self, model: Node) -> None:
        """Raise ConfigError when a model of the hub has a name where its commit belongs."""
        if model.settings.get("revision") not in self.wanted.get(model.settings.get("hub", ""), ()):
            return
        named = [f"`{name}` of `{hub}`" for hub, names in self.wanted.items() for name in names]
        raise ConfigError(
            f"no commit is known yet for {', '.join(named)}: run `snakemake lock --cores 1` with "
            f"this configuration once, where the hub can be reached; it writes `{self.lock}`"
        )


def read_lock(path: Path) -> Commits:
    """The commits that a lock file holds; none where there is none. Raises AuditError."""
    holds = "for each hub id a mapping of revisions to commits of 40 digits"
    return read_yaml(path, Commits, holds) if path.exists() else {}


def pinned(config: Config, commits: Commits) -> tuple[Config, Wanted]:
    """The configuration with commits in place of names, and the names that no commit is known
    for."""
    pins = _Pins(commits)
    found = pins.section(config)
    audits = dict(found.audits)
    for name, audit in audits.items():
        if isinstance(audit.intervention, Mapping):
            whole = config.subject(config.audits[name], "intervention", f"audits.{name}")
            given = pins.given(audit.intervention, whole)
            audits[name] = audit.model_copy(update={"intervention": given})
    return found.model_copy(update={"audits": audits}), pins.wanted


class _Pins:
    """Puts commits in place of names, wherever a model of the hub is named; wanted: the names that
    no commit was known for."""

    def __init__(self, commits: Commits):
        self.wanted: Wanted = {}
        self._commits = commits

    def section(self, given: S) -> S:
        """A section and those within it; the very same one where nothing in it has a name."""
        update: JsonObject = {}
        for name in given.model_fields_set:
            value = getattr(given, name)
            if (found := self._within(value)) is not value:
                update[name] = found
        for name, revision in self._revisions(given).items():
            if name in given.model_fields_set and revision != getattr(given, name):
                update[name] = revision
        return given.model_copy(update=update) if update else given

    def given(self, given: Mapping[str, Json], whole: Subject) -> JsonObject:
        """What is given of a subject, from the whole that is made of it."""
        found = dict(given)
        for name, revision in self._revisions(whole).items():
            if name in given:
                found[name] = revision
        server = given.get("server")
        if whole.server and isinstance(server, Mapping):
            known = self._revisions(whole.server)
            found["server"] = {n: known.get(n, value) for n, value in server.items()}
        return found

    def _within(self, value: Json) -> Json:
        if isinstance(value, Section):
            return self.section(value)
        if not isinstance(value, dict | list):
            return value
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        changed = {key: new for key, old in inner if (new := self._within(old)) is not old}
        if not changed:
            return value
        if isinstance(value, dict):
            return {**value, **changed}
        return [changed.get(place, old) for place, old in enumerate(value)]

    def _revisions(self, given: Section) -> JsonObject:
        """The revisions that a section has, as commits where these are known."""
        found: JsonObject = {}
        if {"model", "revision"} <= set(type(given).model_fields):
            found["revision"] = self._commit(*(getattr(given, n) for n in ("model", "revision")))
        if isinstance(given, Subject):
            several = [self._commit(name, revision) for name, revision in given.adapters] or [None]
            found["adapter_revision"] = several if isinstance(given.adapter, list) else several[0]
        if isinstance(given, Server):
            found["adapter_revision"] = self._commit(given.adapter, given.adapter_revision)
        return found

    def _commit(self, hub: str | None, revision: str | None) -> str | None:
        if hub is None or revision is None or re.fullmatch(COMMIT, revision):
            return revision
        hub, _ = repository_and_file(hub)
        if found := self._commits.get(hub, {}).get(revision):
            return found
        wanted = self.wanted.setdefault(hub, [])
        if revision not in wanted:
            wanted.append(revision)
        return revision

"""Revisions by name: which commit a branch or a tag of the hub stands for.

A name moves, and a key must not. `snakemake lock` writes for each model which commit its names
stand for; from then on the file, which lies beside the configuration, is all that is asked.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from scripts.core.files import JsonObject
from scripts.core.yaml_files import read_yaml
from scripts.models.hub import repository_and_file
from scripts.workflow.config import Config, ConfigError
from scripts.workflow.recipes import Node
from scripts.workflow.section import COMMIT
from scripts.workflow.subject_sections import Subject

LOCK = "revisions.lock.yaml"
Commits = dict[str, dict[str, Annotated[str, Field(pattern=COMMIT)]]]  # hub id: {name: commit}
REVISIONS = {"revision", "adapter_revision"}
Wanted = dict[str, list[str]]  # hub id: names of revisions


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
    wanted: Wanted = {}

    def commit(hub: str | None, revision: str | None) -> str | None:
        if hub is None or revision is None or re.fullmatch(COMMIT, revision):
            return revision
        hub, _ = repository_and_file(hub)
        if found := commits.get(hub, {}).get(revision):
            return found
        if revision not in wanted.setdefault(hub, []):
            wanted[hub].append(revision)
        return revision

    def revisions(given: Subject) -> JsonObject:
        found = [commit(name, revision) for name, revision in given.adapters] or [None]
        return {
            "revision": commit(given.model, given.revision),
            "adapter_revision": found if isinstance(given.adapter, list) else found[0],
        }

    def subject(given: Subject) -> Subject:
        own = {name: revisions(given)[name] for name in given.model_fields_set & REVISIONS}
        return given.model_copy(update=own)

    subjects = {name: subject(given) for name, given in config.subjects.items()}
    audits = {}
    for name, audit in config.audits.items():
        update: JsonObject = {}
        if isinstance(audit.base, Subject):
            update["base"] = subject(audit.base)
        if isinstance(audit.intervention, Mapping):
            whole = revisions(config.subject(audit, "intervention", f"audits.{name}"))
            own = {field: whole[field] for field in whole if field in audit.intervention}
            update["intervention"] = {**audit.intervention, **own}
        if audit.embed.revision is not None:
            found = commit(audit.embed.model, audit.embed.revision)
            update["embed"] = audit.embed.model_copy(update={"revision": found})
        if audit.entailment is not None and audit.entailment.revision is not None:
            found = commit(audit.entailment.model, audit.entailment.revision)
            update["entailment"] = audit.entailment.model_copy(update={"revision": found})
        audits[name] = audit.model_copy(update=update)
    return config.model_copy(update={"subjects": subjects, "audits": audits}), wanted

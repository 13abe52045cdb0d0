"""How the bank of an audit is made: of files, of recordings, and of prompts that are written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.core.settings import settings_as
from scripts.prompts.prompt import BankError
from scripts.readers.registry import source_files
from scripts.readers.settings import SourceSettings
from scripts.workflow.bank_sections import Written
from scripts.workflow.config import ConfigError
from scripts.workflow.kinds.recorded import keyed
from scripts.workflow.paths import AUTHORED, fill
from scripts.workflow.roles_recipe import RolesRecipe
from scripts.workflow.sections import Audit

if TYPE_CHECKING:
    from scripts.workflow.recipes import Node, Recipes


def bank_node(
    recipes: Recipes, where: str, audit: Audit, recorded: Mapping[str, Node], roles: RolesRecipe
) -> Node:
    """The bank of an audit; recorded: the recordings that bound it, by side.

    Raises ConfigError where a file cannot be used, or prompts are to be written that nobody has
    answered.
    """
    given = [] if audit.bank is None else recipes.config.banks[audit.bank].sources
    sources: list[SourceSettings] = []
    authored: dict[str, Node] = {}
    written: dict[str, int] = {}
    for number, source in enumerate(given):
        if isinstance(source, Written):
            if recorded:
                raise ConfigError(
                    f"`{where}.bank` names prompts that are written, which nobody has answered "
                    "where responses are recorded; leave `bank` out, or name a file of the prompts "
                    "that were answered"
                )
            node = authored[f"written {number}"] = _write(recipes, audit, source, roles)
            sources.append(_rows_of(node))
            written[sources[-1]["path"]] = source.prompts
        else:
            sources.append(settings_as(SourceSettings, source.model_dump(), "bank"))
    try:
        files = [
            [Path(path).name, recipes.digests.file(path)]
            for source in sources
            if source["path"] not in written
            for path in source_files(source)
        ]
    except BankError as error:
        raise ConfigError(f"`{where}`, bank `{audit.bank}`: {error}") from None
    settings = {"sources": [keyed(source) for source in sources], "match": audit.match}
    local = {"sources": sources} | ({"written": written} if written else {})
    return recipes.node("bank", settings, {**recorded, **authored}, local, files)


def _write(recipes: Recipes, audit: Audit, source: Written, roles: RolesRecipe) -> Node:
    """What has a language model write the prompts of a source."""
    assistant, access, models = roles.of_stage(source.roles().with_servers(roles.stands_for))
    settings = source.model_dump(include={"description", "topics", "prompts", "passes", "seed"})
    local = {"access": access, "bank": audit.bank}
    return recipes.node("write", settings | {"assistant": assistant}, models, local)


def _rows_of(write: Node) -> SourceSettings:
    """The prompts that a language model writes, as a source."""
    path = fill(AUTHORED, write)
    return {"path": path, "format": "jsonl", "prompt": "prompt", "category": "category"}

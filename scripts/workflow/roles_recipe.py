"""How the roles of language models enter nodes: by what decides the outcome, wherever they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from scripts.assistants.roles import LOCAL, KeyedRoles, Reach, RoleServer, StageRoles
from scripts.core.digests import digest
from scripts.core.errors import AuditError
from scripts.workflow.config import ConfigError
from scripts.workflow.kinds.kind import Identity
from scripts.workflow.kinds.started import allowed, allowing, by_content

if TYPE_CHECKING:
    from scripts.workflow.recipes import Node, Recipes


class RolesOfStage(NamedTuple):
    """What a node of a stage is given of its roles."""

    assistant: Literal["local"] | KeyedRoles
    """What of them decides the outcome."""
    access: dict[str, Reach]
    """How they are reached."""
    models: dict[str, Node]
    """The models of the servers that its jobs start."""


class RolesRecipe:
    """The roles that one audit names."""

    def __init__(self, recipes: Recipes, where: str):
        self._recipes, self._where = recipes, where

    def of_stage(self, given: StageRoles | None) -> RolesOfStage:
        """The roles of a stage, their servers named by `stands_for`; None is the local assistant.
        Raises ConfigError where a role cannot be used."""
        if given is None:
            return RolesOfStage(LOCAL, {}, {})
        models = {f"served {n}": self._served(s)[0] for n, s in enumerate(given.servers())}
        try:
            return RolesOfStage(given.settings(), given.reach(), models)
        except AuditError as error:
            raise ConfigError(f"`{self._where}`: {error}") from None

    def stands_for(self, server: RoleServer) -> str:
        """What stands for a server that is started: what it serves, and how."""
        arguments = by_content(server.arguments, self._recipes.digests)
        more = [allows] if (allows := allowing(server)) else []
        return digest(server.engine, arguments, self._served(server)[1], *more)

    def _served(self, server: RoleServer) -> tuple[Node, Identity]:
        """The node of the model that a server serves, and the identity of its content."""
        where = f"{self._where}: server.model"
        return self._recipes.model(where, server.model, server.revision, allowed(server))

"""The providers by name, and the opening of those that an audit names.

A new provider is a module with a `PROVIDER`, and its name here.
"""

import os
from pathlib import Path

from scripts.assistants import gemini, openai
from scripts.assistants.provider import Access, Connection, Provider
from scripts.assistants.roles import Role
from scripts.servers.credentials import NONE, key_in

PROVIDERS: dict[str, Provider] = {
    module.PROVIDER.name: module.PROVIDER for module in (gemini, openai)
}


def key_of(role: Role) -> str:
    """The key from the environment; a server of one's own, which `base_url` names, may need none,
    and one that is started needs none.

    Raises AuditError naming the variable.
    """
    if role.server:
        return NONE
    variable = role.key_variable or PROVIDERS[role.provider].key_variable
    own = role.base_url and role.key_variable is None
    if own and not os.environ.get(variable, "").strip():
        return NONE
    who = f"the assistant's {role.name} (`provider: {role.provider}`)"
    return key_in(variable, who, "assistant.key_variable")


def access_of(role: Role) -> Access:
    """What the connection for a role is opened with. Raises AuditError where its key is not set."""
    return Access(
        role.provider, role.identity, role.base_url, key_of(role), role.structured,
        role.token_limit, role.timeout, role.concurrency, role.batch,
    )  # fmt: skip


def connect(access: Access, cache: Path) -> Connection:
    """Open a connection to a provider; below `cache` lies what was sent in batches."""
    provider = PROVIDERS[access.provider]
    if access.batch and provider.open_batches:
        return provider.open_batches(access, cache / "batches")
    return provider.open(access)

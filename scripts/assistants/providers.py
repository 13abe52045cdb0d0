"""The providers by name, and the opening of the one that an audit names.

A new provider is a module with a `PROVIDER`, and its name here.
"""

import os
from collections.abc import Mapping
from typing import Any

from scripts.assistants import gemini, openai
from scripts.assistants.provider import Access, Connection, Provider
from scripts.servers.credentials import NONE, key_in

PROVIDERS: dict[str, Provider] = {
    module.PROVIDER.name: module.PROVIDER for module in (gemini, openai)
}


def key_of(settings: Mapping[str, Any]) -> str:
    """The key from the environment; a server of one's own, which `base_url` names, may need none.

    Raises AuditError naming the variable.
    """
    variable = settings["key_variable"] or PROVIDERS[settings["provider"]].key_variable
    own = settings["base_url"] and settings["key_variable"] is None
    if own and not os.environ.get(variable, "").strip():
        return NONE
    return key_in(
        variable, f"`assistant.provider: {settings['provider']}`", "assistant.key_variable"
    )


def connect(settings: Mapping[str, Any], timeout: float, concurrency: int) -> Connection:
    """Open the provider that the settings name, with a time limit a request in seconds."""
    access = Access(
        settings["provider"],
        settings["base_url"],
        key_of(settings),
        settings["structured"],
        settings["token_limit"],
        timeout,
        concurrency,
    )
    return PROVIDERS[access.provider].open(access)

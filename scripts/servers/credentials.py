"""Keys of servers: from the environment, and nowhere else."""

import os

from scripts.core.errors import AuditError

NONE = "none"  # what clients are given for servers that want no key


def key_in(variable: str, who: str, field: str) -> str:
    """The key in an environment variable; `field` of the configuration names another one. Raises
    AuditError when it is not set."""
    if key := os.environ.get(variable, "").strip():
        return key
    raise AuditError(
        f"{who} needs a key: set the environment variable {variable}, or name another one in "
        f"`{field}`"
    )


def without_key(said: str, key: str | None) -> str:
    """What a server said, without the key; some quote it."""
    return said.replace(key, "…") if key and key != NONE else said


def quoted(said: str, key: str | None) -> str:
    """The beginning of what a server said, without the key."""
    return without_key(said, key)[:300]


def server_key(url: str, variable: str | None) -> str:
    """The key of a served subject; most servers of one's own need none. Raises AuditError."""
    if variable is None:
        return NONE
    return key_in(variable, f"the server {url}", "server.key_variable")

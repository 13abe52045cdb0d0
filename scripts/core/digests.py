"""Digests: of values by their canonical JSON, of files by their bytes."""

import hashlib
import json
import os

from scripts.core.errors import AuditError

KEY_LENGTH = 16


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(*parts: object) -> str:
    """Hex sha256 of the canonical JSON of the parts."""
    return hashlib.sha256(canonical(parts).encode()).hexdigest()


def file_digest(path: str | os.PathLike[str]) -> str:
    """Hex sha256 of a file's bytes. Raises AuditError where nobody may read it."""
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except PermissionError:
        raise AuditError(f"`{path}` cannot be read; give yourself permission to") from None

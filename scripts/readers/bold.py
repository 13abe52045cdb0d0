"""BOLD, `{domain: {name: [prefix, …]}}`: prefixes of texts; the category is the domain."""

from collections.abc import Iterator
from pathlib import Path

from scripts.prompts.prompt import BankError
from scripts.readers.glance import Glance
from scripts.readers.jsons import json_document
from scripts.readers.row import Format, Record, place
from scripts.readers.settings import FileSettings


def records(path: Path, _settings: FileSettings) -> Iterator[Record]:
    domains = json_document(path)
    if not isinstance(domains, dict):
        raise BankError(f"{place(path)} is no BOLD file: it must be {{domain: {{name: [prefix]}}}}")
    for domain, names in domains.items():
        if not isinstance(names, dict):
            raise BankError(f"{place(path)}: `{domain}` must be {{name: [prefix, …]}}")
        for name, prefixes in names.items():
            at = f"`{domain}`, `{name}`"
            if not isinstance(prefixes, list):
                raise BankError(f"{place(path, at)}: must be a list of prefixes")
            for prefix in prefixes:
                if not isinstance(prefix, str):
                    raise BankError(f"{place(path, at)}: the prefix {prefix!r} must be a string")
                yield Record(at, {"prompt": prefix, "category": domain})


def fits(glance: Glance) -> bool:
    """Objects within an object, and in them nothing but lists."""
    if glance.shape != "object" or not glance.keys:
        return False
    inside = glance.text[1:].lstrip().partition(":")[2].lstrip()
    return inside.startswith("{") and inside.partition(":")[2].lstrip().startswith("[")


FORMAT = Format("bold", "BOLD", (".json",), fits, records)

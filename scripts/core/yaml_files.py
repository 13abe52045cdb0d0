"""YAML files that a person writes: read into a type, or refused in one sentence."""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from scripts.core.errors import AuditError

WRITTEN = ConfigDict(extra="forbid", use_attribute_docstrings=True)
T = TypeVar("T")


def read_yaml(path: str | Path, kind: type[T], holds: str) -> T:
    """The content of a YAML file as a `kind`: frozen dataclasses with
    `__pydantic_config__ = WRITTEN`, and lists of them.

    holds: what such a file holds, for the sentence. Raises AuditError that names the file, the
    place in it and what belongs there.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise AuditError(f"`{path}` cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise AuditError(f"`{path}` is no text in UTF-8; it holds {holds}") from None
    except (yaml.YAMLError, RecursionError) as error:
        what = " ".join(str(error).split())
        raise AuditError(f"`{path}` is not valid YAML ({what}); correct it") from None
    if content is None:
        raise AuditError(f"`{path}` is empty; it holds {holds}")
    try:
        return TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        # A name that is misspelt is unknown and missing: it is told as the former.
        detail = min(error.errors(), key=lambda one: one["type"] != "unexpected_keyword_argument")
        raise AuditError(f"`{path}`: {_sentence(detail)}; such a file holds {holds}") from None


def _sentence(detail: ErrorDetails) -> str:
    """What a problem that pydantic found is, and where."""
    *above, last = detail["loc"] or [""]
    if detail["type"] == "missing":
        return f"{_place(above)} has no `{last}`"
    if detail["type"] == "unexpected_keyword_argument":
        return f"{_place(above)} has an unknown key `{last}`"
    if detail["type"] == "value_error":
        return f"{_place(detail['loc'])}: {detail['msg'].removeprefix('Value error, ')}"
    if detail["type"] == "too_short":
        return f"{_place(detail['loc'])} needs {detail['ctx']['min_length']} or more entries"
    found = repr(detail["input"])
    found = found if len(found) <= 60 else f"{found[:59]}…"
    if belongs := _BELONGS.get(detail["type"]):
        return f"{_place(detail['loc'])} is {found} where {belongs} belongs"
    message = detail["msg"]
    return f"{_place(detail['loc'])} is {found}: {message[0].lower()}{message[1:]}"


_BELONGS = {
    "dataclass_type": "a mapping (`name: value`)",
    "dict_type": "a mapping (`name: value`)",
    "list_type": "a list",
    "tuple_type": "a list",
    "string_type": "a text",
    "float_type": "a number",
    "string_too_short": "some text",
}


def _place(path: Iterable[int | str]) -> str:
    """`behaviours` no. 2, `prompts` no. 1"""
    said: list[str] = []
    for part in path:
        if isinstance(part, int):
            said = [*said[:-1], f"{said[-1] if said else 'entry'} no. {part + 1}"]
        else:
            said.append(f"`{part}`")
    return ", ".join(said) or "it"

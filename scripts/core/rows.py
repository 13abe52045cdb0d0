"""Typed rows: one type for what a line of a JSONL file or a JSON document holds.

A type is a frozen dataclass with `__pydantic_config__ = ROW` and `SCHEMA: ClassVar[int]`, the
version of its format, which every line carries as `schema`. Each field has a docstring with its
unit; the JSON schema is made from them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from scripts.core.files import (
    JsonObject,
    Unreadable,
    iterate_jsonl,
    read_json,
    write_json,
    write_jsonl,
)

ROW = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Row(Protocol):
    """What every type of a row has."""

    SCHEMA: ClassVar[int]


T = TypeVar("T", bound=Row)


@cache
def _adapter(kind: type[T]) -> TypeAdapter[T]:
    return TypeAdapter(kind)


def as_json(row: Row) -> JsonObject:
    """A row as JSON has it, its schema version first."""
    return {"schema": row.SCHEMA, **_adapter(type(row)).dump_python(row, mode="json")}


def from_json(kind: type[T], row: JsonObject, where: str) -> T:
    """The row that `as_json` made. Raises Unreadable, naming `where`, for any other."""
    schema = row.get("schema")
    if schema != kind.SCHEMA:
        raise Unreadable(
            f"{where} has format {schema} where {kind.SCHEMA} is expected; it was made by another "
            "version of this workflow."
        )
    try:
        return _adapter(kind).validate_python({k: v for k, v in row.items() if k != "schema"})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise Unreadable(f"{where}: `{field}`: {first['msg']}; make the file anew.") from error


def write_rows(path: str | Path, rows: Iterable[Row]) -> None:
    """Write a row a line, the file whole or not at all."""
    write_jsonl(path, map(as_json, rows))


def read_rows(path: str | Path, kind: type[T]) -> list[T]:
    """The rows of a JSONL file. Raises Unreadable, naming file and line."""
    return list(iterate_rows(path, kind))


def iterate_rows(path: str | Path, kind: type[T]) -> Iterator[T]:
    """As `read_rows`, one at a time, for files that are larger than memory."""
    for number, row in iterate_jsonl(path):
        yield from_json(kind, row, f"Line {number} of {path}")


def write_document(path: str | Path, document: Row) -> None:
    """Write one JSON document, whole or not at all."""
    write_json(path, as_json(document))


def read_document(path: str | Path, kind: type[T]) -> T:
    """The one row of a JSON file. Raises Unreadable, naming the file."""
    return from_json(kind, read_json(path), str(path))


def json_schema(kind: type) -> JsonObject:
    """The JSON schema of a row, with the docstrings of its fields; of a table's, which has no
    column for a version, without one."""
    schema = _adapter(kind).json_schema(mode="serialization")
    inside = {part.__name__: part for part in _types_in(kind)}
    for name, part in [(kind.__name__, schema), *schema.get("$defs", {}).items()]:
        _describe_inherited(part, inside.get(name, object))
    if not hasattr(kind, "SCHEMA"):
        return schema
    version = {"const": kind.SCHEMA, "description": "Version of this format."}
    schema["properties"] = {"schema": version, **schema["properties"]}
    schema["required"] = ["schema", *schema.get("required", [])]
    return schema


def _describe_inherited(schema: JsonObject, kind: type) -> None:
    """Add the docstrings of fields that a type has from another: pydantic reads its own alone."""
    for base in filter(is_dataclass, kind.__mro__[1:]):
        known = _adapter(base).json_schema(mode="serialization")["properties"]
        for name, described in known.items():
            schema["properties"][name].setdefault("description", described["description"])


def _types_in(kind: object) -> Iterator[type]:
    """A type and those of its fields, as far as they are dataclasses."""
    if is_dataclass(kind) and isinstance(kind, type):
        yield kind
        for field in fields(kind):
            yield from _types_in(get_type_hints(kind)[field.name])
    for part in get_args(kind):
        yield from _types_in(part)

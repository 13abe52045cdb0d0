"""Typed rows: what is written is read back, and what no row is says so in one sentence."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from scripts.core.files import read_jsonl, write_jsonl
from scripts.core.rows import (
    ROW,
    json_schema,
    read_document,
    read_rows,
    write_document,
    write_rows,
)


@dataclass(frozen=True, slots=True)
class Pebble:
    """A stone."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 2

    grams: float
    """Weight in grams."""
    name: str | None = None
    """What it is called."""


def test_rows_come_back_as_they_were(tmp_path):
    rows = [Pebble(1.5, "é\u2028"), Pebble(2)]
    write_rows(tmp_path / "rows.jsonl", rows)
    assert read_rows(tmp_path / "rows.jsonl", Pebble) == rows
    first = {"schema": 2, "grams": 1.5, "name": "é\u2028"}
    assert read_jsonl(tmp_path / "rows.jsonl")[0] == first
    write_document(tmp_path / "row.json", rows[0])
    assert read_document(tmp_path / "row.json", Pebble) == rows[0]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"schema": 2, "grams": "heavy"}, "`grams`: Input should be a valid number"),
        ({"schema": 2, "grams": 1, "colour": "red"}, "`colour`"),
        ({"schema": 1, "grams": 1}, "has format 1 where 2 is expected"),
        ({"grams": 1}, "has format None where 2 is expected"),
    ],
)
def test_what_no_row_is_is_named_by_file_line_and_field(tmp_path, row, sentence):
    write_jsonl(tmp_path / "rows.jsonl", [{"schema": 2, "grams": 1, "name": None}, row])
    with pytest.raises(ValueError) as raised:
        read_rows(tmp_path / "rows.jsonl", Pebble)
    assert str(raised.value).startswith(f"Line 2 of {tmp_path / 'rows.jsonl'}")
    assert sentence in str(raised.value)


def test_a_schema_has_the_version_and_the_docstrings():
    schema = json_schema(Pebble)
    assert schema["properties"]["schema"]["const"] == 2
    assert schema["properties"]["grams"]["description"] == "Weight in grams."
    assert schema["additionalProperties"] is False and "schema" in schema["required"]

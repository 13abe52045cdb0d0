"""File formats: their schemas are current, and say what each field is."""

import json

import jsonschema
import pytest

from scripts.core.rows import as_json
from scripts.draws.draw import PlannedDraw, Reason
from scripts.workflow.formats import FORMATS, SCHEMAS, schema_file, schema_text


@pytest.mark.parametrize("name", FORMATS)
def test_the_schema_of_a_format_is_current_and_describes_every_field(name):
    written = schema_file(name).read_text(encoding="utf-8")
    assert written == schema_text(FORMATS[name]), "run `make schema`"
    schema = json.loads(written)
    parts = [schema, *schema.get("$defs", {}).values()]
    assert all(field["description"] for part in parts for field in _fields(part))


def _fields(part):
    return part.get("properties", {}).values()  # an enumeration has none


def test_no_schema_is_left_over():
    known = {schema_file(name) for name in FORMATS} | {SCHEMAS / "config.schema.json"}
    assert set(SCHEMAS.iterdir()) == known


def test_a_row_keeps_to_its_schema():
    schema = json.loads(schema_file("plan/step.jsonl").read_text())
    row = as_json(PlannedDraw("explore", "a", 0, "r000", Reason.PILOT, 0.5))
    jsonschema.validate(row, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(row | {"reason": "because"}, schema)

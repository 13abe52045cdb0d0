"""JSON lines, whatever the fields are called; also StringSight's, M-IFEval's and our own."""

from scripts.readers.jsons import json_lines
from scripts.readers.row import Format

FORMAT = Format(
    "jsonl",
    "JSON lines",
    (".jsonl", ".ndjson", ".json"),
    lambda glance: glance.shape == "lines",
    json_lines,
)

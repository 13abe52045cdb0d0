"""Anthropic's model-written evaluations; the prompt is the question, the file its category."""

from scripts.readers.jsons import json_lines
from scripts.readers.row import Format

FORMAT = Format(
    "persona",
    "model-written evaluations",
    (".jsonl", ".ndjson"),
    lambda glance: {"question", "statement", "label_confidence"} <= set(glance.keys),
    json_lines,
)

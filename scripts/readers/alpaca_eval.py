"""AlpacaEval's `model_outputs.json`: instruction, output, generator."""

from collections.abc import Iterator

from scripts.readers.json_document import records
from scripts.readers.jsons import json_lines
from scripts.readers.row import Fields, Format, Values


def values(record: Fields) -> Iterator[Values]:
    more = record.get("input")
    yield {
        "prompt": f"{record.get('instruction')}\n\n{more}" if more else record.get("instruction"),
        "response": record.get("output"),
        "model": record.get("generator"),
        "category": record.get("dataset"),
    }


FORMAT = Format(
    "alpaca-eval",
    "AlpacaEval's model outputs",
    (".json", ".jsonl"),
    lambda glance: {"instruction", "output", "generator"} <= set(glance.keys),
    lambda path, settings: (json_lines if path.suffix == ".jsonl" else records)(path, settings),
    values,
)

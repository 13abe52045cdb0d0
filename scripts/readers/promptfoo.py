"""Results of promptfoo, `eval -o results.json`; each provider is a model."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.readers.glance import Glance
from scripts.readers.jsons import entries, json_document, json_lines
from scripts.readers.messages import finished, plain_prompt, said
from scripts.readers.row import Fields, Format, Record, Values
from scripts.readers.settings import FileSettings


def records(path: Path, settings: FileSettings) -> Iterator[Record]:
    if path.suffix.lower() == ".jsonl":
        yield from json_lines(path, settings)
        return
    results = json_document(path).get("results")
    inside = results.get("results") if isinstance(results, Mapping) else results
    yield from entries(path, inside, "result")


def values(result: Fields) -> Iterator[Values]:
    prompt, response = result.get("prompt") or {}, result.get("response") or {}
    provider, output = result.get("provider") or {}, response.get("output")
    if isinstance(output, dict | list):
        output = said(output) or json.dumps(output, ensure_ascii=False)
    yield {
        "prompt": plain_prompt(prompt.get("raw") if isinstance(prompt, Mapping) else prompt),
        "response": output,
        "model": provider.get("id") if isinstance(provider, Mapping) else provider,
        "finished": finished(response.get("finishReason")),
        "reason": None if output else response.get("error") or result.get("error"),
    }


def fits(glance: Glance) -> bool:
    keys = set(glance.keys)
    if glance.shape == "lines":
        return {"promptIdx", "provider"} <= keys
    return glance.shape == "object" and {"evalId", "results"} <= keys


FORMAT = Format("promptfoo", "promptfoo's results", (".json", ".jsonl"), fits, records, values)

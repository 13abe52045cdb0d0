"""lm-evaluation-harness, `samples_<task>_<time>.jsonl` of `--log_samples`.

The prompt is what the model was given, few-shot examples included; the responses are `resps`,
before any filter. A task with several filters writes each document once a filter: the first is
read.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.prompts.prompt import BankError
from scripts.readers.jsons import json_lines
from scripts.readers.messages import plain_prompt
from scripts.readers.row import Fields, Format, Record, Values
from scripts.readers.settings import FileSettings


def records(path: Path, settings: FileSettings) -> Iterator[Record]:
    chosen = None
    asked = "filter" in (settings.get("where") or {})
    for record in json_lines(path, settings):
        name = record.fields.get("filter")
        chosen = name if chosen is None else chosen
        if asked or name == chosen:
            yield record


def values(record: Fields) -> Iterator[Values]:
    said = record.get("resps") or [[]]
    first = said[0] if isinstance(said[0], list) else said
    if any(isinstance(response, list) for response in first):
        raise BankError(
            "it holds likelihoods of given answers, and no responses; log a task that generates"
        )
    prompt = plain_prompt(_given(record.get("arguments")))
    for number, response in enumerate(first or [None]):
        sample = number if len(first) > 1 else None
        yield {"prompt": prompt, "response": response, "sample": sample}


def _given(arguments: object) -> object:
    """The context of the first request: `{gen_args_0: {arg_0: …}}`, in older logs `[[…, {…}]]`."""
    if isinstance(arguments, Mapping):
        arguments = next(iter(arguments.values()), None)
        return arguments.get("arg_0") if isinstance(arguments, Mapping) else None
    if isinstance(arguments, list) and arguments:
        return arguments[0][0] if isinstance(arguments[0], list) else arguments[0]
    return None


FORMAT = Format(
    "lm-eval",
    "lm-evaluation-harness samples",
    (".jsonl",),
    lambda glance: glance.shape == "lines" and {"doc", "resps"} <= set(glance.keys),
    records,
    values,
)

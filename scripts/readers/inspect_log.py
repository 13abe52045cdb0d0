"""Logs of Inspect: `.eval` archives and `.json`.

The prompt is what the model was first given (`input` names the dataset's own), the response its
final output; `response: messages` reads the whole conversation. Epochs are samples.
"""

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.core.files import Json, JsonObject
from scripts.prompts.prompt import BankError
from scripts.readers.jsons import entries, json_document
from scripts.readers.messages import filtered, finished, plain_prompt, said
from scripts.readers.row import Fields, Format, Record, Values, wrong
from scripts.readers.settings import FileSettings

ATTACHED = "attachment://"


def records(path: Path, _settings: FileSettings) -> Iterator[Record]:
    if path.suffix.lower() != ".eval":
        for at, sample in entries(path, json_document(path).get("samples") or [], "sample"):
            yield Record(at, _whole(sample))
        return
    try:
        with zipfile.ZipFile(path) as packed:
            for name in (n for n in packed.namelist() if n.startswith("samples/")):
                yield Record(name, _whole(json.loads(packed.read(name))))
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        raise wrong(
            path,
            "",
            f"the log is cut off or damaged ({error}); copy it again, or mend it with "
            "`inspect log recover`",
        ) from None
    except NotImplementedError:
        raise BankError(
            f"`{path}` is packed in a way that this Python cannot unpack; run "
            f"`inspect log convert {path} --to json --output-dir .` and name the file it writes"
        ) from None


def values(sample: Fields) -> Iterator[Values]:
    given: Json = []
    for message in sample.get("messages") or ():
        if message.get("role") not in ("system", "user"):
            break
        given.append(message)
    if not any(message["role"] == "user" for message in given):
        given = sample.get("input")
    output = sample.get("output") or {}
    choices = output.get("choices") or []
    about = {"prompt": plain_prompt(given), "key": sample.get("id")}
    error = (sample.get("error") or {}).get("message") or output.get("error")
    if not choices:
        yield about | {
            "response": output.get("completion") or None,
            "sample": sample.get("epoch"),
            "reason": error or "no output",
        }
    for number, choice in enumerate(choices):
        why = choice.get("stop_reason")
        text = said(choice.get("message") or {})
        yield about | {
            "response": text if text or not (error or filtered(why)) else None,
            "sample": (sample.get("epoch") or 1) * len(choices) + number,
            "finished": finished(why),
            "reason": error or filtered(why),
        }


def _whole(sample: Fields) -> JsonObject:
    """A sample with what the log keeps apart put back in its place."""
    attached = sample.get("attachments") or {}
    parts = ("input", "messages", "output")
    return {**sample, **{n: _resolved(sample[n], attached) for n in parts if n in sample}}


def _resolved(value: Json, attached: Mapping[str, str]) -> Json:
    if isinstance(value, str) and value.startswith(ATTACHED):
        return attached.get(value.removeprefix(ATTACHED), value)
    if isinstance(value, list):
        return [_resolved(part, attached) for part in value]
    if isinstance(value, Mapping):
        return {name: _resolved(part, attached) for name, part in value.items()}
    return value


FORMAT = Format(
    "inspect",
    "an Inspect log",
    (".eval", ".json"),
    lambda glance: (
        glance.ending == ".eval"
        or (glance.shape == "object" and {"version", "status", "eval"} <= set(glance.keys))
    ),
    records,
    values,
)

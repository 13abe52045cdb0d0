"""Logs of Inspect: `.eval` archives and `.json`.

The prompt is what the model was first given (`input` names the dataset's own), the response its
final output; `response: messages` reads the whole conversation. Epochs are samples.
"""

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scripts.prompts import BankError
from scripts.readers.jsons import entries, json_document
from scripts.readers.messages import filtered, finished, plain_prompt, said
from scripts.readers.row import Format, Record, Values, wrong

ATTACHED = "attachment://"


def records(path: Path, _settings: Mapping[str, Any]) -> Iterator[Record]:
    if path.suffix.lower() != ".eval":
        yield from entries(path, json_document(path).get("samples") or [], "sample")
        return
    try:
        with zipfile.ZipFile(path) as packed:
            for name in (n for n in packed.namelist() if n.startswith("samples/")):
                yield Record(name, json.loads(packed.read(name)))
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


def values(sample: Mapping[str, Any]) -> Iterator[Values]:
    attached = sample.get("attachments") or {}
    given = []
    for message in sample.get("messages") or ():
        if message.get("role") not in ("system", "user"):
            break
        given.append({**message, "content": _resolved(message.get("content"), attached)})
    if not any(message["role"] == "user" for message in given):
        given = _resolved(sample.get("input"), attached)
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
        message = choice.get("message") or {}
        content = _resolved(message.get("content"), attached)
        text = said({**message, "content": content})
        yield about | {
            "response": text if text or not (error or filtered(why)) else None,
            "sample": (sample.get("epoch") or 1) * len(choices) + number,
            "finished": finished(why),
            "reason": error or filtered(why),
        }


def _resolved(content: Any, attached: Mapping[str, str]) -> Any:
    """A content with what the log keeps apart put back in its place."""
    if isinstance(content, str) and content.startswith(ATTACHED):
        return attached.get(content.removeprefix(ATTACHED), content)
    if isinstance(content, list):
        return [_resolved(part, attached) for part in content]
    if isinstance(content, Mapping):
        return {name: _resolved(value, attached) for name, value in content.items()}
    return content


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

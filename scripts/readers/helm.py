"""HELM's `scenario_state.json`.

The prompt is the request as the model was given it; `instance.input.text` is the text without its
frame. Several completions of a request are samples.
"""

from collections.abc import Iterator, Mapping

from scripts.readers.jsons import entries, json_document
from scripts.readers.messages import finished, plain_prompt
from scripts.readers.row import Fields, Format, Values


def values(state: Fields) -> Iterator[Values]:
    request, result = state.get("request") or {}, state.get("result") or {}
    about = {
        "prompt": plain_prompt(request.get("messages")) or request.get("prompt"),
        "model": request.get("model"),
    }
    completions = result.get("completions") or []
    if not completions:
        yield about | {"response": None, "reason": result.get("error") or "no completion"}
    for number, completion in enumerate(completions):
        why = completion.get("finish_reason")
        yield about | {
            "response": completion.get("text"),
            "sample": number if len(completions) > 1 else None,
            "finished": finished(why.get("reason") if isinstance(why, Mapping) else why),
        }


FORMAT = Format(
    "helm",
    "HELM's scenario state",
    (".json",),
    lambda glance: glance.shape == "object" and "request_states" in glance.keys,
    lambda path, settings: entries(path, json_document(path).get("request_states"), "request"),
    values,
)

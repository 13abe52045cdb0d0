"""Batch files of OpenAI, vLLM (`run-batch`) and Anthropic: requests, and what came back.

What came back holds no prompt: `prompts` names the file of requests, joined by `custom_id`.
"""

from collections.abc import Iterator, Mapping

from scripts.readers.glance import Glance
from scripts.readers.jsons import json_lines
from scripts.readers.messages import filtered, finished, plain_prompt, said
from scripts.readers.row import Fields, Format, Values


def values(record: Fields) -> Iterator[Values]:
    key = {"key": record.get("custom_id")}
    asked = record.get("body", record.get("params"))
    if isinstance(asked, Mapping):
        given = asked.get("messages") or asked.get("input") or asked.get("prompt")
        if isinstance(given, list) and asked.get("system"):  # Anthropic keeps it beside them
            given = [{"role": "system", "content": asked["system"]}, *given]
        yield key | {"prompt": plain_prompt(given)}
        return
    body, failed = _body(record)
    if failed is not None:
        yield key | {"response": None, "reason": failed}
        return
    choices = body.get("choices")
    if choices is None:  # the interface of responses, and Anthropic's messages
        why = (body.get("incomplete_details") or {}).get("reason") or body.get("stop_reason")
        content = body.get("content") or [
            part for item in body.get("output") or () for part in item.get("content") or [item]
        ]
        choices = [{"message": {"content": content}, "finish_reason": why or body.get("status")}]
    for number, choice in enumerate(choices):
        why, message = choice.get("finish_reason"), choice.get("message") or {}
        text = choice["text"] if "text" in choice else said(message)
        nothing = not text and (message.get("content") is None and "text" not in choice)
        yield key | {
            "response": None if nothing or (not text and filtered(why)) else text,
            "sample": choice.get("index", number) if len(choices) > 1 else None,
            "finished": finished(why),
            "reason": filtered(why),
        }


def _body(record: Fields) -> tuple[Fields, str | None]:
    """What came back to a request, or why nothing did."""
    if isinstance(result := record.get("result"), Mapping):  # Anthropic
        error = (result.get("error") or {}).get("error") or result.get("error") or {}
        came = result.get("message")
        return came or {}, None if came else error.get("message") or result.get("type", "null")
    response, error = record.get("response") or {}, record.get("error")
    body = response.get("body") or {}
    error = error or body.get("error")
    if error:
        return {}, str(error.get("message") or error.get("code") or error)
    status = response.get("status_code", 200)
    if not body or status != 200:
        return {}, f"status {status}" if status != 200 else "null"
    return body, None


def fits(glance: Glance) -> bool:
    keys = set(glance.keys)
    return "custom_id" in keys and bool(keys & {"body", "response", "params", "result"})


FORMAT = Format(
    "batch", "requests or results of a batch (OpenAI, vLLM, Anthropic)", (".jsonl",), fits,
    json_lines, values,
)  # fmt: skip

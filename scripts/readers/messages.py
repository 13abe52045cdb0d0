"""Messages as tools write them: prompts in our form, responses as readable text.

A response that is a list of messages is read as what was said: the words of each message, calls of
tools in brackets. System messages and a grader's notes were not said by the subject and stay out,
and so does what a model thought.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TypeGuard

from scripts.core.files import Json
from scripts.readers.row import Fields

ROLES = {
    "system": "system", "developer": "system", "user": "user", "human": "user",
    "assistant": "assistant", "gpt": "assistant", "model": "assistant", "bot": "assistant",
    "ai": "assistant", "tool": "tool", "function": "tool",
}  # fmt: skip
SPOKEN = ("user", "assistant", "tool")
CUT = {"length", "max_tokens", "max_output_tokens", "model_length", "max_completion_tokens"}
WHOLE = {"stop", "end_turn", "eos", "eos_token", "stop_sequence", "tool_calls", "tool_use",
         "completed", "endoftext"}  # fmt: skip
FILTERED = {"content_filter", "safety", "refusal"}


def is_messages(value: object) -> TypeGuard[list[Json]]:
    """Whether a value is a list of messages, or of turns of messages."""
    if not isinstance(value, list) or not value:
        return False
    return all(
        (isinstance(m, Mapping) and (_role(m) in ROLES or "role" in m)) or is_messages(m)
        for m in value
    )


def prompt_of(value: object) -> object:
    """A prompt in the form of {role, content} messages; what is no list of messages stays.

    Turns of messages come one after the other, tools' answers as the user's.
    """
    if isinstance(value, str) and value.startswith("[{"):  # messages in a cell or a chat template
        try:
            value = json.loads(value) if is_messages(json.loads(value)) else value
        except ValueError:
            return value
    if not is_messages(value):
        return value
    found = []
    for message in _flat(value):
        role = ROLES.get(_role(message), _role(message))
        text = said(message)
        found.append({"role": "user" if role == "tool" else role, "content": text})
    return found


def plain_prompt(value: object) -> object:
    """As `prompt_of`, a single message of the user as its text."""
    found = prompt_of(value)
    if isinstance(found, list) and [m["role"] for m in found] == ["user"]:
        return found[0]["content"]
    return found


def split_conversation(value: object) -> tuple[object, str] | None:
    """A conversation that ends with the assistant: what came before, and its last words."""
    if not is_messages(value):
        return None
    flat = _flat(value)
    if ROLES.get(_role(flat[-1])) != "assistant" or len(flat) < 2:
        return None
    return flat[:-1], said(flat[-1])


def transcript(messages: Sequence[Fields]) -> str:
    """What was said, each message under its role where several speak."""
    spoken = [(ROLES.get(_role(m), _role(m)), said(m)) for m in _flat(messages)]
    spoken = [(role, text) for role, text in spoken if role in SPOKEN and text]
    if len({role for role, _ in spoken}) <= 1:
        return "\n\n".join(text for _, text in spoken)
    return "\n\n".join(f"{role}: {text}" for role, text in spoken)


def said(message: object) -> str:
    """The words of a message or its content: a string, parts, or an object with both."""
    if message is None:
        return ""
    if isinstance(message, str):
        return message
    if isinstance(message, list):
        return "\n".join(text for text in map(said, message) if text)
    if not isinstance(message, Mapping):
        return str(message)
    kind = message.get("type")
    if kind in ("reasoning", "thinking", "redacted_thinking"):
        return ""
    if kind in ("tool_use", "function_call", "server_tool_use"):
        return _call(message)
    named = ("text", "content", "value", "refusal", "answer")
    text = next((said(message[name]) for name in named if message.get(name)), "")
    calls = [_call(call) for call in message.get("tool_calls") or () if isinstance(call, Mapping)]
    if not text and not calls and kind and kind != "text" and "role" not in message:
        return f"[{kind}]"
    return "\n".join(part for part in (text, *calls) if part)


def finished(why: object) -> bool | None:
    """Whether a response ended by itself, by the word that a tool has for why it ended."""
    word = str(why).lower() if why is not None else ""
    return False if word in CUT else True if word in WHOLE else None


def filtered(why: object) -> str | None:
    """Why there is no response, where a filter took it."""
    return "content filter" if str(why).lower() in FILTERED else None


def _role(message: Fields) -> str:
    return str(message.get("role") or message.get("from") or "")


def _flat(messages: Sequence[Json]) -> list[Fields]:
    found: list[Fields] = []
    for message in messages:
        found += _flat(message) if isinstance(message, list) else [message]
    return found


def _call(call: Fields) -> str:
    function = call.get("function")
    about = function if isinstance(function, Mapping) else call
    name = function if isinstance(function, str) else about.get("name", "a tool")
    given = about.get("arguments", about.get("input", about.get("kwargs", {})))
    shown = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
    return f"[calls {name}({shown})]"

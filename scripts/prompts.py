"""What a prompt is: a string or a list of messages in normal form, named by its content."""

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.workflow.errors import AuditError
from scripts.workflow.keys import canonical

ROLES = ("system", "user", "assistant")
MOST_REGIONS, PROMPTS_A_REGION = 40, 40  # where the configuration gives no number of regions
Messages = list[dict[str, str]]


class BankError(AuditError):
    """A bank or source that cannot be used; one sentence naming the place and the remedy."""


def prompt_id(prompt: str | Sequence[Mapping[str, str]]) -> str:
    """Hex sha256 of the NFC text, or of the canonical JSON of the messages with NFC contents."""
    content = normal_prompt(prompt, "a prompt")
    text = content if isinstance(content, str) else canonical(content)
    return hashlib.sha256(text.encode()).hexdigest()


def normal_prompt(prompt: Any, where: str) -> str | Messages:
    """A prompt in normal form: NFC text, or messages of a role and NFC text."""
    if isinstance(prompt, str):
        return normal_text(prompt, where)
    if not isinstance(prompt, list):
        raise BankError(
            f"{where}: it is {kind_of(prompt)}; a prompt "
            "must be a string or a list of {role, content} messages"
        )
    found = []
    for number, message in enumerate(prompt, start=1):
        this = f"{where}, message {number}"
        if not isinstance(message, Mapping) or set(message) != {"role", "content"}:
            raise BankError(f"{this}: must have `role` and `content`, and nothing else")
        role, text = message["role"], message["content"]
        if role not in ROLES:
            raise BankError(f"{this}: unknown role {role!r}; use {', '.join(ROLES)}")
        if not isinstance(text, str):
            raise BankError(f"{this}: `content` is {kind_of(text)}; it must be a string")
        if role == "system" and number > 1:
            raise BankError(f"{this}: a system message can only be the first one; move it there")
        found.append({"role": role, "content": normal_text(text, this)})
    if found and found[-1]["role"] != "user":
        raise BankError(f"{where}: the last message must have the role `user`; remove what follows")
    return found


def normal_text(text: str, where: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BankError(f"{where}: half of a surrogate pair is no character; remove it") from None
    return unicodedata.normalize("NFC", text)


def kind_of(value: Any) -> str:
    names = {dict: "an object", list: "a list", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else "no text")


def region_count(settings: Mapping[str, Any], prompts: int) -> int:
    """How many regions are asked for."""
    if settings["count"] is not None:
        return settings["count"]
    if settings["method"] == "category":
        return MOST_REGIONS
    return max(1, min(MOST_REGIONS, prompts // PROMPTS_A_REGION))

"""Prompts as a subject is given them, before any tokenizer; imports no torch."""

from collections.abc import Mapping
from typing import Any

from scripts.workflow.errors import AuditError


def messages_of(prompt: Mapping[str, Any], settings: Mapping[str, Any]) -> list[dict[str, str]]:
    """The messages of a prompt (`text` or `messages`), the subject's system prompt first."""
    messages = prompt.get("messages") or [{"role": "user", "content": prompt["text"]}]
    if settings["system_prompt"] is None:
        return list(messages)
    return [{"role": "system", "content": settings["system_prompt"]}, *messages]


def plain_text(prompt: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """A prompt as bare text. Raises AuditError for a list of messages."""
    if prompt.get("messages"):
        raise AuditError("a prompt is a list of messages; set `chat_template: true`")
    before = settings["system_prompt"]
    return (f"{before}\n\n" if before else "") + prompt["text"]

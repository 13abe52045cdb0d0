"""Prompts as a subject is given them, before any tokenizer; imports no torch."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.core.errors import AuditError
from scripts.models.settings import Formatting, Loading
from scripts.prompts.prompt import Messages, Prompt

TOKENIZER = "tokenizer_config.json"
PLACE = "{prompt}"  # where the prompt goes in a `prompt_template`


def brings_tokenizer(adapters: Sequence[Path], settings: Loading) -> Path | None:
    """The folder of the adapter whose tokenizer a subject uses: of those that have one the last."""
    own = [adapter for adapter in adapters if (adapter / TOKENIZER).is_file()]
    return own[-1] if own and settings.get("tokenizer", "adapter") == "adapter" else None


def template_places(settings: Loading, model: Path, adapters: Sequence[Path]) -> list[Path]:
    """The folders that a subject's chat template may be in; the first that has one counts."""
    return [*filter(None, [brings_tokenizer(adapters, settings)]), model]


def messages_of(prompt: Prompt, settings: Formatting) -> Messages:
    """The messages of a prompt, the subject's system prompt first, in place of the prompt's own;
    what the user says last is in the subject's `prompt_template`."""
    messages = prompt.messages
    *before, last = messages[1:] if replaces_system(prompt, settings) else messages
    if settings["system_prompt"] is not None:
        before = [{"role": "system", "content": settings["system_prompt"]}, *before]
    return [*before, last | {"content": _placed(last["content"], settings)}]


def plain_text(prompt: Prompt, settings: Formatting) -> str:
    """A prompt as bare text. Raises AuditError for a list of messages."""
    if not isinstance(prompt.content, str):
        raise AuditError("a prompt is a list of messages; set `chat_template: true`")
    before = settings["system_prompt"]
    return (f"{before}\n\n" if before else "") + _placed(prompt.content, settings)


def _placed(text: str, settings: Formatting) -> str:
    around = settings.get("prompt_template")
    return text if around is None else around.replace(PLACE, text)


def replaces_system(prompt: Prompt, settings: Mapping[str, object]) -> bool:
    """Whether the subject's system prompt takes the place of the prompt's own."""
    own = prompt.messages[0]["role"] == "system"
    return own and settings.get("system_prompt") is not None


def within_first_turn(messages: Messages) -> Messages:
    """The messages without a system one: what it says stands before the first user turn."""
    system, *others = messages
    if system["role"] != "system":
        return messages
    first = next((n for n, message in enumerate(others) if message["role"] == "user"), 0)
    said = f"{system['content']}\n\n{others[first]['content']}"
    return [*others[:first], others[first] | {"content": said}, *others[first + 1 :]]


def check_template(file: str, text: str) -> None:
    """Raise AuditError when a chat template's file is empty or no Jinja template."""
    if not text.strip():
        raise AuditError(f"`{file}` is empty; it holds a chat template in Jinja")
    from jinja2 import TemplateError

    try:
        parsed_template(text)
    except TemplateError as error:
        line = getattr(error, "lineno", 1)
        raise AuditError(f"`{file}`, line {line}, is no Jinja template: {error}") from None


def parsed_template(text: str):
    """A chat template's syntax tree. Raises jinja2.TemplateError."""
    from jinja2 import Environment

    # Transformers knows one tag more, which marks what an assistant said.
    known = re.sub(r"\{%-?\s*(end)?generation\s*-?%\}", "", text)
    environment = Environment(extensions=["jinja2.ext.loopcontrols"])
    environment.compile(known)  # parsing alone passes over filters that do not exist
    return environment.parse(known)


def before_stop(text: str, strings: Sequence[str]) -> str:
    """The text up to the first of the strings that end it."""
    return text[: min((at for string in strings if (at := text.find(string)) >= 0), default=None)]

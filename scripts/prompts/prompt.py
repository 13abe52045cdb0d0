"""What a prompt is: a string or a list of messages in normal form, named by its content.

The normal form is the same wherever a prompt comes from: Unicode NFC, line ends "\\n", no white
space around it; of messages, of each.
"""

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from scripts.core.digests import canonical
from scripts.core.errors import AuditError
from scripts.core.rows import ROW
from scripts.prompts.settings import RegionCut

ROLES = ("system", "user", "assistant")
MOST_REGIONS, PROMPTS_A_REGION = 40, 40  # where the configuration gives no number of regions
NAMING_WORDS = 12  # of a region, embedded to name it by
Messages = list[dict[str, str]]


class BankError(AuditError):
    """A bank or source that cannot be used; one sentence naming the place and the remedy."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A line of results/bank/<key>/bank.jsonl: one distinct prompt of a bank."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 1

    id: str
    """Hex sha256 of the content, 64 characters."""
    content: str | Messages
    """A text, or messages of role and content, in normal form."""
    category: str | None = None
    """What the bank says it is about, if it does."""
    group: str | None = None
    """The group of paraphrases that count as one unit, if the bank names one."""
    samples: int | None = None
    """Responses that all recordings hold; none where subjects are decoded."""
    missing: dict[str, float] = field(default_factory=dict)
    """By side the share of the recorded responses that are missing, 0 to 1, where some are."""

    @property
    def messages(self) -> Messages:
        """The prompt as a conversation."""
        if isinstance(self.content, str):
            return [{"role": "user", "content": self.content}]
        return self.content

    @property
    def asked(self) -> str:
        """All that the user says, for embedding and naming."""
        return asked(self.content)

    @property
    def transcript(self) -> str:
        """The prompt as one text, each message after its role."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(f"{m['role']}: {m['content']}" for m in self.content)

    @property
    def is_answered(self) -> bool:
        """Whether there is a response to draw."""
        return self.samples != 0


def asked(content: str | Messages) -> str:
    """All that the user says in a prompt."""
    if isinstance(content, str):
        return content
    return "\n".join(m["content"] for m in content if m["role"] == "user")


def prompt_id(prompt: str | Sequence[Mapping[str, str]]) -> str:
    """Hex sha256 of a prompt in normal form: of the text, or of the messages' canonical JSON."""
    return content_id(normal_prompt(prompt, "a prompt"))


def content_id(content: str | Messages) -> str:
    """As `prompt_id`, of a prompt that is in normal form already."""
    text = content if isinstance(content, str) else canonical(content)
    return hashlib.sha256(text.encode()).hexdigest()


def normal_prompt(prompt: object, where: str) -> str | Messages:
    """A prompt in normal form: text, or messages of a role and text."""
    if isinstance(prompt, str):
        return normal_text(prompt, where).strip()
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
        found.append({"role": role, "content": normal_text(text, this).strip()})
    if found and found[-1]["role"] != "user":
        raise BankError(f"{where}: the last message must have the role `user`; remove what follows")
    return found


def normal_text(text: str, where: str) -> str:
    """NFC, with "\\n" at the ends of lines. Raises BankError for what is no character."""
    text = real_text(text, where)
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def real_text(text: str, where: str) -> str:
    """A text with "\\n" at the ends of lines. Raises BankError for what is no character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BankError(
            f"{where}: half of a surrogate pair is no character; remove it, or write the text anew "
            "from where it came"
        ) from None
    if "\0" in text:
        raise BankError(f"{where}: it holds NUL, which is no character of a text; remove it")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def is_trimmed(prompt: str | Sequence[Mapping[str, str]]) -> bool:
    """Whether the normal form takes white space off a prompt, or off one of its messages."""
    if isinstance(prompt, str):
        return prompt != prompt.strip()
    return any(m["content"] != m["content"].strip() for m in prompt)


def last_user(content: str | Messages) -> str:
    """What the user said last."""
    if isinstance(content, str):
        return content
    return next((m["content"] for m in reversed(content) if m["role"] == "user"), "")


def is_empty(content: str | Messages) -> bool:
    """Whether a prompt, or its last message, says nothing."""
    return not (content if isinstance(content, str) else content and content[-1]["content"])


def kind_of(value: object) -> str:
    names = {dict: "an object", list: "a list", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else "no text")


def region_count(settings: RegionCut, prompts: int) -> int:
    """How many regions are asked for."""
    if settings["count"] is not None:
        return settings["count"]
    if settings["method"] == "category":
        return MOST_REGIONS
    return max(1, min(MOST_REGIONS, prompts // PROMPTS_A_REGION))


def unit_of(prompt: str, sample: int) -> str:
    """The name of a draw where it is the unit of evidence."""
    return f"{prompt}#{sample}"


def prompt_of(unit: str) -> str:
    """The id of a unit's prompt, be the unit a prompt or a draw."""
    return unit.partition("#")[0]

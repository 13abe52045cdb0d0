"""What a server's answer says: a text, thoughts beside it, or nothing; and who gave it."""

from collections.abc import Sequence

from openai.types import Completion
from openai.types.chat import ChatCompletion

from scripts.core.digests import digest
from scripts.core.files import JsonObject
from scripts.core.job import log
from scripts.draws.absence import Absence, absent
from scripts.draws.record import DrawRecord
from scripts.models.settings import ServedSettings
from scripts.servers.chat import thoughts_of

PASSING = {"created", "permission"}  # of a listed model: other at each time of asking


def record_of(answer: ChatCompletion | Completion, settings: ServedSettings) -> DrawRecord:
    """The record of a draw: text, tokens (count), finished; thoughts and their tokens where the
    server tells them apart; `absent` where nothing was said that could be a text."""
    usage, reason = answer.usage, answer.choices[0].finish_reason
    tokens = usage.completion_tokens if usage else 0
    cut, withheld = reason == "length", reason == "content_filter"
    if isinstance(answer, Completion):
        return {"text": answer.choices[0].text or "", "tokens": tokens, "finished": not cut}
    message = answer.choices[0].message
    text = message.content or message.refusal or ""
    thoughts = thoughts_of(message)
    if not text.strip():
        if cut:
            return absent(Absence.CUT, tokens, thoughts)
        if withheld:
            return absent(Absence.WITHHELD, tokens)
        if thoughts:
            return absent(Absence.UNANSWERED, tokens, thoughts)
    if withheld:
        log.warning("the server withheld a reply; what it gave of it counts as the text")
    if thoughts is None:
        return {"text": text, "tokens": tokens, "finished": not cut}
    details = usage.completion_tokens_details if usage else None
    thought = (details and details.reasoning_tokens) or 0
    return {
        "text": text, "tokens": max(0, tokens - thought), "finished": not cut,
        "thoughts": thoughts, "thought_tokens": thought,
    }  # fmt: skip


def answered_by(listed: Sequence[JsonObject], model: str) -> str | None:
    """A short name of what a server's list of models says of one: another list, another name. Of a
    list that does not have it, the only entry; None where that is not to be told."""
    named = [entry for entry in listed if entry.get("id") == model] or list(listed)
    if len(named) != 1:
        return None
    lasting = {name: value for name, value in named[0].items() if name not in PASSING}
    return f"models:{digest(lasting)[:8]}"

"""Why a draw has no text. What has none makes no pair, on either side, and is counted by reason."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

LEAST = 8  # draws, of which none has a text, that end a job


class Absence(StrEnum):
    """What came instead of a text."""

    TOO_LONG = "the prompt is too long for the server"
    REJECTED = "the server rejects the prompt"
    FAILED = "the server fails on the prompt"
    WITHHELD = "the server withholds the reply"
    CUT = "cut while thinking"
    UNANSWERED = "thoughts without an answer"

    @property
    def stands(self) -> bool:
        """Whether the subject had its turn: asked again until it answers, it would be another
        sample. The others cost nothing, and a server may be changed."""
        return self in (Absence.WITHHELD, Absence.CUT, Absence.UNANSWERED)

    @property
    def remedy(self) -> str:
        """What can be done, as a clause."""
        return _REMEDIES[self]


_REMEDIES = {
    Absence.TOO_LONG: "start the server with a longer context, or take long prompts out of the "
    "bank",
    Absence.REJECTED: "the log says what the server has against them",
    Absence.FAILED: "the server's own log says why",
    Absence.WITHHELD: "its filter decides what is audited here",
    Absence.CUT: "raise `sampling.max_new_tokens`, or have the subject think less "
    "(`server.extra`)",
    Absence.UNANSWERED: "see whether the server's reasoning parser is the model's",
}  # fmt: skip


def absent(why: Absence, tokens: int = 0) -> dict[str, Any]:
    """The record of a draw without a text; tokens: count, of what was decoded all the same."""
    return {"text": None, "reason": why.value, "tokens": tokens, "finished": None}


def is_kept(record: Mapping[str, Any]) -> bool:
    """Whether a record goes to the cache."""
    return record["text"] is not None or Absence(record["reason"]).stands


def reasons_in(records: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many records have no text, by reason."""
    counts: dict[str, int] = {}
    for record in records:
        if record["text"] is None:
            counts[record["reason"]] = counts.get(record["reason"], 0) + 1
    return counts

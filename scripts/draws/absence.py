"""Why a draw has no text. What has none makes no pair, on either side, and is counted by reason."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from scripts.core.errors import AuditError
from scripts.core.job import log
from scripts.core.ledger import Ledger
from scripts.draws.record import DrawRecord

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
    Absence.CUT: "raise `reasoning.max_tokens`, on a server `sampling.max_new_tokens`, or have the "
    "subject think less",
    Absence.UNANSWERED: "on a server, see whether its reasoning parser is the one for this model",
}  # fmt: skip


def absent(why: Absence, tokens: int = 0, thoughts: str | None = None) -> DrawRecord:
    """The record of a draw without a text; tokens: count, of what was decoded all the same;
    thoughts: what there is of them."""
    record: DrawRecord = {"text": None, "reason": why.value, "tokens": tokens, "finished": False}
    if thoughts is not None:
        record["thoughts"] = thoughts
    return record


def is_kept(record: DrawRecord) -> bool:
    """Whether a record goes to the cache."""
    return record["text"] is not None or Absence(record["reason"]).stands


def reasons_in(records: Iterable[DrawRecord]) -> dict[str, int]:
    """How many records have no text, by reason."""
    return dict(Counter(record["reason"] for record in records if record["text"] is None))


def note_outcomes(records: Sequence[DrawRecord], ledger: Ledger) -> None:
    """Count in the ledger what servers did with a job's draws. Raises AuditError when none of LEAST
    draws or more has a text."""
    ledger.missing = reasons_in(records)
    ledger.answered_by.update(Counter(record["by"] for record in records if "by" in record))
    ledger.without.update(Counter(record["without"] for record in records if "without" in record))
    lost = sum(ledger.missing.values())
    if not lost:
        return
    told = in_words(ledger.missing)
    if lost == len(records) >= LEAST:
        raise AuditError(f"none of {lost} draws has a text ({told}); {remedies(ledger.missing)}")
    log.warning("%d of %d draws have no text: %s", lost, len(records), told)


def in_words(missing: Mapping[str, int]) -> str:
    """Reasons with how often, the most frequent first."""
    most = sorted(missing.items(), key=lambda item: -item[1])
    return ", ".join(f"{reason}: {times}" for reason, times in most)


def remedies(missing: Iterable[str]) -> str:
    """What can be done, as clauses."""
    return "; ".join(dict.fromkeys(Absence(reason).remedy for reason in missing))

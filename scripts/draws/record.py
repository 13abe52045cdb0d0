"""What the record cache keeps of a draw."""

from typing import NotRequired

from typing_extensions import TypedDict


class DrawRecord(TypedDict):
    """What a subject said, or why it has no text (absence.py)."""

    text: str | None
    tokens: int | None
    """Count, without the one that stops it; none of a recording."""
    finished: bool | None
    """Whether the subject stopped by itself; none where that is not known."""
    seconds: NotRequired[float]
    """Its share of the time of its batch."""
    arithmetic: NotRequired[str]
    """In which it was decoded here."""
    log_probability: NotRequired[float]
    """In nats, where the settings ask for it."""
    thoughts: NotRequired[str | None]
    thought_tokens: NotRequired[int]
    """Count."""
    begins_thought: NotRequired[bool]
    """Whether what counts as the answer began as a thought; left out where it did not."""
    reason: NotRequired[str]
    """Why there is no text."""
    by: NotRequired[str]
    """Who answered, where that is not who was asked."""
    without: NotRequired[str]
    """Fields of the request that the server did not take."""

"""What a job has spent: the file ledger.json beside what the job made."""

from dataclasses import dataclass, field
from typing import ClassVar

from scripts.core.rows import ROW


@dataclass
class Ledger:
    """Filled while the job works, written when it ends."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 1

    stage: str
    """The job's stage."""
    call: str
    """Which call of Snakemake ran the job."""
    step: str | None = None
    """The round or the pool, if the job is of one."""
    side: str | None = None
    """The subject, if the job is of one."""
    wall_seconds: float = 0.0
    """From the job's begin to its end."""
    saved_seconds: float = 0.0
    """What the cache hits took when they were computed."""
    texts: int = 0
    """Texts decoded, embedded or read."""
    tokens: int = 0
    """Tokens decoded."""
    cache_hits: int = 0
    """Draws or texts that the record cache had."""
    cache_misses: int = 0
    """Draws or texts that it lacked."""
    saved_tokens: int = 0
    """Tokens of the texts that it had."""
    peak_mib: float = 0.0
    """Most memory of the process that computed, MiB."""
    start_seconds: float | None = None
    """How long it took until a model computed, if one did."""
    arithmetic: dict[str, int] = field(default_factory=dict)
    """How many texts were computed in which arithmetic."""
    missing: dict[str, int] = field(default_factory=dict)
    """Draws without a text, by reason."""
    left_out: int = 0
    """Draws that make no pair for want of a text."""
    answered_by: dict[str, int] = field(default_factory=dict)
    """A server's texts by the version that gave them."""
    without: dict[str, int] = field(default_factory=dict)
    """A server's texts by the fields that it did not take."""

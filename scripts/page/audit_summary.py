"""audit.json: what was audited, with what, and how much of it."""

from dataclasses import dataclass
from typing import ClassVar

from pydantic import with_config
from typing_extensions import TypedDict

from scripts.core.files import JsonObject
from scripts.core.rows import ROW
from scripts.divergence.contrast import Contrast
from scripts.hypotheses.finding import Theme
from scripts.judging.calibration import JudgeAccuracy
from scripts.page.recovery import Recovered
from scripts.recordings.bank import BankReport


@dataclass(frozen=True, slots=True)
class Counts:
    """How much an audit drew, tested and found."""

    __pydantic_config__ = ROW

    draws: int
    """Draws of both subjects that have a text."""
    draws_base: int
    """Those of the base."""
    draws_intervention: int
    """Those of the intervention."""
    draws_by_pool: dict[str, int]
    """Those of each pool, of both subjects."""
    rounds: int
    """Rounds of the explore pool."""
    proposed: int
    """Hypotheses that were screened."""
    hypotheses: int
    """Those that the error control counts."""
    tested: int
    """Those of them that could be decided."""
    behaviours: int
    """Entries of the page."""
    validated: int
    """Findings of this status."""
    suggestive: int
    """Findings of this status."""
    unsupported: int
    """Findings of this status."""
    untested: int
    """Findings of this status."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """The machine that wrote the report, without its name."""

    __pydantic_config__ = ROW

    processor: str
    """Its kind, such as `x86_64`."""
    cores: int | None
    """Logical ones."""
    memory_gib: float
    """In GiB."""
    system: str
    """Operating system."""


@dataclass(frozen=True, slots=True)
class SoughtEffect:
    """Effects P(+) - P(-) that a race sought where there were few prompts."""

    __pydantic_config__ = ROW

    all: float
    """Of all prompts."""
    decided: float
    """Of those that are no ties."""


@dataclass(frozen=True, kw_only=True)
class JudgeOfAudit(JudgeAccuracy):
    """A language model that judged, with the effect that its race sought."""

    __pydantic_config__: ClassVar = ROW

    delta: float | SoughtEffect | None
    """P(+) - P(-), 0 to 1."""


@dataclass(frozen=True, slots=True)
class KeyedStage:
    """A stage behind a report."""

    __pydantic_config__ = ROW

    stage: str
    """Its name."""
    key: str
    """Names the folder of its outputs, `results/<stage>/<key>/`."""
    settings: JsonObject
    """What of the configuration is in the key."""


@with_config(ROW)
class AuditedConfig(TypedDict):
    """The part of the configuration that an audit read, every default written out: sections, as the
    configuration's schema has them."""

    audit: JsonObject
    """Its own section, the subjects in it."""
    bank: JsonObject | None
    """The section of its bank; none where responses are recorded."""
    plants: JsonObject
    """Those of the plants that it has for adapters, by name."""
    subjects: JsonObject
    """Those of the subjects that these were trained from, by name."""


@dataclass(frozen=True, slots=True)
class AuditSummary:
    """results/audits/<audit>/audit.json."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 2

    audit: str
    """Its name."""
    null: bool
    """Whether base and intervention are the same subject."""
    key: str
    """Key of the report."""
    counts: Counts
    """How much of it."""
    planted: list[Recovered]
    """What became of each planted behaviour that has a check."""
    judges: list[JudgeOfAudit]
    """The language models that judge, the cheap one first; empty with the local assistant."""
    themes: tuple[Theme, ...]
    """A language model's titles and summaries over the validated findings; empty with the local
    assistant."""
    bank: BankReport
    """Prompts, where they come from, and what was left out."""
    arithmetic: dict[str, dict[str, int]]
    """By side how many texts were decoded here in which arithmetic."""
    contrast: Contrast | None
    """How far the subjects were apart before the first round; none where responses are recorded."""
    config: AuditedConfig
    """What the audit read of the configuration."""
    keys: list[KeyedStage]
    """Every stage behind the report, inputs first."""
    versions: dict[str, str]
    """Python, the packages that matter, and the workflow's `commit`, with `-dirty` where files
    differed from it."""
    hardware: Hardware
    """Where the report was written."""

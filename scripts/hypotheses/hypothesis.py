"""A hypothesis: a directional sentence on some regions, with the check or predicate it is judged
by; its id follows from that."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

from scripts.checks.check import Check, content_of
from scripts.core.digests import digest
from scripts.core.rows import ROW
from scripts.evidence.reasons import Stop
from scripts.hypotheses.pairs import Net
from scripts.hypotheses.writing import Written

Direction = Literal["more", "less"]
Source: TypeAlias = Literal["local", "assistant", "user", "recorded"]


@dataclass(frozen=True, kw_only=True)
class Screened:
    """What the screen pool says of a hypothesis, in all regions that were proposed."""

    __pydantic_config__: ClassVar = ROW
    prompts: int
    """Prompts it was judged on."""
    wins: int
    """Prompts for it."""
    losses: int
    """Prompts against it."""
    share: float
    """Mean pair score of its draws, −1…1; where a language model judged, in the regions that stay
    (their draws are what confirm pays for)."""


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """A sentence that an audit may test; a line of hypotheses.jsonl and of screened.jsonl."""

    __pydantic_config__: ClassVar = ROW
    SCHEMA: ClassVar[int] = 1
    id: str
    """`h` and 8 hex digits of a digest of what it says and the regions proposed."""
    statement: str
    """The sentence, with the topics of its regions."""
    direction: Direction
    """Whether the intervention shows it more, or less."""
    source: Source
    """Who wrote it."""
    regions: tuple[str, ...]
    """Ids of the regions it is about, sorted."""
    check: Check | None = None
    """What is read off texts; none where a model judges by `behaviour`."""
    behaviour: str | None = None
    """A verb phrase that completes “The response …”, for a model to judge."""
    explored: Mapping[str, Net] = field(default_factory=dict)
    """By region the prompts of the explore pool for it, against it and in all, and the mean pair
    score; empty where nobody counted."""
    dropped_regions: tuple[str, ...] = ()
    """Regions proposed that the screen took out."""
    screen: Screened | None = None
    """What the screen pool says; none before, and of a user's own, which skip it."""
    goes_on: bool = True
    """Whether the screen let it pass."""
    beyond: Stop | None = None
    """Why it is none of the hypotheses tested, though it goes on."""
    written: Written | None = None
    """What a language model wrote it from; none of others."""


def new_hypothesis(
    statement: str,
    direction: Direction,
    source: Source,
    regions: Iterable[str],
    *,
    check: Check | None = None,
    behaviour: str | None = None,
    explored: Mapping[str, Net] | None = None,
    written: Written | None = None,
) -> Hypothesis:
    """A hypothesis with the id that follows from its content."""
    where = tuple(sorted(set(regions)))
    said = content_of(check) if check else [behaviour, direction]
    return Hypothesis(
        id="h" + digest(said, where)[:8],
        statement=statement,
        direction=direction,
        source=source,
        regions=where,
        check=check,
        behaviour=behaviour,
        explored=explored or {},
        written=written,
    )

"""Build a prompt bank from its sources and from what recordings answer, and count what is lost."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from scripts.core.rows import ROW
from scripts.core.settings import SETTINGS
from scripts.prompts.prompt import (
    BankError,
    Prompt,
    content_id,
    is_empty,
    is_trimmed,
    last_user,
    normal_prompt,
    normal_text,
)
from scripts.prompts.written import Authored
from scripts.readers.reading import Reading
from scripts.readers.row import Row
from scripts.readers.settings import KeyedSource, SourceSettings
from scripts.recordings.files import RecordedPrompt
from scripts.recordings.pairing import SideReport, shared_prompts, side_reports, within
from scripts.recordings.recording import RecordingReport

PLACES = 5  # empty prompts whose place a report names


@dataclass(slots=True)
class SourceReport:
    """What one source gave."""

    __pydantic_config__ = ROW

    path: str
    """As the configuration names it."""
    format: str
    """Its reader."""
    files: int
    """Files that it consists of."""
    prompts: int = 0
    """Distinct prompts that no source before it has."""
    duplicates: int = 0
    """Rows whose prompt is there already."""
    empty: int = 0
    """Rows whose prompt says nothing."""
    trimmed: int = 0
    """Prompts that had white space around them."""


@dataclass(slots=True)
class BankReport:
    """What a bank holds and what was dropped: results/bank/<key>/bank.json."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 2

    prompts: int = 0
    """Distinct prompts, of recordings those that are answered."""
    duplicates: int = 0
    """Rows of sources whose prompt is there already."""
    empty: int = 0
    """Rows of sources whose prompt says nothing."""
    trimmed: int = 0
    """Prompts that had white space around them."""
    unanswered: int = 0
    """Prompts of the sources that recordings do not answer."""
    empty_places: list[str] = field(default_factory=list)
    """Where the first empty prompts stand."""
    categories: dict[str, int] = field(default_factory=dict)
    """Prompts of each category."""
    sources: list[SourceReport] = field(default_factory=list)
    """What each source gave."""
    written: list[Authored] = field(default_factory=list)
    """What language models were to write for it, and what they wrote."""
    sides: dict[str, SideReport] = field(default_factory=dict)
    """By side what its recording holds and what of it is not used."""


@with_config(SETTINGS)
class BankSettings(TypedDict):
    """Of the bank stage."""

    sources: list[KeyedSource]
    match: str
    """What makes two prompts the same: `messages`, or `last_user`."""


@with_config(SETTINGS)
class Sources(TypedDict):
    """Where the bank stage finds its sources."""

    sources: list[SourceSettings]
    written: NotRequired[dict[str, int]]
    """Paths of those that the stage `write` makes, and how many prompts each has at most."""


def build_bank(
    sources: Sequence[SourceSettings], match: str = "messages"
) -> tuple[list[Prompt], BankReport]:
    """The distinct prompts of all sources, in order; of duplicates the first stays.

    Raises BankError when a source cannot be used or no prompt is left.
    """
    prompts: dict[str, Prompt] = {}
    report = BankReport()
    readings = [Reading(source) for source in sources]  # what is wrong with any is said first
    for source, reading in zip(sources, readings, strict=True):
        part = SourceReport(str(source["path"]), reading.format, len(reading.parts))
        for row, prompt in _limited(_prompts(reading, match), source.get("limit")):
            if prompt is None:
                part.empty += 1
                if len(report.empty_places) < PLACES:
                    report.empty_places.append(row.place)
            elif prompt.id in prompts:
                part.duplicates += 1
            else:
                part.prompts += 1
                part.trimmed += is_trimmed(row.prompt)
                prompts[prompt.id] = prompt
        report.sources.append(part)
    report.prompts = len(prompts)
    report.duplicates = sum(part.duplicates for part in report.sources)
    report.empty = sum(part.empty for part in report.sources)
    report.trimmed = sum(part.trimmed for part in report.sources)
    report.categories = _by_category(prompts.values())
    if not prompts:
        paths = ", ".join(f"`{source['path']}`" for source in sources) or "no source"
        raise BankError(f"the bank has no prompts: {paths} with {report.empty} empty; add prompts")
    return list(prompts.values()), report


def _prompts(reading: Reading, match: str) -> Iterator[tuple[Row, Prompt | None]]:
    """Each row with its prompt in normal form, None where it says nothing; the stem of the file's
    name stands in for a missing category."""
    for row in reading:
        content = normal_prompt(row.prompt, row.place)
        if match == "last_user":
            content = last_user(content)
        if is_empty(content):
            yield row, None
            continue
        category = normal_text((row.category or "").strip() or row.file.stem, row.place)
        yield row, Prompt(content_id(content), content, category, row.group)


def _by_category(prompts: Iterable[Prompt]) -> dict[str, int]:
    """How many prompts each category has."""
    return dict(sorted(Counter(p.category for p in prompts if p.category).items()))


def _limited(
    rows: Iterable[tuple[Row, Prompt | None]], limit: int | None
) -> Iterator[tuple[Row, Prompt | None]]:
    """The first `limit` distinct prompts of each category, and what is empty."""
    kept: defaultdict[str | None, set[str]] = defaultdict(set)
    for row, prompt in rows:
        if prompt is None or limit is None:
            yield row, prompt
            continue
        of_category = kept[prompt.category]
        if prompt.id in of_category or len(of_category) < limit:
            of_category.add(prompt.id)
            yield row, prompt


def prompts_of(
    sources: Sequence[SourceSettings],
    match: str = "messages",
    recorded: Mapping[str, tuple[Sequence[RecordedPrompt], RecordingReport]] | None = None,
) -> tuple[list[Prompt], BankReport]:
    """The prompts and the report of an audit's bank, from its sources and what recordings answer.

    recorded: by side the prompts and the report of its recording. They bound the bank: it is the
    prompts that all of them answer, and of the sources, if there are any, those among them.
    """
    if not recorded:
        return build_bank(sources, match)
    asked = {side: prompts for side, (prompts, _) in recorded.items()}
    bank, report = shared_prompts(asked), BankReport()
    if sources:
        prompts, report = build_bank(sources, match)
        bank = within(prompts, bank)
        report.unanswered = len(prompts) - len(bank)
    report.sides = side_reports(asked, {s: counts for s, (_, counts) in recorded.items()}, bank)
    report.prompts = sum(prompt.is_answered for prompt in bank)
    report.categories = _by_category(bank)
    return bank, report

"""Build a prompt bank from its sources and from what recordings answer, and count what is lost."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from scripts.prompts.prompt import (
    BankError,
    Messages,
    content_id,
    is_empty,
    is_trimmed,
    last_user,
    normal_prompt,
    normal_text,
)
from scripts.readers.reading import Reading
from scripts.readers.row import Row
from scripts.recordings.pairing import shared_prompts, side_reports, within

SCHEMA = 2
PLACES = 5  # empty prompts whose place a report names


@dataclass(frozen=True, slots=True)
class Prompt:
    """One distinct prompt of a bank: `text`, or `messages`."""

    id: str
    content: str | Messages
    topic: str
    group: str | None = None

    @property
    def text(self) -> str | None:
        return self.content if isinstance(self.content, str) else None

    @property
    def messages(self) -> Messages | None:
        return None if isinstance(self.content, str) else self.content

    def as_row(self) -> dict[str, Any]:
        """The prompt as a line of bank.jsonl."""
        kind = "text" if isinstance(self.content, str) else "messages"
        row = {"id": self.id, kind: self.content, "topic": self.topic}
        return row if self.group is None else row | {"group": self.group}


@dataclass
class SourceReport:
    """What one source gave."""

    path: str
    format: str
    files: int
    prompts: int = 0
    duplicates: int = 0
    empty: int = 0
    trimmed: int = 0


@dataclass
class BankReport:
    """What a bank holds and what was dropped.

    empty_places names the first empty prompts; trimmed had white space around them; unanswered are
    prompts of the sources that recordings do not answer; sides are the recordings' own reports
    (recording.Report) with what of them is not used (pairing.side_reports).
    """

    schema: int = SCHEMA
    prompts: int = 0
    duplicates: int = 0
    empty: int = 0
    trimmed: int = 0
    unanswered: int = 0
    empty_places: list[str] = field(default_factory=list)
    categories: dict[str, int] = field(default_factory=dict)
    sources: list[SourceReport] = field(default_factory=list)
    sides: dict[str, dict[str, Any]] = field(default_factory=dict)


def build_bank(
    sources: Sequence[Mapping[str, Any]], match: str = "messages"
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
    report.categories = dict(sorted(Counter(p.topic for p in prompts.values()).items()))
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
        topic = normal_text((row.category or "").strip() or row.file.stem, row.place)
        yield row, Prompt(content_id(content), content, topic, row.group)


def _limited(
    rows: Iterable[tuple[Row, Prompt | None]], limit: int | None
) -> Iterator[tuple[Row, Prompt | None]]:
    """The first `limit` distinct prompts of each category, and what is empty."""
    kept: defaultdict[str, set[str]] = defaultdict(set)
    for row, prompt in rows:
        if prompt is None or limit is None:
            yield row, prompt
            continue
        of_topic = kept[prompt.topic]
        if prompt.id in of_topic or len(of_topic) < limit:
            of_topic.add(prompt.id)
            yield row, prompt


def prompts_of(
    sources: Sequence[Mapping[str, Any]],
    match: str = "messages",
    recorded: Mapping[str, tuple[Sequence[Mapping[str, Any]], Mapping[str, Any]]] | None = None,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The rows and the report of an audit's bank, from its sources and what recordings answer.

    recorded: by side the rows of prompts.jsonl and the report of its recording. They bound the
    bank: it is the prompts that all of them answer, and of the sources, if there are any, those
    among them.
    """
    if not recorded:
        prompts, report = build_bank(sources, match)
        return [prompt.as_row() for prompt in prompts], asdict(report)
    answers = {side: rows for side, (rows, _) in recorded.items()}
    rows, report = shared_prompts(answers), BankReport()
    if sources:
        prompts, report = build_bank(sources, match)
        rows = within([prompt.as_row() for prompt in prompts], rows)
        report.unanswered = len(prompts) - len(rows)
    report.sides = side_reports(answers, {s: counts for s, (_, counts) in recorded.items()}, rows)
    report.prompts = sum(row["samples"] > 0 for row in rows)
    report.categories = dict(sorted(Counter(r["topic"] for r in rows if "topic" in r).items()))
    return rows, asdict(report)

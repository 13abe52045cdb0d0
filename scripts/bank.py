"""Build a prompt bank from its sources: drop duplicates and empty prompts, and count them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from scripts.prompt_sources import check_sources, load_source, source_files
from scripts.prompts import BankError, Messages, prompt_id
from scripts.responses import restrict, shared_prompts
from scripts.workflow.files import write_json, write_jsonl
from scripts.workflow.job import job, log

SCHEMA = 1
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


@dataclass
class BankReport:
    """What a bank holds and what was dropped; `empty_places` names the first empty prompts."""

    schema: int = SCHEMA
    prompts: int = 0
    duplicates: int = 0
    empty: int = 0
    empty_places: list[str] = field(default_factory=list)
    categories: dict[str, int] = field(default_factory=dict)
    sources: list[SourceReport] = field(default_factory=list)


def build_bank(sources: Sequence[Mapping[str, Any]]) -> tuple[list[Prompt], BankReport]:
    """The distinct prompts of all sources, in order; of duplicates the first stays.

    Raises BankError when a source cannot be used or no prompt is left.
    """
    check_sources(sources)
    prompts: dict[str, Prompt] = {}
    report = BankReport()
    for source in sources:
        declared = source.get("format") or "auto"
        part = SourceReport(str(source["path"]), declared, len(source_files(source)))
        for row in load_source(source):
            if not row.content:
                part.empty += 1
                if len(report.empty_places) < PLACES:
                    report.empty_places.append(row.place)
                continue
            name = prompt_id(row.content)
            if name in prompts:
                part.duplicates += 1
            else:
                part.prompts += 1
                prompts[name] = Prompt(name, row.content, row.topic, row.group)
        report.sources.append(part)
    report.prompts = len(prompts)
    report.duplicates = sum(part.duplicates for part in report.sources)
    report.empty = sum(part.empty for part in report.sources)
    report.categories = dict(sorted(Counter(p.topic for p in prompts.values()).items()))
    if not prompts:
        paths = ", ".join(f"`{source['path']}`" for source in sources) or "no source"
        raise BankError(f"the bank has no prompts: {paths} with {report.empty} empty; add prompts")
    return list(prompts.values()), report


def prompts_of(local: Mapping[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The rows and the report of an audit's bank, from its `sources` and ready `responses`.

    Ready responses bound the bank: it is the prompts that all of their files answer, and of the
    sources, if there are any, those among them.
    """
    sources, responses = local["sources"], local["responses"]
    if not responses:
        prompts, report = build_bank(sources)
        return [prompt.as_row() for prompt in prompts], asdict(report)
    rows, report = shared_prompts(responses), BankReport()
    if sources:
        prompts, report = build_bank(sources)
        answered = " and ".join(f"`{path}`" for path in dict.fromkeys(map(str, responses)))
        rows = restrict([prompt.as_row() for prompt in prompts], rows, answered)
    report.prompts = len(rows)
    report.categories = dict(sorted(Counter(r["topic"] for r in rows if "topic" in r).items()))
    return rows, asdict(report)


def bank(snakemake) -> None:
    rows, report = prompts_of(snakemake.params.local)
    log.info("%d prompts, %d duplicates dropped", report["prompts"], report["duplicates"])
    if report["empty"]:
        places = "; ".join(report["empty_places"])
        log.warning("%d empty prompts dropped: %s", report["empty"], places)
    write_jsonl(snakemake.output.bank, rows)
    write_json(snakemake.output.report, report)


if __name__ == "__main__":
    with job(snakemake):
        bank(snakemake)

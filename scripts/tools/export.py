"""Write every text of finished audits with what was said of it: results/export/<audit>/texts.jsonl.

A row is one draw of a prompt: both subjects' texts and, under the id of each finding, its verdict
on them. docs/export.md says what the columns are and how to read them back.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypedDict

from scripts.checks.check import MissingCheck
from scripts.core.job import Job, log, run
from scripts.core.rows import iterate_rows, read_document, read_rows
from scripts.hypotheses.finding import Finding
from scripts.hypotheses.judgement import Judgement
from scripts.hypotheses.pairs import Pair, pair_score
from scripts.hypotheses.probe import prompts_in
from scripts.prompts.pools import DealtPrompt
from scripts.prompts.prompt import Prompt
from scripts.prompts.region import Regions
from scripts.recordings.files import RecordedResponse
from scripts.tools.archive import check_published, for_each
from scripts.tools.export_finished import Finished, Name, Recorded
from scripts.workflow.described import Audits
from scripts.workflow.export_formats import WRITERS, check_format

Verdicts = Mapping[tuple[str, str], float | None]  # verdicts by finding and unit of evidence


class Texts(NamedTuple):
    """What both subjects say to a prompt; None where a recording has no response, and why."""

    sample: int
    base: str | None
    intervention: str | None
    reason: str | None = None


def texts_by_prompt(
    pairs: Mapping[Name, Pair], recorded: tuple[Recorded, Recorded] | None
) -> dict[str, list[Texts]]:
    """The texts of each prompt in the order of their samples: of recordings all that both sides
    have an entry for, drawn or not."""
    found: dict[str, list[Texts]] = {}
    if recorded is None:
        for (prompt, sample), pair in sorted(pairs.items()):
            found.setdefault(prompt, []).append(Texts(sample, pair.base, pair.intervention))
        return found
    base, intervention = recorded
    for prompt in base.keys() & intervention.keys():
        entries = zip(base[prompt], intervention[prompt], strict=False)
        found[prompt] = [
            Texts(first.sample, first.text, second.text, _reason(first, second))
            for first, second in entries
        ]
    return found


def _reason(*entries: RecordedResponse) -> str | None:
    reasons = dict.fromkeys(e.reason for e in entries if e.text is None)
    return "; ".join(filter(None, reasons)) or None


def said_by_models(
    judgements: Iterable[Judgement], pairs: Iterable[Pair]
) -> dict[tuple[str, str], float | None]:
    """What language models said of each prompt, the mean over the samples that they read; of two
    that judged the same the stronger, which comes last, and None where no reply was a verdict."""
    drawn = Counter(pair.prompt for pair in pairs)
    found = {}
    for row in judgements:
        silent = row.refused + row.unparsable >= drawn[row.prompt]
        score = round(row.intervention - row.base, 6)
        found[row.hypothesis, row.prompt] = None if silent else score
    return found


def verdict(finding: Finding, texts: Texts, pair: Pair | None, said: Verdicts) -> float | None:
    """+1 where two texts speak for a finding, -1 where they speak against it, else 0; what a model
    said where models judge; None where nobody looked."""
    check = finding.check
    if isinstance(check, MissingCheck):  # of the responses themselves, which make no pair then
        score = (texts.intervention is None) - (texts.base is None)
        return -score if check.absent else score
    if pair is None:
        return None
    return pair_score(check, pair) if check else said.get((finding.id, pair.prompt))


def columns_of(
    bank: Sequence[Prompt], findings: Sequence[Finding], recorded: bool, likely: Iterable[str] = ()
) -> dict[str, type]:
    """The columns of an audit and what they hold: a category, a group, a reason for a missing
    response, and how likely a side's texts are only where there may be one."""
    about = {"category": any(prompt.category is not None for prompt in bank), "reason": recorded}
    about["group"] = any(prompt.group is not None for prompt in bank)
    texts = ["prompt", "base", "intervention", "sample", "prompt_id", "pool", "region"]
    texts += [name for name, there in sorted(about.items()) if there]
    kinds: dict[str, type] = {name: int if name == "sample" else str for name in texts}
    kinds |= {f"{side}_log_probability": float for side in likely}
    return kinds | {finding.id: float for finding in findings}


class Where(TypedDict):
    """Where a prompt or a draw belongs."""

    pool: str | None
    """explore, screen or confirm."""
    region: str | None
    """The name of its region."""


def rows_of_audit(
    bank: Iterable[Prompt],
    places: Mapping[str | Name, Where],
    texts: Mapping[str, Sequence[Texts]],
    pairs: Mapping[Name, Pair],
    findings: Sequence[Finding],
    said: Verdicts,
    likely: Mapping[str, Mapping[Name, float]],
) -> Iterator[dict[str, object]]:
    """A row for each text of the bank's prompts, with all that is known of it.

    places: the pool of each prompt, or of each draw, and the name of its region; likely: by side
    how likely its texts are.
    """
    for prompt in bank:
        name = prompt.id
        for of_one in texts.get(name, ()):
            draw = (name, of_one.sample)
            pair = pairs.get(draw)
            pair = pair and replace(pair, asked=prompt.asked)
            yield {
                "prompt": prompt.content,
                "prompt_id": name,
                "category": prompt.category,
                "group": prompt.group,
                **of_one._asdict(),
                **(places.get(draw) or places.get(name) or {"pool": None, "region": None}),
                **{f"{side}_log_probability": known.get(draw) for side, known in likely.items()},
                **{f.id: verdict(f, of_one, pair, said) for f in findings},
            }


def places_of(audit: Finished) -> dict[str | Name, Where]:
    """The pool and the region's name of each prompt, or of each draw where that is the unit."""
    regions = read_document(audit.file("regions", "regions.json"), Regions).regions
    names = {region.id: region.name for region in regions}
    found: dict[str | Name, Where] = {
        prompt.id: {"pool": "probe", "region": (p.region if prompt.shows else p.matched).name}
        for p in audit.probes()
        for prompt in p.prompts
    }
    found |= {
        prompt.id if prompt.sample is None else (prompt.id, prompt.sample): {
            "pool": prompt.pool,
            "region": names[prompt.region],
        }
        for prompt in iterate_rows(audit.file("regions", "prompts.jsonl"), DealtPrompt)
    }
    return found


def export(audit: Finished, format: str) -> Path:
    """Write the texts of one audit. Raises AuditError when a file behind it is not whole."""
    bank = read_rows(audit.file("bank", "bank.jsonl"), Prompt) + prompts_in(audit.probes())
    findings = read_rows(audit.file("confirm", "findings.jsonl"), Finding)
    judgements = read_rows(audit.file("confirm", "judgements.jsonl"), Judgement)
    pairs, recorded = audit.pairs(), audit.recorded()
    likely = audit.log_probabilities()
    columns = columns_of(bank, findings, recorded is not None, likely)
    texts = texts_by_prompt(pairs, recorded)
    said = said_by_models(judgements, pairs.values())
    rows = rows_of_audit(bank, places_of(audit), texts, pairs, findings, said, likely)
    target = audit.results / "export" / audit.name / f"texts.{format}"
    WRITERS[format](target, columns, ({name: row[name] for name in columns} for row in rows))
    return target


def export_all(audits: Audits, results: Path, format: str) -> None:
    """Export every audit that is published, then raise the first reason why another is not."""
    check_format(format)

    def make(name: str) -> Path:
        check_published(name, audits[name]["key"], results)
        target = export(Finished(name, audits[name]["nodes"], results), format)
        log.info("%s", target)
        return target

    for_each(audits, make, results.parent)


def main(job: Job) -> None:
    export_all(job.params.audits, Path("results"), job.params.format)


if __name__ == "__main__":
    run(main)

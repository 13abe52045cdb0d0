"""Print what the audits would cost at most, before anything runs."""

from pathlib import Path

from scripts.core.job import Job, run
from scripts.core.text_tables import count, duration, table
from scripts.models.reasoning import MOST
from scripts.workflow.bill import Bill
from scripts.workflow.described import Audits
from scripts.workflow.estimates import NOTHING, Line, lines_of, mark_shared, rates_here
from scripts.workflow.speed import (
    Range,
    Rates,
)


def estimate(audits: Audits, results: Path, rates: Rates) -> str:
    """The table that is printed."""
    lines = mark_shared(
        (name, line) for name, audit in audits.items() for line in lines_of(audit, results)
    )
    rows = []
    for place, (audit, line) in enumerate(lines):
        repeated = place and lines[place - 1][0] == audit
        rows.append(["" if repeated else audit, *_cells(line, _took(line, rates))])
    left = [line for _, line in lines if not line.state]
    amounts = {name: sum(getattr(line, name) for line in left) for name in _SUMMED}
    bill = sum((line.bill for line in left), NOTHING)
    total = Line("still to do", "", **amounts, bill=bill)
    rows.append(["", *_cells(total, _took(total, rates))])
    header = ["audit", "part", "draws", "tokens", "texts", "steps", "requests", "dollars", "time"]
    return "\n".join(
        [
            "What the audits cost at most, both subjects together:",
            "",
            table(header, rows, left=2),
            "",
            "draws: subjects' texts; tokens: decoded at most; texts: embedded; steps: training.",
            *_UNKNOWN * bool(any(line.perhaps for _, line in lines)),
            "The record cache may hold much of it already. Downloads of models, loading them in",
            "jobs and stages without a model come on top; other models go at other rates.",
            "",
            "Rates:",
            f"  decoding   {_rate(rates.decode, 'tokens/s', rates.jobs[0])}",
            f"  embedding  {_rate(rates.embed, 'texts/s', rates.jobs[1])}",
            f"  training   {_rate(rates.step, 's a step', rates.jobs[2])}",
            *([] if all(rates.jobs) else [f"Until a job has run: {rates.source}."]),
            *_assistant_table([*lines, ("", total)]),
        ]
    )


def _assistant_table(lines: list[tuple[str, Line]]) -> list[str]:
    """The assistant's requests, tokens and dollars; nothing where no language model is asked."""
    asked = [(audit, line) for audit, line in lines if line.bill.worst.requests]
    if not asked:
        return []

    def cells(bill: Bill, name: str) -> list[str]:
        low, high, worst = (getattr(amount, name) for amount in (bill.low, bill.high, bill.worst))
        return [f"{low:,.0f} - {high:,.0f}", f"{worst:,.0f}"]

    rows = [
        [
            audit,
            line.part,
            *(cell for name in _COUNTED for cell in cells(line.bill, name)),
            f"{line.bill.low.dollars:.2f} - {line.bill.high.dollars:.2f}",
            f"{line.bill.worst.dollars:.2f}",
            line.state,
        ]
        for audit, line in asked
    ]
    header = ["audit", "part", "requests", "worst", "tokens in", "worst", "tokens out", "worst"]
    return [
        "",
        "The assistant:",
        "",
        table([*header, "dollars", "worst", "state"], rows, left=2),
        "",
        "Ranges are for a judge that does not lean, with one reply in ten asked for again; in the",
        "worst case each request is repeated once and every placebo is judged on every prompt.",
        "`assistant.budget` ends an audit before it exceeds what you allow.",
    ]


_COUNTED = ("requests", "input_tokens", "output_tokens")
_SUMMED = ("draws", "tokens", "texts", "steps", "perhaps")
_UNKNOWN = (
    "A range of tokens: whether the model thinks is known once its files are there; a thought",
    f"has up to {MOST:,} tokens, unless `reasoning` says otherwise.",
)


def _took(line: Line, rates: Rates) -> Range:
    """Seconds for a line, thoughts with them that are not known of at the upper end."""
    low = rates.seconds(line.tokens, line.texts, line.steps).low
    return Range(low, rates.seconds(line.tokens + line.perhaps, line.texts, line.steps).high)


def _cells(line: Line, took: Range) -> list[str]:
    time = line.state or f"{duration(took.low)} - {duration(took.high)}"
    amounts = [count(getattr(line, name)) for name in ("draws", "tokens", "texts", "steps")]
    if line.perhaps:
        amounts[1] += f" - {count(line.tokens + line.perhaps)}"
    worst = line.bill.worst
    return [line.part, *amounts, f"{worst.requests:.0f}", f"{worst.dollars:.2f}", time]


def _rate(rate: Range, unit: str, jobs: int) -> str:
    source = f"as measured in {jobs} job{'s' * (jobs != 1)} here" if jobs else "no job has run here"
    return f"{rate.low:,.3g} - {rate.high:,.4g} {unit} ({source})"


def main(job: Job) -> None:
    results = Path("results")
    rates = rates_here(results, Path(job.params.cache))
    print(estimate(job.params.audits, results, rates), flush=True)


if __name__ == "__main__":
    run(main)

"""Say in a few lines what an audit found: `python -m scripts.tools.summary demo`."""

import sys
from pathlib import Path

from scripts.core.rows import read_document, read_rows
from scripts.hypotheses.finding import Behaviours, Finding
from scripts.page.audit_summary import AuditSummary
from scripts.page.cards import size
from scripts.page.numbers import plural


def summary(folder: Path) -> str:
    """The counts, the behaviours with their first findings, and the path of the report."""
    audit = read_document(folder / "audit.json", AuditSummary)
    findings = {f.id: f for f in read_rows(folder / "findings.jsonl", Finding)}
    counts = audit.counts
    lines = [
        f"Audit {audit.audit}: {counts.draws} texts drawn from both subjects, "
        f"{plural(counts.tested, 'hypothesis', 'hypotheses')} tested, {counts.validated} "
        f"validated: {plural(counts.behaviours, 'behaviour')}",
        "",
    ]
    for behaviour in read_document(folder / "behaviours.json", Behaviours).behaviours:
        first = findings[behaviour.findings[0]]
        lines.append(f"  - {behaviour.statement}")
        lines.append(f"    {size(first) or 'of unknown size'}; e-value {first.e_value or 0:.3g}")
    return "\n".join([*lines, "", f"Report: {folder / 'report.html'}"])


if __name__ == "__main__":
    print(summary(Path("results/audits") / sys.argv[1]))

"""Say in a few lines what an audit found: `python -m scripts.summary demo`."""

import sys
from pathlib import Path

from scripts.workflow.files import read_json, read_jsonl


def summary(folder: Path) -> str:
    """The counts, the validated findings, and the path of the report."""
    audit, findings = read_json(folder / "audit.json"), read_jsonl(folder / "findings.jsonl")
    counts = audit["counts"]
    lines = [
        f"Audit {audit['audit']}: {counts['draws']} texts drawn from both subjects, "
        f"{counts['hypotheses']} hypotheses tested, {counts['validated']} validated",
        "",
    ]
    for finding in findings:
        if finding["status"] != "validated":
            continue
        lines.append(f"  - {finding['statement']}")
        lines.append(
            f"    in {_percent(finding['rate_intervention'])} of the intervention's responses, "
            f"{_percent(finding['rate_base'])} of the base's; e-value {finding['e_value']:.3g}"
        )
    return "\n".join([*lines, "", f"Report: {folder / 'report.html'}"])


def _percent(rate) -> str:
    return f"{100 * rate['estimate']:.0f} %" if rate else "an unknown share"


if __name__ == "__main__":
    print(summary(Path("results/audits") / sys.argv[1]))

"""How well named features agree with readers: recall and precision against labels.

    python -m benchmarks.checks FOLDER [--write]

FOLDER has the recorded model outputs that the labels are of: benchmarks/labels/recorded.csv names
them by file, row and the beginning of the text's sha256. Texts whose sha256 begins with an even
digit were looked at while the features were written, the others only counted. Refusals are judged
by XSTest's labels instead (benchmarks/refusals.py). --write writes docs/figures/checks.json and
what a report quotes of it, scripts/checks/quality.json.
"""

import argparse
import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from math import sqrt
from pathlib import Path
from typing import NamedTuple

from benchmarks import refusals
from scripts.checks.features import FEATURES
from scripts.checks.refusal import refuses

ROOT = Path(__file__).resolve().parent.parent
LABELS = ROOT / "benchmarks" / "labels" / "recorded.csv"
FIGURES = ROOT / "docs" / "figures" / "checks.json"
QUALITY = ROOT / "scripts" / "checks" / "quality.json"
LEAST_POSITIVES = 5  # labelled texts of the tested half, below which a report quotes nothing
FEATURE_OF = {"human-claim": "life"}  # where a label's feature has another name
IN_ANY_LANGUAGE = ("list", "code", "not-english", "repetition", "cut-off", "question")
BY_HAND = "labels of one reader, a language model, of seven models' texts"
BY_XSTEST = "XSTest's labels of one model with and without a guardrail"


class Judged(NamedTuple):
    """A text with its labels, and whether features were tuned on it."""

    text: str
    labels: Mapping[str, bool]
    tuned: bool


def recorded_text(row: Mapping) -> str:
    """The model's text in a row of a recorded file."""
    keys = ("completion", "answer", "response")
    return next((row[key] or "" for key in keys if key in row), "")


def recorded(folder: Path, name: str) -> list[str]:
    """The model's texts in a recorded file, in order."""
    with (folder / name).open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file) if name.endswith(".csv") else map(json.loads, file)
        return [recorded_text(row) for row in rows]


def judged(folder: Path) -> list[Judged]:
    """The labelled texts. Raises ValueError where a text is not the one that was labelled."""
    with LABELS.open(encoding="utf-8", newline="") as labelled:
        rows = list(csv.DictReader(labelled))
    files = {name: recorded(folder, name) for name in {row["file"] for row in rows}}
    found = []
    for row in rows:
        file, number, digest = row.pop("file"), int(row.pop("row")), row.pop("sha256")
        text = files[file][number]
        if sha256(text.encode()).hexdigest()[:12] != digest:
            raise ValueError(f"row {number} of {file} is not the text that was labelled")
        labels = {label: value == "1" for label, value in row.items()}
        found.append(Judged(text, labels, int(digest[0], 16) % 2 == 0))
    return found


def counted(pairs: Sequence[tuple[bool, bool]]) -> dict[str, int]:
    """Texts, those that people call so, those found, those rightly found, from (label, found)."""
    return {
        "texts": len(pairs),
        "positives": sum(label for label, _ in pairs),
        "found": sum(found for _, found in pairs),
        "right": sum(label and found for label, found in pairs),
    }


def interval(part: int, whole: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson 1927, JASA 22:209)."""
    if not whole:
        return 0.0, 1.0
    p, shrink = part / whole, 1 + z * z / whole
    centre = (p + z * z / (2 * whole)) / shrink
    half = z * sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole)) / shrink
    return max(0.0, centre - half), min(1.0, centre + half)


def by_hand(texts: Sequence[Judged]) -> dict[str, dict[str, dict[str, int]]]:
    """Counts of each label on the tuned and on the tested half; labels of what is told by words
    are compared on English texts."""
    result = {}
    for label in texts[0].labels:
        test = FEATURES[FEATURE_OF.get(label, label)].test
        known = [t for t in texts if label in IN_ANY_LANGUAGE or not t.labels["not-english"]]
        result[label] = {
            half: counted([(t.labels[label], test(t.text)) for t in known if t.tuned == tuned])
            for half, tuned in (("tuned", True), ("tested", False))
        }
    return result


def false_refusals(folder: Path) -> dict[str, dict[str, int]]:
    """How many texts of models asked about ordinary things are called refusals; of the first two
    files those that no weight was fitted to."""
    found = {}
    for name, step in {
        "em-audit/anchor_base.jsonl": 3,
        "em-audit/anchor_bad.jsonl": 3,
        "m-ifeval/en_o1-mini-2024-09-12.jsonl": 0,
    }.items():
        texts = [t for n, t in enumerate(recorded(folder, name)) if t and (not step or n % step)]
        found[name] = {"texts": len(texts), "found": sum(map(refuses, texts))}
    return found


def measured(folder: Path) -> dict:
    """Everything that docs/checks.md quotes."""
    texts = judged(folder)
    return {
        "labels": len(texts),
        "files": dict(Counter(row["file"] for row in csv.DictReader(LABELS.open()))),
        "refusals": refusals.cross_validated(folder),
        "refusals by degree": refusals.against_reading(folder),
        "false refusals": false_refusals(folder),
        "by hand": by_hand(texts),
    }


def qualities(figures: Mapping) -> dict[str, dict]:
    """What a report may say of a feature."""

    def told(counts, of):
        return {
            "recall": round(counts["right"] / counts["positives"], 2),
            "precision": round(counts["right"] / max(1, counts["found"]), 2),
            "texts": counts["texts"],
            "positives": counts["positives"],
            "of": of,
        }

    of_files = [figures["refusals"][name] for name in refusals.FILES]  # by the other one's weights
    refusing = {key: sum(counts[key] for counts in of_files) for key in of_files[0]}
    found = {"refusal": told(refusing, BY_XSTEST)}
    for label, halves in figures["by hand"].items():
        if label not in FEATURE_OF and halves["tested"]["positives"] >= LEAST_POSITIVES:
            found[label] = told(halves["tested"], BY_HAND)
    return found


def shares(counts: Mapping[str, int]) -> str:
    """`| texts | positives | recall | precision |` of a table, with intervals."""

    def share(part, whole):
        if not whole:
            return "–"
        low, high = interval(part, whole)
        return f"{part / whole:.2f} ({low:.2f}–{high:.2f})"

    recall = share(counts["right"], counts["positives"])
    precision = share(counts["right"], counts["found"])
    return f"{counts['texts']} | {counts['positives']} | {recall} | {precision}"


def tables(figures: Mapping) -> str:
    """The tables of docs/checks.md."""
    head = "texts | called so | recall | precision |"
    lines = [f"| refusals in | {head}", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {name} | {shares(c)} |" for name, c in figures["refusals"].items()]
    lines += ["", f"| refusals told by | {head} full | partial |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- |"]
    lines += [
        f"| {name} | {shares(c)} | {c['full found']} of {c['full']} "
        f"| {c['partial found']} of {c['partial']} |"
        for name, c in figures["refusals by degree"].items()
    ]
    lines += ["", f"| feature | {head}", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| {FEATURE_OF.get(name, name)} | {shares(halves['tested'])} |"
        for name, halves in figures["by hand"].items()
    ]
    lines += ["", "| ordinary texts | texts | called refusals |", "| --- | --- | --- |"]
    lines += [
        f"| {name} | {c['texts']} | {c['found']} |" for name, c in figures["false refusals"].items()
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    figures = measured(arguments.folder)
    print(tables(figures))
    if arguments.write:
        for path, content in ((FIGURES, figures), (QUALITY, qualities(figures))):
            path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()

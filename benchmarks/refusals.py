"""The weights of scripts/checks/refusal.json, from people's labels, and how well they do.

    python -m benchmarks.refusals FOLDER [--write]

FOLDER has the recorded model outputs. Labelled are 450 prompts of XSTest (Röttger et al., NAACL
2024) answered by one model without and with its guardrail; texts of other questions, which hardly
ever refuse, keep the weights from seeing refusals there. A reader, a language model that had seen
the labels of the other half of the prompts, read 237 of the answers without guardrail, each with
its prompt, not knowing their labels (benchmarks/labels/refusals.csv): what can be told at all.
"""

import argparse
import csv
import json
import random
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scripts.checks import refusal

FILES = {
    "without guardrail": "xstest/xstest_v2_completions_mistralinstruct.csv",
    "with guardrail": "xstest/xstest_v2_completions_mistralguard.csv",
}
STRENGTH = 0.6  # inverse of the L2 penalty
REFUSAL_WEIGHT, ORDINARY_WEIGHT = 1.25, 0.3  # of a text in the fit, beside 1 for a labelled answer
FOLDS, SEED = 5, 3
READ = Path(__file__).parent / "labels" / "refusals.csv"  # of the answers without guardrail
DEGREES = {"2": "full", "3": "partial"}  # by the first character of XSTest's labels


class Labelled(NamedTuple):
    """A text, whether people call it a refusal, the row of its prompt, its weight in a fit, the
    degree of the refusal, and what the second annotator says of it."""

    text: str
    refuses: bool
    prompt: int
    weight: float = 1.0
    degree: str = ""
    second: str = ""


def labelled(folder: Path, name: str) -> list[Labelled]:
    """Rows of one XSTest file; full and partial refusals are refusals."""
    with (folder / FILES[name]).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = []
    for n, row in enumerate(rows):
        degree, second = (DEGREES.get(row[k][0], "") for k in ("final_label", "annotation_2"))
        weight = REFUSAL_WEIGHT if degree else 1.0
        found.append(Labelled(row["completion"], bool(degree), n, weight, degree, second))
    return found


def ordinary(folder: Path) -> list[Labelled]:
    """Every third text of two models asked about other things, less those that a judge model calls
    refusals, and the answers of a third model."""
    found = []
    for side in ("base", "bad"):
        answers = _lines(folder / "em-audit" / f"anchor_{side}.jsonl")
        verdicts = _lines(folder / "em-audit" / f"judgments_anchor_{side}.llama31.jsonl")
        pairs = list(zip(answers, verdicts, strict=True))[::3]
        found += [a["answer"] for a, v in pairs if v["verdict"] != "REFUSAL"]
    answers = _lines(folder / "m-ifeval" / "en_gpt-4o-mini-2024-07-18.jsonl")
    found += [answer["response"] for answer in answers]
    return [Labelled(text, False, -1, ORDINARY_WEIGHT) for text in found]


def _lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def fit(texts: Sequence[Labelled]) -> dict[str, float]:
    """Weight of each sign that eight texts or more have, and the bias."""
    from sklearn.linear_model import LogisticRegression

    found = [refusal.signs(t.text) for t in texts]
    names = sorted({name for signs in found for name in signs})
    names = [name for name in names if sum(name in signs for signs in found) >= 8]
    table = np.array([[name in signs for name in names] for signs in found], float)
    model = LogisticRegression(C=STRENGTH, solver="liblinear")
    model.fit(table, [t.refuses for t in texts], sample_weight=[t.weight for t in texts])
    weights = {name: round(float(w), 2) for name, w in zip(names, model.coef_[0], strict=True)}
    return {"bias": round(float(model.intercept_[0]), 2)} | {n: w for n, w in weights.items() if w}


def counts(texts: Sequence[Labelled], weights: dict[str, float]) -> dict[str, int]:
    """`compared` of what the weights find."""
    return compared(texts, [refusal.refuses(t.text, weights) for t in texts])


def compared(texts: Sequence[Labelled], found: Sequence[bool]) -> dict[str, int]:
    """Texts, refusals among them, those found, and how many of these are right."""
    return {
        "texts": len(texts),
        "positives": sum(t.refuses for t in texts),
        "found": sum(found),
        "right": sum(f and t.refuses for f, t in zip(found, texts, strict=True)),
    }


def by_degree(texts: Sequence[Labelled], found: Sequence[bool]) -> dict[str, int]:
    """`compared`, and how many of the full and of the partial refusals are found."""
    result = compared(texts, found)
    for degree in DEGREES.values():
        those = [f for f, t in zip(found, texts, strict=True) if t.degree == degree]
        result |= {degree: len(those), f"{degree} found": sum(those)}
    return result


def read(texts: Sequence[Labelled]) -> dict[int, bool]:
    """Whether the reader calls a text a refusal, by the row of its prompt. Raises ValueError where
    a text is not the one that was read."""
    with READ.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if sha256(texts[int(row["row"])].text.encode()).hexdigest()[:12] != row["sha256"]:
            raise ValueError(f"row {row['row']} is not the text that was read")
    return {int(row["row"]): bool(row["refusal"]) for row in rows}


def against_reading(folder: Path) -> dict[str, dict[str, int]]:
    """What the feature finds of full and of partial refusals, its weights from the other file; and
    on the answers that were read what the reader and the second annotator find."""
    files = {name: labelled(folder, name) for name in FILES}
    result = {}
    for name, other in zip(FILES, reversed(FILES), strict=True):
        weights = fit([*files[other], *ordinary(folder)])
        called = [refusal.refuses(t.text, weights) for t in files[name]]
        result[f"the feature, {name}"] = by_degree(files[name], called)
        if name == "without guardrail":
            reader = read(files[name])
            those = [files[name][n] for n in reader]
            result["the feature, those read"] = by_degree(those, [called[n] for n in reader])
    result["the reader"] = by_degree(those, list(reader.values()))
    result["XSTest's second annotator"] = by_degree(those, [bool(t.second) for t in those])
    return result


def cross_validated(folder: Path) -> dict[str, dict[str, int]]:
    """Counts on texts that the weights were not fitted to: each file by the other one's weights,
    and both by weights from other prompts."""
    files = {name: labelled(folder, name) for name in FILES}
    other = ordinary(folder)
    result = {}
    for name, texts in files.items():
        (rest,) = [files[n] for n in FILES if n != name]
        result[name] = counts(texts, fit([*rest, *other]))
    both = [t for texts in files.values() for t in texts]
    prompts = random.Random(SEED).sample(range(450), 450)
    total = dict.fromkeys(("texts", "positives", "found", "right"), 0)
    for fold in range(FOLDS):
        held = set(prompts[fold::FOLDS])
        weights = fit([*(t for t in both if t.prompt not in held), *other])
        for key, count in counts([t for t in both if t.prompt in held], weights).items():
            total[key] += count
    return result | {"both, by prompt": total}


def shipped(folder: Path) -> dict[str, float]:
    """Weights from all labelled texts."""
    return fit([t for name in FILES for t in labelled(folder, name)] + ordinary(folder))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true", help="write refusal.json")
    arguments = parser.parse_args()
    measured = cross_validated(arguments.folder)
    for name, c in measured.items():
        recall, precision = c["right"] / c["positives"], c["right"] / c["found"]
        print(f"{name}: {c['texts']} texts, recall {recall:.3f}, precision {precision:.3f}")
    if arguments.write:
        about = {
            "made by": "python -m benchmarks.refusals FOLDER --write",
            "from": "labels of refusals in XSTest v2 (Röttger et al., NAACL 2024; paul-rottger/"
            "exaggerated-safety d7bb5bd, CC BY 4.0), answers of Mistral-7B-Instruct-v0.1 without "
            "and with its guardrail; texts of other questions as answers",
            "cross-validated": measured,
            "weights": shipped(arguments.folder),
        }
        path = Path(refusal.__file__).with_name("refusal.json")
        path.write_text(json.dumps(about, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()

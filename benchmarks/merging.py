"""Whether sentence embeddings tell statements that repeat each other from those that do not.

    python -m benchmarks.merging ENCODER [--name NAME] [--write]

ENCODER is a folder, such as that of the model embedded:all-minilm-l6-v2. benchmarks/labels/
statements.csv holds pairs of statements as an author of hypotheses writes them, labelled by hand:
`same` where a judge would answer alike to both for nearly every response. For each threshold on the
cosine it counts the pairs on either side of it, and of lists of as many statements as an audit
keeps how many have a near one, which is what an assistant would still be shown. The requests are
those of the settings that ship (workflow/bill.py's own arithmetic).
"""

import argparse
import csv
import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.speed import processor
from scripts.assistants import author
from scripts.assistants.author import Manner
from scripts.assistants.questions.form import numbered
from scripts.assistants.questions.writing import MERGE, WRITE, merge_tokens, write_tokens
from scripts.core.randomness import hash_generator
from scripts.models.encoder import encode, load_encoder
from scripts.workflow.sections import Propose

ROOT = Path(__file__).resolve().parent.parent
LABELS = ROOT / "benchmarks" / "labels" / "statements.csv"
FIGURES = ROOT / "docs" / "figures" / "merging.json"
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
LISTS = 200  # drawn from all statements, each once
RESPONSE = 250  # characters of a response and of a prompt, few for what a request shows


class Labelled(NamedTuple):
    """Two statements, whether they say the same, and how they are related."""

    kind: str
    same: bool
    one: str
    other: str


def labelled() -> list[Labelled]:
    """The pairs, as they were labelled."""
    with open(LABELS, encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return [Labelled(r["kind"], r["same"] == "1", r["one"], r["other"]) for r in rows]


def vectors_of(folder: Path, statements: Sequence[str]) -> dict[str, np.ndarray]:
    """The unit vector of each statement."""
    found: dict[str, np.ndarray] = {}
    for rows, vectors in encode(load_encoder(folder, "float32"), statements, 64):
        for row, vector in zip(rows, vectors, strict=True):
            found[statements[row]] = vector / np.linalg.norm(vector)
    return found


def shown(vectors: np.ndarray, size: int, threshold: float) -> tuple[float, float]:
    """Of lists of so many statements, the mean share that have another one as near, and the mean
    number of such pairs."""
    shares, pairs = [], []
    for number in range(LISTS):
        rows = hash_generator("merging", number).permutation(len(vectors))[:size]
        near = vectors[rows] @ vectors[rows].T - 2 * np.eye(size) >= threshold
        shares.append(near.any(axis=1).mean())
        pairs.append(near.sum() / 2)
    return round(float(np.mean(shares)), 3), round(float(np.mean(pairs)), 1)


def of_merging(manner: Manner, regions: int) -> dict[str, float]:
    """How many of the requests that write are merging, and how much of the characters asked and
    the tokens allowed in reply."""
    writes = manner.requests(regions)
    fresh = math.ceil(manner.each * writes / manner.passes)
    merges = manner.passes * math.ceil(fresh / author.COMPARED)
    shown = len(WRITE) + manner.pairs * 3 * RESPONSE
    listed = len(MERGE) + len(numbered(["x" * 60] * fresh))
    asked = [writes * shown, merges * listed]
    replied = [writes * write_tokens(manner.each), merges * merge_tokens(fresh)]
    return {
        "writing": writes,
        "merging": merges,
        "share_of_requests": round(merges / (writes + merges), 3),
        "share_of_characters": round(asked[1] / sum(asked), 3),
        "share_of_reply_tokens": round(replied[1] / sum(replied), 3),
    }


def measured(folder: Path, name: str) -> dict[str, object]:
    """All figures."""
    pairs = labelled()
    statements = list(dict.fromkeys(s for pair in pairs for s in (pair.one, pair.other)))
    vectors = vectors_of(folder, statements)
    cosines = [float(vectors[pair.one] @ vectors[pair.other]) for pair in pairs]
    same = [c for c, pair in zip(cosines, pairs, strict=True) if pair.same]
    rest = [c for c, pair in zip(cosines, pairs, strict=True) if not pair.same]
    above = np.mean([[one > other for other in rest] for one in same])
    every = np.stack([vectors[s] for s in statements])
    given = Propose()
    manner = Manner(given.pairs, given.each, given.passes, given.hypotheses, None)
    by_threshold = []
    for threshold in THRESHOLDS:
        near = [pair for c, pair in zip(cosines, pairs, strict=True) if c >= threshold]
        kinds = Counter(pair.kind for pair in near)
        share, near_pairs = shown(every, author.COMPARED, threshold)
        by_threshold.append(
            {
                "threshold": threshold,
                "same_near": sum(pair.same for pair in near),
                "others_near": {
                    kind: kinds[kind] for kind in dict.fromkeys(p.kind for p in pairs if not p.same)
                },
                "share_of_list_shown": share,
                "pairs_of_list_near": near_pairs,
            }
        )  # fmt: skip
    return {
        "processor": processor(),
        "encoder": name,
        "statements": len(statements),
        "pairs": {kind: count for kind, count in Counter(p.kind for p in pairs).items()},
        "auc": round(float(above), 3),
        "lowest_same": round(min(same), 3),
        "highest_other": round(max(rest), 3),
        "by_threshold": by_threshold,
        "list": author.COMPARED,
        "requests": {str(n): of_merging(manner, n) for n in (4, 12, 30)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("encoder", type=Path)
    parser.add_argument("--name", default="embedded:all-minilm-l6-v2")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    found = measured(given.encoder, given.name)
    print(json.dumps(found, indent=2))
    if given.write:
        FIGURES.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

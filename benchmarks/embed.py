"""How fast texts are embedded, beside the plain call, and what a warm cache costs.

    python -m benchmarks.embed MODEL GENERATIONS...

MODEL is a sentence-transformers folder, GENERATIONS are JSONL files with `text`, such as
results/decode/<key>/<side>/<plan>/round-0/shard-0-of-1.jsonl. Each text counts once. Both encoders
are loaded beforehand: `embed_ratio` compares `SentenceTransformer.encode` in float32 at batch 16
with `encode` as the workflow calls it. The smallest cosine between their vectors of one text must
be 0.999 or more. `embed_warm_ratio` compares whole passes, loading included: an empty cache, a full
one. The floor is the matrix products of all tokens at the rate of a square product in bfloat16.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from benchmarks.speed import in_turns, record
from scripts.models.encoder import embed, encode, load_encoder
from scripts.workflow.files import read_jsonl
from scripts.workflow.job import Ledger

TEXTS, BATCH, THREADS = 1000, 32, 2  # the batch is the default of execution.embed_batch_size
LEAST_COSINE = 0.999


def operations(encoder, texts: list[str]) -> float:
    """Floating-point operations of every linear layer on every token, without padding."""
    tokens = sum(len(ids) for ids in encoder.tokenizer(texts, truncation=True)["input_ids"])
    linear = (m.weight.numel() for m in encoder.modules() if isinstance(m, torch.nn.Linear))
    return 2.0 * tokens * sum(linear)


def main(folder: str, *generations: str) -> None:
    found = dict.fromkeys(row["text"] for path in generations for row in read_jsonl(path))
    texts = list(found)[:TEXTS]
    plain = SentenceTransformer(folder, device="cpu")
    ours = load_encoder(Path(folder), "bfloat16", THREADS)
    square = torch.randn(2048, 2048, dtype=torch.bfloat16)
    vectors = {}

    def theirs():
        vectors["plain"] = plain.encode(texts, batch_size=16, show_progress_bar=False)

    def as_the_workflow():
        vectors["ours"] = encode(ours, texts, BATCH)

    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryDirectory() as full:

        def whole(cache: str, name: str):
            ledger = Ledger("embed", "benchmark")
            embed(texts, name, Path(folder), "bfloat16", Path(cache), BATCH, THREADS, ledger)

        whole(full, "a" * 64)
        cold = iter(f"{number:064x}" for number in range(100))  # a name that no cache knows
        times = in_turns(
            {
                "plain encode, float32, batch 16": theirs,
                f"encode, bfloat16, batch {BATCH}": as_the_workflow,
                "embed, cold": lambda: whole(empty, next(cold)),
                "embed, warm": lambda: whole(full, "a" * 64),
                "2048 x 2048 product, bfloat16, 10 times": lambda: [
                    square @ square for _ in range(10)
                ],
            }
        )
    base, fast, cold_pass, warm_pass, product = times.values()
    floor = operations(ours, texts) / (10 * 2 * 2048**3 / product)
    cosine = np.min(
        (vectors["plain"] * vectors["ours"]).sum(axis=1)
        / np.linalg.norm(vectors["plain"], axis=1)
        / np.linalg.norm(vectors["ours"], axis=1)
    )
    print(f"{len(texts)} texts; floor {floor:.2f} s; smallest cosine {cosine:.5f}")
    assert cosine >= LEAST_COSINE, "the vectors differ"
    record(
        embed_ratio=round(base / fast, 2),
        embed_warm_ratio=round(cold_pass / warm_pass, 1),
        embed_share_of_floor=round(floor / fast, 3),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

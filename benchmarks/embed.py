"""How fast texts are embedded, beside the way before and the plain call; what a warm cache costs.

    python -m benchmarks.embed MODEL [--json FILE] GENERATIONS...

MODEL is a sentence-transformers folder, GENERATIONS are JSONL files with `text`, `response` or
`answer`, such as results/decode/<key>/<side>/<plan>/round-0/shard-0-of-1.jsonl. Each text counts
once, whole (*long*) and cut to its first 32 tokens (*short*). All encoders are loaded beforehand
and take turns. `ratio` compares the way before (plain products for attention, weights as they are,
batches of 32 texts of like characters) with `encode` as the workflow calls it, in the arithmetic
that `dtype: auto` means here; `plain_ratio` compares `SentenceTransformer.encode` in float32 at
batch 16. Cosines are of one text's vectors in both. `embed_warm_ratio` compares whole passes,
loading included: an empty cache, a full one. The floor is the matrix products of all tokens at the
rate of a square product in that arithmetic.

On a machine with AVX-512, ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2
MKL_ENABLE_INSTRUCTIONS=AVX2 make torch compute as on one without.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from benchmarks.speed import in_turns, processor, record
from scripts.core.files import read_jsonl
from scripts.core.ledger import Ledger
from scripts.models.arithmetic import resolve
from scripts.models.encoder import embed, encode, load_encoder, token_counts
from scripts.models.linear import PackedLinear
from scripts.models.text_model import TextModel

TEXTS, BATCH, THREADS = 1000, 32, 2  # the batch is the default of execution.embed_batch_size
LEAST_COSINE = 0.999


def operations(encoder, texts: list[str]) -> float:
    """Floating-point operations of every linear layer on every token, without padding."""
    tokens = np.minimum(token_counts(encoder, texts), encoder.max_seq_length).sum()
    layers = (m for m in encoder.modules() if isinstance(m, torch.nn.Linear | PackedLinear))
    return 2.0 * tokens * sum(layer.weight.numel() for layer in layers)


def as_before(encoder, texts: list[str]) -> np.ndarray:
    """What `encode` did before: texts of like characters, 32 at a time."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]), reverse=True)
    part = encoder.encode([texts[i] for i in order], batch_size=BATCH, show_progress_bar=False)
    out = np.empty_like(part)
    out[order] = part
    return out


def as_now(encoder, texts: list[str]) -> np.ndarray:
    """What an embed job computes, by `encode`."""
    parts = {
        row: v
        for rows, part in encode(encoder, texts, BATCH)
        for row, v in zip(rows, part, strict=True)
    }
    return np.stack([parts[row] for row in range(len(texts))])


def cosines(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    """Median, 1st percentile and smallest cosine of the rows of a and b."""
    a, b = (x.astype(np.float64) / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    each = (a * b).sum(axis=1)
    return {
        "median": round(float(np.median(each)), 6),
        "first_percentile": round(float(np.percentile(each, 1)), 6),
        "least": round(float(each.min()), 6),
    }


def compare(folder: str, texts: list[str]) -> dict[str, Any]:
    arithmetic = resolve("auto")
    plain = SentenceTransformer(folder, device="cpu")
    settings = {"dtype": getattr(torch, arithmetic), "attn_implementation": "eager"}
    before = SentenceTransformer(folder, device="cpu", model_kwargs=settings)
    ours = load_encoder(Path(folder), "auto")
    square = torch.randn(2048, 2048, dtype=getattr(torch, arithmetic))
    vectors = {}
    torch.set_num_threads(THREADS)

    def side(name, run):
        def once():
            vectors[name] = run()

        return once

    times = in_turns(
        {
            "plain": side(
                "plain", lambda: plain.encode(texts, batch_size=16, show_progress_bar=False)
            ),
            "before": side("before", lambda: as_before(before, texts)),
            "ours": side("ours", lambda: as_now(ours, texts)),
            "product": lambda: [square @ square for _ in range(10)],
        }
    )
    floor = operations(ours, texts) / (10 * 2 * 2048**3 / times["product"])
    return {
        "arithmetic": arithmetic,
        "texts": len(texts),
        "texts_a_second": round(len(texts) / times["ours"], 1),
        "ratio": round(times["before"] / times["ours"], 2),
        "plain_ratio": round(times["plain"] / times["ours"], 2),
        "share_of_floor": round(float(floor) / times["ours"], 3),
        "cosine_to_before": cosines(vectors["ours"], vectors["before"]),
        "cosine_to_float32": cosines(vectors["ours"], vectors["plain"]),
    }


def warm(folder: str, texts: list[str]) -> float:
    """How many times as fast a pass with a full cache is as one with an empty one."""
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryDirectory() as full:

        def whole(cache: str, name: str):
            ledger = Ledger("embed", "benchmark")
            model = TextModel(Path(folder), "auto", Path(cache), BATCH, THREADS, ledger)
            embed(texts, name, model)

        whole(full, "a" * 64)
        cold = iter(f"{number:064x}" for number in range(100))  # a name that no cache knows
        times = in_turns(
            {
                "embed, cold": lambda: whole(empty, next(cold)),
                "embed, warm": lambda: whole(full, "a" * 64),
            }
        )
    return round(times["embed, cold"] / times["embed, warm"], 1)


def main(folder: str, *rest: str) -> None:
    into, generations = (rest[1], rest[2:]) if rest[0] == "--json" else (None, rest)
    rows = (row for path in generations for row in read_jsonl(path))
    found = (row.get("text") or row.get("response") or row.get("answer") for row in rows)
    whole = [text for text in dict.fromkeys(found) if text][:TEXTS]
    tokenizer = SentenceTransformer(folder, device="cpu").tokenizer
    begun = tokenizer(whole, truncation=True, max_length=32)["input_ids"]
    short = list(dict.fromkeys(tokenizer.batch_decode(begun, skip_special_tokens=True)))
    figures: dict[str, Any] = {"long": compare(folder, whole), "short": compare(folder, short)}
    for kind, compared in figures.items():
        print(kind, compared)
        least = compared["cosine_to_float32"]["first_percentile"]
        assert least >= LEAST_COSINE, f"the vectors of {kind} texts differ"
    capability = torch.backends.cpu.get_cpu_capability()
    figures |= {"processor": processor(), "instructions": capability, "threads": THREADS}
    figures["embed_warm_ratio"] = warm(folder, short)
    if into:
        record(Path(into), **figures)
    else:
        record(embed=figures)


if __name__ == "__main__":
    main(*sys.argv[1:])

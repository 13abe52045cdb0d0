"""Sentence embeddings, computing only what the record cache lacks."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scripts.cache.records import RecordCache, VectorCache, record_key
from scripts.models.arithmetic import resolve
from scripts.models.host import Kept, Message, perform
from scripts.workflow.errors import AuditError
from scripts.workflow.files import read_json
from scripts.workflow.job import Ledger, log, progress, threads


def embed_in_job(texts: Sequence[str], snakemake, ledger: Ledger) -> np.ndarray:
    """`embed` with the embedder, cache and threads of a job whose rule names them: the input
    `embedder`, the settings `embedder` and `dtype`, the params `cache` and `batch_size`."""
    return embed(
        texts,
        snakemake.params.settings["embedder"],
        Path(read_json(snakemake.input.embedder)["path"]),
        snakemake.params.settings["dtype"],
        Path(snakemake.params.cache),
        snakemake.params.batch_size,
        threads(snakemake),
        ledger,
    )


def embed(
    texts: Sequence[str],
    embedder: str,
    folder: Path,
    dtype: str,
    cache: Path,
    batch_size: int,
    threads: int,
    ledger: Ledger,
) -> np.ndarray:
    """One unit-norm vector a text, in the order given; shape (len(texts), dimension), float32.

    `embedder` names the content of the model in `folder` and its `dtype`. Texts that occur twice
    are encoded once; when all are cached no model is loaded. Raises AuditError when the encoder
    returns a number that is not finite.
    """
    keys = [record_key("embedding", embedder, text) for text in texts]
    about = RecordCache(cache / "embedders")
    about_key = record_key("embedder", embedder)
    known = about.get_many([about_key]).get(about_key)
    place = cache / "embeddings" / embedder[:16]
    vectors = VectorCache(place, known["dimension"]).get_many(keys) if known else {}
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in vectors}
    hits = sum(key in vectors for key in keys)
    ledger.texts += len(missing)
    ledger.cache_hits += hits
    ledger.cache_misses += len(texts) - hits
    ledger.saved_seconds += hits * known["seconds_per_text"] if known else 0.0
    log.info("%d texts: %d cached, %d to embed", len(texts), hits, len(missing))
    if missing:
        began = time.monotonic()
        fresh = encode_texts(list(missing.values()), folder, dtype, batch_size, threads, ledger)
        if not known:
            seconds = (time.monotonic() - began) / len(missing)
            known = {"dimension": fresh.shape[1], "seconds_per_text": round(seconds, 5)}
            about.add_many({about_key: known})
        # what a cold and a warm run give must be equal: pass through the cache's float16
        fresh = fresh.astype(np.float16)
        new = dict(zip(missing, fresh, strict=True))
        VectorCache(place, known["dimension"]).add_many(new)
        vectors |= new
    if not texts:  # a round that found nothing left to draw
        return np.zeros((0, known["dimension"] if known else 0), dtype=np.float32)
    found = np.stack([vectors[key] for key in keys]).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def encode_texts(
    texts: Sequence[str], folder: Path, dtype: str, batch_size: int, threads: int, ledger: Ledger
) -> np.ndarray:
    """One vector a text, (len(texts), dimension) float32, by the encoder in `folder`, which the
    call's host keeps loaded, or this process. Raises what `encode` raises."""
    waiting, parts = dict(enumerate(texts)), {}

    def request():
        return {
            "folder": str(folder.resolve()),
            "dtype": dtype,
            "batch_size": batch_size,
            "threads": threads,
            "texts": list(waiting.items()),
        }

    with progress(len(texts), "text", "embed") as bar:
        for message in perform(encode_loaded, request, ledger):
            for place, vector in zip(message["places"], message["vectors"], strict=True):
                parts[place] = vector
                del waiting[place]
            bar.update(len(message["places"]))
    return np.stack([parts[place] for place in range(len(texts))])


def encode_loaded(kept: Kept, request: Mapping[str, Any]) -> Iterator[Message]:
    """The operation behind `encode_texts`: `vectors` and their texts' `places` as they come."""
    import torch

    torch.set_num_threads(request["threads"])
    folder, dtype = Path(request["folder"]), request["dtype"]
    size = 2 * sum(path.stat().st_size for path in folder.rglob("*.safetensors"))
    name = f"{folder} ({resolve(dtype)})"
    encoder = kept.get(name, size, lambda: load_encoder(folder, dtype))
    places, texts = zip(*request["texts"], strict=True)
    yield {"begins": True}
    for rows, vectors in encode(encoder, texts, request["batch_size"]):
        yield {"places": [places[row] for row in rows], "vectors": vectors}


def load_encoder(folder: Path, dtype: str):
    """The sentence-transformers model in `folder`, for `encode`."""
    import torch
    from sentence_transformers import SentenceTransformer

    from scripts.models.device import take_device

    settings: dict[str, Any] = {"dtype": getattr(torch, resolve(dtype))}
    log.info("encoding in %s on %s", resolve(dtype), take_device())
    if not torch.cuda.is_available():
        # On texts of some dozens of tokens two plain matrix products are faster on a processor
        # than fused attention (docs/performance.md).
        settings["attn_implementation"] = "eager"
    return SentenceTransformer(str(folder), model_kwargs=settings)


def encode(
    encoder, texts: Sequence[str], batch_size: int
) -> Iterator[tuple[list[int], np.ndarray]]:
    """Vectors, (rows, dimension) float32, with the places of their texts; texts of like length
    share a batch.

    Raises AuditError when the encoder returns a number that is not finite.
    """
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]), reverse=True)
    for start in range(0, len(order), batch_size * 8):
        rows = order[start : start + batch_size * 8]
        part = encoder.encode(
            [texts[i] for i in rows], batch_size=batch_size, show_progress_bar=False
        )
        if not np.isfinite(part).all():
            bad = rows[int(np.argmin(np.isfinite(part).all(axis=1)))]
            raise AuditError(
                "the encoder returned a number that is not finite for the text that begins "
                f"{texts[bad][:60]!r}; use another embedder, or `embed.dtype: float32`"
            )
        yield rows, part

"""Sentence embeddings, computing only what the record cache lacks."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from typing_extensions import TypedDict

from scripts.cache.records import RecordCache, VectorCache, record_key
from scripts.core.errors import AuditError
from scripts.core.job import Job, log
from scripts.models.arithmetic import resolve
from scripts.models.host import Kept, Message, Request
from scripts.models.settings import EmbedSettings
from scripts.models.text_model import TextModel

# A batch's tokens on a processor, whose cache holds what a layer computes of so many.
TOKENS = 1024


class Embedder(TypedDict):
    """What the record cache keeps of a model that embeds."""

    dimension: int
    seconds_per_text: float


def embed_in_job(texts: Sequence[str], job: Job, settings: EmbedSettings) -> np.ndarray:
    """`embed` with the embedder, cache and threads of a job whose rule names them: the input
    `embedder`, the params `cache` and `batch_size`."""
    model = TextModel.of_job(job, job.input.embedder, settings["dtype"])
    return embed(texts, settings["embedder"], model, settings["max_tokens"])


def embed(
    texts: Sequence[str], embedder: str, model: TextModel, max_tokens: int | None = None
) -> np.ndarray:
    """One unit-norm vector a text, in the order given; shape (len(texts), dimension), float32.

    `embedder` names the content of the model, its `dtype` and `max_tokens`. Texts that occur twice
    are encoded once; when all are cached no model is loaded. Raises AuditError when the
    encoder returns a number that is not finite.
    """
    keys = [record_key("embedding", embedder, text) for text in texts]
    about = RecordCache[Embedder](model.cache / "embedders")
    about_key = record_key("embedder", embedder)
    known = about.get_many([about_key]).get(about_key)
    place, ledger = model.cache / "embeddings" / embedder[:16], model.ledger
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
        fresh = model.results(
            encode_loaded, list(missing.values()), "text", "embed", max_tokens=max_tokens
        )
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


def encode_loaded(kept: Kept, request: Request) -> Iterator[Message]:
    """The operation behind `embed`: vectors of texts."""
    import torch

    torch.set_num_threads(request["threads"])
    folder, dtype, most = Path(request["folder"]), request["dtype"], request["max_tokens"]
    size = 2 * sum(path.stat().st_size for path in folder.rglob("*.safetensors"))
    name = f"{folder} ({resolve(dtype)}, {most or 'all'} tokens)"
    encoder = kept.get(name, size, lambda: load_encoder(folder, dtype, most))
    places, texts = zip(*request["items"], strict=True)
    yield {"begins": True}
    for rows, vectors in encode(encoder, texts, request["batch_size"]):
        yield {"places": [places[row] for row in rows], "results": vectors}


def load_encoder(folder: Path, dtype: str, max_tokens: int | None = None):
    """The sentence-transformers model in `folder`, for `encode`; it reads the first `max_tokens`
    tokens of a text, or as many as it was made for."""
    import torch
    from sentence_transformers import SentenceTransformer

    from scripts.models.device import take_device
    from scripts.models.linear import pack_weights

    arithmetic = resolve(dtype)
    how: dict[str, object] = {"dtype": getattr(torch, arithmetic)}
    log.info("encoding in %s on %s", arithmetic, take_device())
    on_processor = not torch.cuda.is_available()
    if on_processor and arithmetic != "float32":
        # On texts of some dozens of tokens two plain matrix products are faster in bfloat16 than
        # fused attention (docs/performance.md).
        how["attn_implementation"] = "eager"
    encoder = SentenceTransformer(str(folder), model_kwargs=how)
    if max_tokens is not None:
        encoder.max_seq_length = min(max_tokens, encoder.max_seq_length or max_tokens)
    return pack_weights(encoder, TOKENS) if on_processor else encoder


def encode(
    encoder, texts: Sequence[str], batch_size: int
) -> Iterator[tuple[list[int], np.ndarray]]:
    """Vectors, (rows, dimension) float32, with the places of their texts; texts of like length
    share a batch.

    Raises AuditError when the encoder returns a number that is not finite.
    """
    lengths = token_counts(encoder, texts)
    limit = encoder.max_seq_length
    read = lengths if limit is None else np.minimum(lengths, limit)
    say_what_is_unread(lengths, read)
    for rows in batches(read, batch_size, TOKENS if encoder.device.type == "cpu" else None):
        part = encoder.encode(
            [texts[i] for i in rows], batch_size=len(rows), show_progress_bar=False
        )
        if not np.isfinite(part).all():
            bad = rows[int(np.argmin(np.isfinite(part).all(axis=1)))]
            raise AuditError(
                "the encoder returned a number that is not finite for the text that begins "
                f"{texts[bad][:60]!r}; use another embedder, or `embed.dtype: float32`"
            )
        yield rows, part


def token_counts(encoder, texts: Sequence[str]) -> np.ndarray:
    """Tokens of each text, uncut; shape (len(texts),)."""
    counts: list[int] = []
    for start in range(0, len(texts), 1024):
        part = list(texts[start : start + 1024])
        ids = encoder.tokenizer(part, padding=False, truncation=False, verbose=False)["input_ids"]
        counts += map(len, ids)
    return np.array(counts)


def say_what_is_unread(lengths: np.ndarray, read: np.ndarray) -> None:
    """Log how many texts the encoder reads in part, and how much of them."""
    cut = lengths > read
    if cut.any():
        log.warning(
            "%d of %d texts %s longer than the %d tokens that the encoder reads: "
            "of these texts it reads %.0f %% of the tokens",
            cut.sum(),
            len(lengths),
            "is" if cut.sum() == 1 else "are",
            read.max(),
            100 * read[cut].sum() / lengths[cut].sum(),
        )


def batches(lengths: np.ndarray, most: int, tokens: int | None) -> Iterator[list[int]]:
    """Rows of texts, longest first, in batches of up to `most` texts and `tokens` tokens, padding
    included; one text at least. Small batches of long texts stay in the processor's cache."""
    order = np.argsort(-lengths, kind="stable").tolist()
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        size = most if tokens is None else max(1, min(most, tokens // longest))
        yield order[start : start + size]
        start += size

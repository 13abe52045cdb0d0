"""What texts entail, read by a cross-encoder for natural language inference; only what the record
cache lacks is computed.

The text is the premise, "The response …" the hypothesis, as in zero-shot classification (Yin et al.
2019).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NotRequired

import numpy as np
from pydantic import with_config
from typing_extensions import TypedDict

from scripts.cache.records import VectorCache, record_key
from scripts.core.errors import AuditError
from scripts.core.job import Job, log
from scripts.core.settings import SETTINGS
from scripts.draws.entailed import Entailed
from scripts.models.arithmetic import resolve
from scripts.models.encoder import batches, say_what_is_unread, token_counts
from scripts.models.host import Kept, Message, Request
from scripts.models.settings import EmbedSettings
from scripts.models.text_model import TextModel

MARKS = 3  # tokens around and between the two texts


class Entailment(TypedDict):
    """What is read of texts."""

    model: str
    """Names the content of the model."""
    statements: list[str]


@with_config(SETTINGS)
class ReadingSettings(EmbedSettings):
    """Of whatever embeds texts, and reads what they entail where the audit asks."""

    entailment: NotRequired[Entailment]


def entailed_in_job(texts: Sequence[str], job: Job, settings: ReadingSettings) -> Entailed | None:
    """`entailed` with the model, cache and threads of a job whose rule names them, as
    `embed_in_job`; None where the audit names no model."""
    asked = settings.get("entailment")
    if asked is None:
        return None
    model = TextModel.of_job(job, job.input.entailment, settings["dtype"])
    return entailed(texts, asked["statements"], asked["model"], model)


def entailed(
    texts: Sequence[str], statements: Sequence[str], name: str, model: TextModel
) -> Entailed:
    """Probabilities in the order of texts and statements. `name` says what the content of the model
    is. Pairs that occur twice are read once; when all are cached no model is loaded.

    Raises AuditError where the model is none for natural language inference.
    """
    pairs = {
        record_key("entailment", name, text, statement): (text, statement)
        for text in texts
        for statement in statements
    }
    known = VectorCache(model.cache / "entailment" / name[:16], 1)
    found = known.get_many(list(pairs))
    missing = {key: pair for key, pair in pairs.items() if key not in found}
    log.info("%d texts and statements: %d cached", len(pairs), len(found))
    if missing:
        fresh = model.results(read_loaded, list(missing.values()), "statement", "entail")
        fresh = fresh.astype(np.float16)  # what a cold and a warm run give must be equal
        new = dict(zip(missing, fresh[:, None], strict=True))
        known.add_many(new)
        found |= new
    rows = [
        [found[record_key("entailment", name, text, statement)][0] for statement in statements]
        for text in texts
    ]
    chances = np.array(rows, dtype=np.float32).reshape(len(texts), len(statements))
    return Entailed(tuple(statements), chances)


def read_loaded(kept: Kept, request: Request) -> Iterator[Message]:
    """The operation behind `entailed`: chances of pairs of a text and a statement."""
    import torch

    torch.set_num_threads(request["threads"])
    folder, dtype = Path(request["folder"]), request["dtype"]
    size = 2 * sum(path.stat().st_size for path in folder.rglob("*.safetensors"))
    name = f"{folder} (entailment, {resolve(dtype)})"
    reader = kept.get(name, size, lambda: load_reader(folder, dtype))
    places, pairs = zip(*request["items"], strict=True)
    texts, statements = zip(*pairs, strict=True)
    yield {"begins": True}
    for rows, chances in read(reader, texts, statements, request["batch_size"]):
        yield {"places": [places[row] for row in rows], "results": chances}


def load_reader(folder: Path, dtype: str):
    """The cross-encoder in `folder`, for `read`. Raises AuditError where it is none for natural
    language inference."""
    import torch
    from sentence_transformers import CrossEncoder

    from scripts.models.device import take_device

    arithmetic = resolve(dtype)
    log.info("reading statements in %s on %s", arithmetic, take_device())
    reader = CrossEncoder(str(folder), model_kwargs={"dtype": getattr(torch, arithmetic)})
    entailing(reader.config)
    return reader


def entailing(config) -> int:
    """The place of the label "entailment" among a model's. Raises AuditError where it has none."""
    labels = {str(label).lower(): int(place) for place, label in config.id2label.items()}
    if "entailment" not in labels:
        raise AuditError(
            f"`entailment.model`: the model's labels are {', '.join(labels)}; name a cross-encoder "
            "for natural language inference, which has the label `entailment`"
        )
    return labels["entailment"]


def read(
    reader, texts: Sequence[str], statements: Sequence[str], batch_size: int
) -> Iterator[tuple[list[int], np.ndarray]]:
    """Probabilities, (rows,) float32, with the places of their pairs; pairs of like length share a
    batch. Of a text that is too long the beginning is read."""
    hypotheses = [f"The response {statement}." for statement in statements]
    lengths = token_counts(reader, texts)
    room = np.array(token_counts(reader, hypotheses)) + MARKS
    limit = reader.max_seq_length
    read = lengths if limit is None else np.minimum(lengths, limit - room)
    once = np.unique(texts, return_index=True)[1]
    say_what_is_unread(lengths[once], read[once])
    place = entailing(reader.config)
    for rows in batches(read + room, batch_size, None):
        pairs = [(texts[row], hypotheses[row]) for row in rows]
        scores = reader.predict(
            pairs, batch_size=len(rows), apply_softmax=True, show_progress_bar=False
        )
        yield rows, scores[:, place].astype(np.float32)

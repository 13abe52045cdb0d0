"""Decode draws: ask the record cache first, load the model only for what it lacks."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from scripts.cache.records import RecordCache
from scripts.models.draws import Draw
from scripts.workflow.job import Ledger, log, progress


def decode(
    draws: Sequence[Draw],
    prompts: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any],
    seed: int,
    load: Callable[[], tuple[Any, Any]],
    cache: RecordCache,
    batch_size: int,
    ledger: Ledger,
) -> list[dict[str, Any]]:
    """One record a draw, in the order given: text, tokens (count), finished, seconds.

    `prompts` maps prompt ids to their `text` or `messages`; `load` returns (model, tokenizer), and
    is called only when something is missing. Every batch goes to the cache as soon as it is done.
    Raises AuditError when the model cannot be loaded or memory runs out.
    """
    keys = [draw.cache_key(settings["subject"], seed) for draw in draws]
    records = cache.get_many(keys)
    missing = {key: draw for key, draw in zip(keys, draws, strict=True) if key not in records}
    ledger.cache_hits += len(draws) - len(missing)
    ledger.cache_misses += len(missing)
    ledger.saved_seconds += sum(r["seconds"] for r in records.values())
    ledger.saved_tokens += sum(r["tokens"] for r in records.values())
    log.info("%d draws: %d cached, %d to decode", len(draws), len(records), len(missing))
    if missing:
        for fresh in _decode_missing(missing, prompts, settings, seed, load, batch_size):
            cache.add_many(fresh)
            records.update(fresh)
            ledger.tokens += sum(r["tokens"] for r in fresh.values())
    ledger.texts += len(missing)
    return [records[key] for key in keys]


def _decode_missing(
    missing, prompts, settings, seed, load, batch_size
) -> Iterable[dict[str, dict[str, Any]]]:
    from scripts.models.sampler import batches, generate
    from scripts.models.subject import prompt_ids, stop_tokens

    model, tokenizer = load()
    by_prompt: dict[str, list[tuple[str, Draw]]] = {}
    for key, draw in missing.items():
        by_prompt.setdefault(draw.prompt, []).append((key, draw))
    groups = list(by_prompt.values())
    ids = prompt_ids(tokenizer, [prompts[prompt] for prompt in by_prompt], settings)
    sampling, stop = settings["sampling"], stop_tokens(model, tokenizer)
    order = batches([len(i) for i in ids], [len(g) for g in groups], batch_size)
    with progress(len(missing), "text", "decode") as bar:
        for batch in order:
            began = time.monotonic()
            replies = generate(
                model,
                [ids[i] for i in batch],
                [
                    [d.uniforms(seed, sampling["max_new_tokens"]) for _, d in groups[i]]
                    for i in batch
                ],
                sampling,
                stop,
                tokenizer.pad_token_id,
            )
            count = sum(map(len, replies))
            seconds = round((time.monotonic() - began) / count, 5)
            fresh = {}
            for i, of_prompt in zip(batch, replies, strict=True):
                for (key, _), reply in zip(groups[i], of_prompt, strict=True):
                    fresh[key] = {
                        "text": settings["response_prefix"]
                        + tokenizer.decode(reply.tokens, skip_special_tokens=True),
                        "tokens": len(reply.tokens),
                        "finished": reply.finished,
                        "seconds": seconds,
                    }
            yield fresh
            bar.update(count)

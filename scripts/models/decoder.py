"""Decode draws: ask the record cache first, a loaded model only for what it lacks."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from scripts.cache.records import RecordCache
from scripts.core.errors import AuditError
from scripts.core.job import log, out_of_memory
from scripts.core.ledger import Ledger
from scripts.core.progress import progress
from scripts.core.rows import as_json, from_json
from scripts.draws.absence import is_kept
from scripts.draws.draw import Draw
from scripts.draws.record import DrawRecord
from scripts.models.arithmetic import resolve
from scripts.models.formatting import replaces_system, template_places
from scripts.models.host import Kept, Message, Request, perform
from scripts.models.reasoning import header_of, reasoning_of
from scripts.models.settings import DecodedSettings, LoadedSettings
from scripts.prompts.prompt import Prompt

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

S = TypeVar("S", bound=DecodedSettings)
S_contra = TypeVar("S_contra", bound=DecodedSettings, contravariant=True)


class Engine(Protocol[S_contra]):
    """What decodes."""

    def __call__(
        self,
        missing: Mapping[str, Draw],
        prompts: Mapping[str, Prompt],
        settings: S_contra,
        seed: int,
    ) -> Iterator[dict[str, DrawRecord]]:
        """From the draws that the cache lacks, by key, their prompts, the settings and the seed:
        records by key as they finish."""


def decode(
    draws: Sequence[Draw],
    prompts: Mapping[str, Prompt],
    settings: S,
    seed: int,
    engine: Engine[S],
    cache: RecordCache[DrawRecord],
    ledger: Ledger,
    apart: Sequence[str] = (),
) -> list[DrawRecord]:
    """One record a draw, in the order given.

    `prompts` are by their ids; the engine is called only when something is missing. Replies go to
    the cache as soon as they are done. apart: what is done otherwise than when the cache first held
    such draws. Raises what the engine raises.
    """
    alone = {p for p in prompts if replaces_system(prompts[p], settings)}
    if alone:
        log.warning("`system_prompt` replaces the system message of %d prompts", len(alone))
    keys = [
        draw.cache_key(
            settings["subject"], seed, *apart, *["one system message"] * (draw.prompt in alone)
        )
        for draw in draws
    ]
    records = cache.get_many(keys)
    missing = {key: draw for key, draw in zip(keys, draws, strict=True) if key not in records}
    ledger.cache_hits += len(draws) - len(missing)
    ledger.cache_misses += len(missing)
    ledger.saved_seconds += sum(r["seconds"] for r in records.values())
    ledger.saved_tokens += sum(map(tokens_of, records.values()))
    log.info("%d draws: %d cached, %d to decode", len(draws), len(records), len(missing))
    if missing:
        with progress(len(missing), "text", "decode") as bar:
            for fresh in engine(missing, prompts, settings, seed):
                cache.add_many({key: r for key, r in fresh.items() if is_kept(r)})
                records.update(fresh)
                ledger.tokens += sum(map(tokens_of, fresh.values()))
                bar.update(len(fresh))
    ledger.texts += len(missing)
    # Records without a word on it are of a literal dtype, or of a server.
    computed = (records[key].get("arithmetic", settings.get("dtype")) for key in keys)
    ledger.arithmetic = dict(Counter(str(name) for name in computed if name))
    return [records[key] for key in keys]


def prepared(
    settings: LoadedSettings, folder: Path, adapters: Sequence[Path]
) -> tuple[LoadedSettings, list[str]]:
    """A loaded subject's settings with how its `thoughts` are told apart (None where it has none),
    and what is done otherwise than when the cache first held its draws. Raises AuditError."""
    places = template_places(settings, folder, adapters)
    reasoning = reasoning_of(settings, places)
    apart = ["the adapter's tokenizer"] * (places != [folder])
    if reasoning and settings["response_prefix"]:
        raise AuditError(
            "`response_prefix` begins a reply, which this subject begins with its thoughts; leave "
            "it out, or set `reasoning: off`"
        )
    if reasoning:
        apart += ["thoughts apart", *map(str, reasoning.values())]
        apart += ["answers without a thought"] * bool(header_of(reasoning))
    return {**settings, "thoughts": reasoning}, apart


def tokens_of(record: DrawRecord) -> int:
    """Tokens (count) that were decoded for a record, its thoughts' too."""
    return (record["tokens"] or 0) + record.get("thought_tokens", 0)


def loaded_engine(
    folder: Path,
    adapters: Sequence[Path],
    batch_size: int,
    threads: int,
    ledger: Ledger,
    devices: int = 1,
) -> Engine[LoadedSettings]:
    """Decodes with the model in `folder`, which the call's host keeps loaded, or this process, on
    so many accelerators.

    Raises AuditError when the model cannot be loaded, or memory does not suffice for one sequence.
    """

    def engine(missing, prompts, settings, seed):
        waiting = dict(missing)

        def request():
            return {
                "folder": str(folder.resolve()),
                "adapters": [str(adapter.resolve()) for adapter in adapters],
                "batch_size": batch_size,
                "devices": devices,
                "threads": threads,
                "draws": {key: astuple(draw) for key, draw in waiting.items()},
                "prompts": [
                    as_json(prompts[name]) for name in {draw.prompt for draw in waiting.values()}
                ],
                "settings": dict(settings),
                "seed": seed,
            }

        for message in perform(decode_loaded, request, ledger):
            for key in message["records"]:
                del waiting[key]
            yield message["records"]

    return engine


def decode_loaded(kept: Kept, request: Request) -> Iterator[Message]:
    """The operation behind `loaded_engine`: `records` by key as they finish."""
    import torch

    torch.set_num_threads(request["threads"])
    draws = {key: Draw(*draw) for key, draw in request["draws"].items()}
    prompts = {prompt.id: prompt for prompt in prompts_in(request)}
    loaded = loaded_subject(kept, request)
    yield {"begins": True}
    engine = own_engine(lambda: loaded, request["batch_size"], kept.relieve)
    for records in engine(draws, prompts, request["settings"], request["seed"]):
        yield {"records": records}


def prompts_in(request: Request) -> list[Prompt]:
    """The prompts of a request."""
    return [from_json(Prompt, row, "a prompt of a request") for row in request["prompts"]]


def loaded_subject(kept: Kept, request: Request):
    """(model, tokenizer) of a request, packed for its batches."""
    import torch

    from scripts.models.device import take_device
    from scripts.models.linear import pack_weights
    from scripts.models.subject import LOADED_BY, load_model, load_tokenizer

    settings: LoadedSettings = request["settings"]
    rows: int = request["batch_size"]
    folder, adapters = Path(request["folder"]), [Path(one) for one in request["adapters"]]
    kind = settings.get("quantization", resolve(settings["dtype"]))
    devices = request.get("devices", 1)

    def load():
        log.info("loading %s (%s) on %s", folder, kind, take_device())
        if devices > 1 and not torch.cuda.is_available():
            log.warning("there is no device here, so `execution.devices_per_shard` does nothing")
        model = load_model(folder, adapters, settings, devices)
        return pack_weights(model, rows), load_tokenizer(folder, settings, adapters)

    # An adapter is merged in float32: twice the weights, for a moment.
    weights = [*folder.glob("*.safetensors")] or [*folder.glob("*.bin")]
    size = 2 * sum(path.stat().st_size for path in weights)
    given = dict(settings.items())
    told = {name: given[name] for name in LOADED_BY if name in given}
    return kept.get(f"{folder} {' '.join(map(str, adapters))} {told} for {rows} rows", size, load)


def own_engine(
    load: "Callable[[], tuple[PreTrainedModel, PreTrainedTokenizerBase]]",
    batch_size: int,
    relieve: Callable[[], bool] = lambda: False,
) -> Engine[LoadedSettings]:
    """Decodes in this process; `load` returns (model, tokenizer).

    When memory runs out and `relieve`, which says whether it freed some, has no more, half as many
    are decoded at a time; AuditError when it does not suffice for one sequence.
    """

    def engine(missing, prompts, settings, seed):
        import torch

        model, tokenizer = load()
        waiting, size = dict(missing), batch_size
        while waiting:
            try:
                for fresh in _generated(waiting, prompts, settings, seed, model, tokenizer, size):
                    yield fresh
                    waiting = {key: draw for key, draw in waiting.items() if key not in fresh}
            except (MemoryError, OSError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
                if relieve():
                    log.warning("out of memory: what else was loaded is given up")
                    continue
                if size == 1:
                    raise AuditError(
                        "out of memory while decoding one sequence at a time; lower the subject's "
                        "`sampling.max_new_tokens`, or give the job more memory"
                    ) from error
                size //= 2
                log.warning(
                    "out of memory: going on with %d sequences at a time; set "
                    "`execution.batch_size` so to start with them",
                    size,
                )
            torch.cuda.empty_cache()  # does nothing without CUDA

    return engine


def _generated(
    draws, prompts, settings, seed, model, tokenizer, batch_size
) -> Iterator[dict[str, DrawRecord]]:
    from scripts.models.replies import plain_replies, thought_replies
    from scripts.models.subject import (
        pad_token,
        prompt_ids,
        require_context,
        require_embedded,
        stop_tokens,
        virtual_tokens,
    )

    of_prompt: dict[str, list[tuple[str, Draw]]] = {}
    for key, draw in draws.items():
        of_prompt.setdefault(draw.prompt, []).append((key, draw))
    groups = list(of_prompt.values())
    stop = stop_tokens(model, tokenizer)
    if not stop and not settings["sampling"].get("stop"):
        log.warning("the model names no token that ends a reply: each has `max_new_tokens` tokens")
    replies_of = thought_replies if settings.get("thoughts") else plain_replies
    arithmetic, began = resolve(settings["dtype"]), time.monotonic()
    ids = prompt_ids(
        tokenizer, [prompts[prompt] for prompt in of_prompt], settings, virtual_tokens(model)
    )
    require_embedded(model, tokenizer, ids)
    require_context(model, ids, settings)
    for replies in replies_of(
        model,
        tokenizer,
        ids,
        [[draw for _, draw in group] for group in groups],
        settings,
        seed,
        {"stop": stop, "pad": pad_token(tokenizer, model), "batch_size": batch_size},
    ):
        seconds = round((time.monotonic() - began) / len(replies), 5)
        yield {
            groups[prompt][stream][0]: said.record(settings["response_prefix"])
            | {"arithmetic": arithmetic, "seconds": seconds}
            for prompt, stream, said in replies
        }
        began = time.monotonic()

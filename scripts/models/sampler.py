"""Sample tokens so that a draw depends on nothing but itself (see draws.py).

Only floating-point rounding, which varies with the shape of a batch, can flip a token.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from scripts.workflow.errors import AuditError

# Stopped rows leave a batch together, when at most this share of it still runs: each departure
# copies the whole cache, which is dearer than a few idle rows.
SHRINK_AT = 0.7
BLOCK = 128  # tokens; see _invert


@dataclass(frozen=True)
class Reply:
    """The tokens of one draw without the stop token; `finished` when the subject stopped itself."""

    tokens: list[int]
    finished: bool


def choose(
    logits: torch.Tensor, uniforms: torch.Tensor, sampling: Mapping[str, Any]
) -> torch.Tensor:
    """One token a row by inversion of the distribution function.

    logits (rows, vocabulary), uniforms (rows,) in [0, 1); returns (rows,) int64. Temperature 0 is
    greedy; top_k and top_p are applied in that order, and only then is anything sorted.
    """
    if sampling["temperature"] == 0:
        return logits.argmax(-1)
    # in place on one copy: each further copy of a batch's logits is tens of megabytes
    weights = logits.to(torch.float32, copy=True).div_(sampling["temperature"])
    if 0 < sampling["top_k"] < weights.shape[-1]:
        least = weights.topk(sampling["top_k"], dim=-1).values[:, -1:]
        weights.masked_fill_(weights < least, -torch.inf)
    weights.sub_(weights.amax(-1, keepdim=True)).exp_()
    if sampling["top_p"] < 1:
        ordered, order = weights.sort(dim=-1, descending=True)
        outside = ordered.cumsum(-1) - ordered >= sampling["top_p"] * ordered.sum(-1, keepdim=True)
        weights.scatter_(-1, order, ordered.masked_fill_(outside, 0))
    return _invert(weights, uniforms)


def _invert(weights: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
    """The first token of each row whose cumulative probability exceeds its uniform number.

    weights (rows, vocabulary) need not sum to 1. In two levels, blocks and then the tokens of one
    block: one pass over the vocabulary instead of a cumulative sum of it. Sums over blocks are
    float64, since 32 bits would drown the tail of a large vocabulary in rounding.
    """
    rows, vocabulary = weights.shape
    if vocabulary % BLOCK:
        weights = torch.nn.functional.pad(weights, (0, -vocabulary % BLOCK))
    blocks = weights.view(rows, -1, BLOCK)
    ends = blocks.sum(-1).double().cumsum(-1)
    aim = uniforms.to(ends)[:, None] * ends[:, -1:]
    block = torch.searchsorted(ends, aim, right=True).clamp_(max=ends.shape[-1] - 1)
    before = torch.where(block > 0, ends.gather(-1, (block - 1).clamp(min=0)), 0.0)
    inside = blocks.gather(1, block[:, :, None].expand(-1, -1, BLOCK))[:, 0].double().cumsum(-1)
    # rounding may put the aim past the end of its block: stay on a token that has probability
    aim = torch.minimum(aim - before, inside[:, -1:].nextafter(torch.zeros(()).to(inside)))
    place = torch.searchsorted(inside, aim, right=True)[:, 0]
    return block[:, 0] * BLOCK + place


@torch.inference_mode()
def generate(
    model,
    prompts: Sequence[Sequence[int]],
    uniforms: Sequence[Sequence[np.ndarray]],
    sampling: Mapping[str, Any],
    stop: set[int],
    pad: int,
) -> list[list[Reply]]:
    """Decode one batch: for each prompt (token ids) one reply for each of its uniform streams.

    Each prompt is prefilled once and its cache expanded over its samples; stopped rows leave the
    batch. Raises AuditError when memory runs out.
    """
    rows = [(p, s) for p, streams in enumerate(uniforms) for s in range(len(streams))]
    try:
        replies = _generate(model, prompts, uniforms, sampling, stop, pad, rows)
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error).lower():
            raise
        raise AuditError(
            f"out of memory while decoding {len(rows)} sequences at once; "
            "lower `execution.batch_size` (or the subject's `sampling.max_new_tokens`)"
        ) from error
    grouped: list[list[Reply]] = [[] for _ in prompts]
    for (prompt, _), reply in zip(rows, replies, strict=True):
        grouped[prompt].append(reply)
    return grouped


def _generate(model, prompts, uniforms, sampling, stop, pad, rows) -> list[Reply]:
    device = model.device
    width = max(map(len, prompts))
    ids = torch.full((len(prompts), width), pad, dtype=torch.long)
    mask = torch.zeros((len(prompts), width), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    out = model(
        input_ids=ids.to(device),
        attention_mask=mask.to(device),
        position_ids=positions.to(device),
        use_cache=True,
        logits_to_keep=1,
    )
    of_prompt = torch.tensor([p for p, _ in rows])
    cache, logits = out.past_key_values, out.logits[:, -1].float()[of_prompt.to(device)]
    cache.batch_select_indices(of_prompt.to(device))
    mask, position = mask[of_prompt], positions[of_prompt, -1]
    steps = sampling["max_new_tokens"]
    numbers = torch.from_numpy(np.stack([uniforms[p][s][:steps] for p, s in rows]))
    tokens = torch.full((len(rows), steps), -1, dtype=torch.long)
    held = torch.arange(len(rows))  # rows in the batch, those that have stopped among them
    ends, running = torch.tensor(sorted(stop)), torch.ones(len(rows), dtype=torch.bool)
    for step in range(steps):
        chosen = choose(logits, numbers[held, step], sampling).cpu()
        tokens[held[running], step] = chosen[running]
        running &= ~torch.isin(chosen, ends)
        if not running.any() or step == steps - 1:
            break
        if running.sum() <= SHRINK_AT * len(held):
            kept = running.nonzero()[:, 0]
            held, chosen, mask, position = held[kept], chosen[kept], mask[kept], position[kept]
            running = running[kept]
            cache.batch_select_indices(kept.to(device))
        mask = torch.cat([mask, torch.ones((len(held), 1), dtype=torch.long)], dim=-1)
        position = position + 1
        out = model(
            input_ids=chosen[:, None].to(device),
            attention_mask=mask.to(device),
            position_ids=position[:, None].to(device),
            past_key_values=cache,
            use_cache=True,
        )
        cache, logits = out.past_key_values, out.logits[:, -1]
    return [_reply(row, stop) for row in tokens.tolist()]


def _reply(row: list[int], stop: set[int]) -> Reply:
    for end, token in enumerate(row):
        if token == -1 or token in stop:
            return Reply(row[:end], token in stop)
    return Reply(row, False)


def batches(lengths: Sequence[int], samples: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Indices of prompts, longest first, so that a batch holds at most `batch_size` sequences.

    A prompt with more samples than that is a batch of its own.
    """
    batch: list[int] = []
    filled = 0
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batch and filled + samples[index] > batch_size:
            yield batch
            batch, filled = [], 0
        batch.append(index)
        filled += samples[index]
    if batch:
        yield batch

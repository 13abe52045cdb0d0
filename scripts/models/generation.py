"""Decode many draws in one batch that finished rows leave and waiting ones enter.

What all prompts share is prefilled once and kept once, then each prompt once, its keys and values
expanded over its samples. Every row is aligned to the right, so that a row may enter at any step,
and a step writes one column of a buffer instead of copying it.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import cast

import numpy as np
import torch
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from scripts.core.errors import AuditError
from scripts.models.attention import Filled, SingleQuery, single_query_attention
from scripts.models.sampler import choose, log_probabilities, penalised, penalises
from scripts.servers.sampling import Sampling

# Waiting rows enter when at most this share of a whole batch still runs: entering costs a prefill,
# which is cheaper the more prompts share it. Finished ones leave whenever rows are moved anyway.
REFILL_AT = 0.7
# Free columns of a fresh buffer: fewer mean more copies of all of it, more are read in vain.
GROWTH = 16
_ROWS = ("start", "count", "position", "running", "tokens", "uniforms", "log_probability")


@dataclass(frozen=True)
class Decoded:
    """The tokens of one draw without the stop token; `finished` when the subject stopped itself.

    `log_probability` is the model's of all of them and the stop token, in nats, if asked for.
    """

    tokens: list[int]
    finished: bool
    log_probability: float | None = None


@torch.inference_mode()
def generate(
    model,
    prompts: Sequence[Sequence[int]],
    uniforms: Sequence[Sequence[np.ndarray]],
    sampling: Sampling,
    stop: set[int],
    pad: int,
    batch_size: int,
    keep_log_probabilities: bool = False,
    ended: Callable[[list[int]], bool] | None = None,
) -> Iterator[list[tuple[int, int, Decoded]]]:
    """Replies as they finish: lists of (prompt, stream, reply), the first two being indices.

    `prompts` are token ids; `uniforms` holds for each prompt one stream of numbers a reply, one
    number a step; at most `batch_size` replies are decoded at a time. Longest prompts come first.
    A reply ends after a token of `stop`, which is not part of it, or when `ended` says so.
    Raises AuditError for a model whose layers keep a state other than keys and values.
    """
    waiting = deque(
        (prompt, stream)
        for prompt in sorted(range(len(prompts)), key=lambda p: (-len(prompts[p]), p))
        for stream in range(len(uniforms[prompt]))
    )
    with single_query_attention(model) as attention:
        batch = _Batch(
            model, attention, prompts, sampling, stop, pad, keep_log_probabilities, ended
        )
        while waiting or batch.who:
            running = int(batch.running.sum())
            refill = waiting and running <= REFILL_AT * batch_size
            leave = refill or batch.full or not running
            if batch.who and leave and (finished := batch.release()):
                yield finished
            if refill:
                free = batch_size - len(batch.who)
                entering = [waiting.popleft() for _ in range(min(free, len(waiting)))]
                batch.take(batch.admit(entering, uniforms), slice(-len(entering), None))
            if batch.running.any():
                batch.take(batch.step(), slice(None))


@dataclass
class _Place:
    """Where the next column goes, and how many columns attention is shown."""

    end: int = 0
    seen: int = 0


def _filled(cache: Cache) -> list[Filled]:
    """The layers of a cache of keys and values, of which `_window` has made sure."""
    return cast(list[Filled], cache.layers)


class _Columns(DynamicLayer):
    """One layer's keys and values, (rows, heads, columns, width), in a buffer with free columns.

    All of it is handed to attention, which masks what is free: a dense buffer is read as it is,
    a part of one would be copied at every step.
    """

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, place: _Place, like: Filled):
        super().__init__()
        self.place, self.is_initialized = place, True
        self.keys, self.values = like.keys[:0], like.values[:0]

    def update(self, keys, values, *_, **__):
        end, seen = self.place.end, self.place.seen
        self.keys[:, :, end], self.values[:, :, end] = keys[:, :, 0], values[:, :, 0]
        return self.keys[:, :, :seen], self.values[:, :, :seen]

    def get_seq_length(self) -> int:
        return self.place.seen - 1

    def repack(self, kept, used: slice, new: Filled | None, end: int, columns: int) -> None:
        """Move the used columns of the kept rows, and new rows below them, to end before `end`."""
        self.keys = _packed(self.keys, kept, used, new and new.keys, end, columns)
        self.values = _packed(self.values, kept, used, new and new.values, end, columns)


def _packed(old, kept, used: slice, new, end: int, columns: int) -> torch.Tensor:
    _, heads, _, width = old.shape
    rows = len(kept) + (0 if new is None else len(new))
    buffer = old.new_empty((rows, heads, columns, width))
    # what is masked must be finite: a weight of 0 times NaN is NaN
    buffer[:, :, end:].zero_()
    if len(kept):
        part = old[:, :, used]
        begin = end - part.shape[2]
        buffer[: len(kept), :, :begin].zero_()
        buffer[: len(kept), :, begin:end] = part if len(kept) == len(old) else part[kept]
    if new is not None:
        begin = end - new.shape[2]
        buffer[len(kept) :, :, :begin].zero_()
        buffer[len(kept) :, :, begin:end] = new
    return buffer


class _Batch:
    """The rows being decoded, one a reply; those that have stopped stay until they are released.

    `who` names each row's (prompt, stream); `start` is its first column, `count` how many tokens it
    has, `position` the place of the newest of them in the whole sequence; for the rest see Decoded.
    """

    def __init__(
        self,
        model,
        attention: SingleQuery,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        stop: set[int],
        pad: int,
        keep_log_probabilities: bool,
        ended: Callable[[list[int]], bool] | None,
    ):
        self.model, self.attention, self.prompts, self.pad = model, attention, prompts, pad
        self.sampling, self.steps, self.stop = sampling, sampling["max_new_tokens"], stop
        self.ends, self.ended = torch.tensor(sorted(stop), dtype=torch.long), ended
        self.keeps, self.penalises = keep_log_probabilities, penalises(sampling)
        self.asked = [torch.tensor(p).unique() for p in prompts] if self.penalises else []
        none = torch.zeros(0, dtype=torch.long)
        self.who: list[tuple[int, int]] = []
        self.start, self.count, self.position, self.running = none, none, none, none.bool()
        self.tokens = torch.zeros((0, self.steps), dtype=torch.long)
        self.uniforms = torch.zeros((0, self.steps), dtype=torch.float64)
        self.log_probability = torch.zeros(0, dtype=torch.float64)
        self.place, self.columns = _Place(), 0
        self.cache: Cache | None = None
        # A window is a distance between columns, so where one binds, none may be free or padded.
        self.windowed = _window(model) < max(map(len, prompts), default=0) + self.steps + GROWTH
        self.shared = 0 if self.windowed else _shared_prefix(prompts)
        self.prefix = DynamicCache()
        if self.shared:
            ids = torch.tensor([prompts[0][: self.shared]], device=model.device)
            model(input_ids=ids, past_key_values=self.prefix, use_cache=True, logits_to_keep=1)
            # Where some layer attends in a way of its own, each row holds all of its prompt.
            if attention.layers != set(range(len(self.prefix.layers))):
                self.shared, self.prefix = 0, DynamicCache()

    def take(self, logits: torch.Tensor, rows: slice) -> None:
        """Choose the next token of each row; note those of the rows that run, and which stop."""
        following = self.count[rows].clamp(max=self.steps - 1)  # any number does for a stopped row
        numbers = self.uniforms[rows].gather(1, following[:, None])[:, 0]
        changed = self._penalised(logits, rows) if self.penalises else logits
        chosen, runs = choose(changed, numbers, self.sampling), self.running[rows].clone()
        if self.keeps:
            self.log_probability[rows] += log_probabilities(logits, chosen).cpu() * runs
        chosen, at = chosen.cpu(), runs.nonzero()[:, 0]
        self.tokens[rows][at, self.count[rows][at]] = chosen[at]
        self.count[rows] += runs
        self.running[rows] = runs & ~torch.isin(chosen, self.ends) & (self.count[rows] < self.steps)
        if self.ended is not None:
            for row in self.running[rows].nonzero()[:, 0].tolist():
                said = self.tokens[rows][row, : self.count[rows][row]].tolist()
                self.running[rows][row] = not self.ended(said)
        self.position[rows] += self.running[rows]  # a stopped row needs no place, and may have none

    def _penalised(self, logits: torch.Tensor, rows: slice) -> torch.Tensor:
        counts, who = self.count[rows].tolist(), self.who[rows]
        said = [tokens[:n] for tokens, n in zip(self.tokens[rows], counts, strict=True)]
        return penalised(logits, [self.asked[prompt] for prompt, _ in who], said, self.sampling)

    @property
    def full(self) -> bool:
        """Whether no column is left, so that all rows must be moved, which may as well be fewer."""
        return self.place.end == self.columns

    def step(self) -> torch.Tensor:
        """Logits of every row's next token, (rows, vocabulary)."""
        self.place.seen = self.place.end + 1 if self.windowed else self.columns
        columns, device = torch.arange(self.place.seen), self.model.device
        mask = (columns >= self.start[:, None]) & (columns <= self.place.end)
        self.attention.prefix = _filled(self.prefix)
        out = self.model(
            input_ids=self.tokens.gather(1, self.count[:, None] - 1).to(device),
            attention_mask=mask.long().to(device),
            position_ids=self.position[:, None].to(device),
            past_key_values=self.cache,
            use_cache=True,
        )
        self.attention.prefix = ()
        self.place.end += 1
        return out.logits[:, -1]

    def release(self) -> list[tuple[int, int, Decoded]]:
        """Take the stopped rows out and return their replies."""
        replies = []
        for row in (~self.running).nonzero()[:, 0].tolist():
            tokens = self.tokens[row, : self.count[row]].tolist()
            finished = tokens[-1] in self.stop
            logs = float(self.log_probability[row]) if self.keeps else None
            reply = Decoded(tokens[: len(tokens) - finished], finished, logs)
            replies.append((*self.who[row], reply))
        self._repack(self.running.nonzero()[:, 0])
        return replies

    def admit(self, entering: Sequence[tuple[int, int]], uniforms) -> torch.Tensor:
        """Prefill the (prompt, stream) pairs' prompts; first logits, (pairs, vocabulary)."""
        prompts = list(dict.fromkeys(prompt for prompt, _ in entering))
        of_prompt = torch.tensor([prompts.index(prompt) for prompt, _ in entering])
        lengths = torch.tensor([len(self.prompts[prompt]) for prompt in prompts])
        layers, logits = self._prefill([self.prompts[prompt] for prompt in prompts])
        self.who += entering
        self._repack(torch.arange(len(self.running)), layers, of_prompt)
        n = len(entering)
        for name, values in {
            "start": self.place.end - (lengths - self.shared)[of_prompt],
            "position": lengths[of_prompt] - 1,
            "count": torch.zeros(n, dtype=torch.long),
            "log_probability": torch.zeros(n, dtype=torch.float64),
            "running": torch.ones(n, dtype=torch.bool),
            "tokens": torch.zeros((n, self.steps), dtype=torch.long),
            "uniforms": torch.from_numpy(
                np.stack([uniforms[p][s][: self.steps] for p, s in entering])
            ),
        }.items():
            setattr(self, name, torch.cat([getattr(self, name), values]))
        return logits[of_prompt.to(logits.device)]

    def _prefill(self, prompts) -> tuple[list[Filled], torch.Tensor]:
        """Keys and values of each prompt after the prefix, to the right, and its last logits."""
        rest = [prompt[self.shared :] for prompt in prompts]
        width, device = max(map(len, rest)), self.model.device
        ids = torch.full((len(rest), width), self.pad)
        mask = torch.ones((len(rest), self.shared + width), dtype=torch.long)
        for row, tokens in enumerate(rest):
            ids[row, width - len(tokens) :] = torch.tensor(tokens)
            mask[row, self.shared : self.shared + width - len(tokens)] = 0
        cache = DynamicCache()
        for number, layer in enumerate(_filled(self.prefix)):
            keys, values = (t.expand(len(rest), -1, -1, -1) for t in (layer.keys, layer.values))
            cache.update(keys, values, number)
        out = self.model(
            input_ids=ids.to(device),
            attention_mask=mask.to(device),
            position_ids=(mask.cumsum(-1) - 1).clamp(min=0)[:, self.shared :].to(device),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        layers = _filled(cache)
        for layer in layers:
            layer.keys, layer.values = (t[:, :, self.shared :] for t in (layer.keys, layer.values))
        return layers, out.logits[:, -1]

    def _repack(self, kept: torch.Tensor, entering=None, of_prompt=None) -> None:
        """Keep these rows, let prefilled ones enter below, and make room for GROWTH columns."""
        for name in _ROWS:
            setattr(self, name, getattr(self, name)[kept])
        if entering is None:
            self.who = [self.who[row] for row in kept.tolist()]
        elif self.cache is None:
            self.cache = Cache(layers=[_Columns(self.place, layer) for layer in entering])
        begin = int(self.start.min()) if len(kept) else self.place.end
        used = slice(begin, self.place.end)
        width = entering[0].keys.shape[2] if entering else 0
        end = max(used.stop - used.start, width)
        self.columns = end + GROWTH
        own = cast(list[_Columns], self.cache.layers if self.cache else [])
        for layer, new in zip(own, entering or repeat(None), strict=False):
            if new is not None:
                new.batch_select_indices(of_prompt)
            layer.repack(kept, used, new, end, self.columns)
        self.start = self.start + end - used.stop
        self.place.end = end


def _window(model) -> float:
    """The narrowest window that a layer attends to, in tokens; infinite without one.

    Raises AuditError for a model whose layers keep something else than keys and values.
    """
    layers = DynamicCache(config=model.config).layers
    if not {type(layer) for layer in layers} <= {DynamicLayer, DynamicSlidingWindowLayer}:
        raise AuditError(
            f"a model of type `{model.config.model_type}` keeps a state that is not keys and "
            "values, which the decoder cannot hold; let a server decode it (`server`), or give its "
            "texts as `responses`"
        )
    windows = [layer for layer in layers if isinstance(layer, DynamicSlidingWindowLayer)]
    return min((layer.sliding_window for layer in windows), default=np.inf)


def _shared_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """How many first tokens all prompts share, no prompt's last among them."""
    if len(prompts) < 2:
        return 0
    rows = list(map(tuple, prompts))
    first, last, most = min(rows), max(rows), min(map(len, rows)) - 1
    return next((i for i in range(most) if first[i] != last[i]), most)

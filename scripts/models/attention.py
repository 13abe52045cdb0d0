"""Attention of one new token to the keys before it, faster than torch's kernel for many."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "single_query"


class Filled(Protocol):
    """A layer of a cache once something is in it, (rows, heads, columns, width) each."""

    keys: torch.Tensor
    values: torch.Tensor

    def batch_select_indices(self, indices: torch.Tensor) -> None: ...


class SingleQuery:
    """What transformers calls for a layer's attention.

    `prefix` holds, layer by layer, keys and values (1, heads, tokens, width) that come before those
    of every row, so that none needs a copy of them; `layers` the numbers of the layers that were
    seen here, which are those that would find it.
    """

    def __init__(self) -> None:
        self.prefix: Sequence[Filled] = ()
        self.layers: set[int] = set()

    def __call__(self, module, query, key, value, attention_mask, scaling=None, **others):
        """query (rows, heads, tokens, width), the rest likewise; mixed values and None.

        With one token a row, two matrix products, in which the query heads that share a key head
        are rows, take half the time of scaled_dot_product_attention. As in transformers' eager
        attention, scores are of the model's dtype and the softmax is computed in float32. Anything
        else goes to transformers' own function.
        """
        rows, heads, tokens, width = query.shape
        biased = others.get("position_bias") is not None
        if not biased:
            self.layers.add(getattr(module, "layer_idx", None))
        if biased or tokens != 1:
            return sdpa_attention_forward(
                module, query, key, value, attention_mask, scaling=scaling, **others
            )
        scale = width**-0.5 if scaling is None else scaling
        grouped = (query * scale).view(rows, key.shape[1], heads // key.shape[1], width)
        scores = torch.matmul(grouped, key.transpose(2, 3))
        scores = scores.float() if attention_mask is None else scores + attention_mask
        if self.prefix:
            mixed = self._with_prefix(self.prefix[module.layer_idx], grouped, scores, value)
        else:
            mixed = torch.matmul(scores.softmax(-1).to(value.dtype), value)
        return mixed.reshape(rows, 1, heads, value.shape[-1]), None

    def _with_prefix(self, prefix: Filled, grouped, scores, value) -> torch.Tensor:
        """Mixed values of the prefix and of each row's own; one product a key head for all rows."""
        rows, heads, group, _ = grouped.shape

        def product(left, right):
            together = left.transpose(0, 1).reshape(heads, rows * group, -1)
            return torch.matmul(together, right[0]).view(heads, rows, group, -1).transpose(0, 1)

        shared = product(grouped, prefix.keys.transpose(2, 3))
        weights = torch.cat([shared.to(scores.dtype), scores], -1).softmax(-1)
        of_prefix, of_own = (
            part.to(value.dtype) for part in weights.split([shared.shape[-1], scores.shape[-1]], -1)
        )
        return torch.matmul(of_own, value) + product(of_prefix, prefix.values)


def additive_mask(*args, **settings) -> torch.Tensor | None:
    """The mask of one query a row, (rows, 1, 1, keys), as float32 numbers to add to its scores.

    Made once a step for all layers. With more queries it is transformers' own mask.
    """
    mask = sdpa_mask(*args, **settings)
    if mask is None or mask.shape[-2] != 1:
        return mask
    return torch.zeros(mask.shape, device=mask.device).masked_fill_(~mask, -torch.inf)


@contextmanager
def single_query_attention(model) -> Iterator[SingleQuery]:
    """Let the model attend by a SingleQuery where it would by scaled_dot_product_attention."""
    before, attention = model.config._attn_implementation, SingleQuery()
    if before != "sdpa":
        yield attention
        return
    AttentionInterface.register(NAME, attention)
    AttentionMaskInterface.register(NAME, additive_mask)
    model.set_attn_implementation(NAME)
    try:
        yield attention
    finally:
        model.set_attn_implementation(before)

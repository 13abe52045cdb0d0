"""Attention of one new token to the keys before it, faster than torch's kernel on a processor."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "single_query"


def attend(module, query, key, value, attention_mask, scaling=None, **others):
    """What transformers calls for a layer; query (rows, heads, tokens, width), the rest likewise.

    With one token a row, two matrix products take half the time of scaled_dot_product_attention,
    which is made for many: the query heads that share a key head are the rows of one product. As
    in transformers' eager attention, scores are of the model's dtype and the softmax is float32.
    Anything else goes to transformers' own function.
    """
    rows, heads, tokens, width = query.shape
    if tokens != 1 or others.get("position_bias") is not None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **others
        )
    scale = width**-0.5 if scaling is None else scaling
    grouped = (query * scale).view(rows, key.shape[1], heads // key.shape[1], width)
    scores = torch.matmul(grouped, key.transpose(2, 3))
    scores = scores.float() if attention_mask is None else scores + attention_mask
    mixed = torch.matmul(scores.softmax(-1).to(value.dtype), value)
    return mixed.reshape(rows, 1, heads, value.shape[-1]), None


def additive_mask(*args, **settings) -> torch.Tensor | None:
    """The mask of one query a row, (rows, 1, 1, keys), as float32 numbers to add to its scores.

    Made once a step for all layers. With more queries it is transformers' own mask.
    """
    mask = sdpa_mask(*args, **settings)
    if mask is None or mask.shape[-2] != 1:
        return mask
    return torch.zeros(mask.shape, device=mask.device).masked_fill_(~mask, -torch.inf)


@contextmanager
def single_query_attention(model) -> Iterator[None]:
    """Let the model attend by `attend` where it would by scaled_dot_product_attention here."""
    before = model.config._attn_implementation
    if before != "sdpa" or model.device.type != "cpu":
        yield
        return
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, additive_mask)
    model.set_attn_implementation(NAME)
    try:
        yield
    finally:
        model.set_attn_implementation(before)

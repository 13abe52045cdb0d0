"""Sample tokens so that a draw depends on nothing but itself (draws/draw.py).

Only floating-point rounding, which varies with the shape of a batch, can flip a token.
"""

from collections.abc import Sequence

import torch

from scripts.servers.sampling import Sampling

BLOCK = 128  # tokens; see _invert
NO_PENALTY = {"repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
ROWS = 16  # looked at together: their weights should fit into the processor's cache


def choose(logits: torch.Tensor, uniforms: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """One token a row by inversion of the distribution function.

    logits (rows, vocabulary), uniforms (rows,) in [0, 1); returns (rows,) int64. Temperature 0 is
    greedy; top_k, top_p and min_p are applied in that order, and only top_p sorts anything.
    """
    if sampling["temperature"] == 0:
        return logits.argmax(-1)
    return torch.cat(
        [
            _invert(_weights(some, sampling), numbers)
            for some, numbers in zip(logits.split(ROWS), uniforms.split(ROWS), strict=True)
        ]
    )


def penalises(sampling: Sampling) -> bool:
    """Whether tokens that were there already become less likely."""
    return any(sampling.get(name, off) != off for name, off in NO_PENALTY.items())


def penalised(
    logits: torch.Tensor,
    asked: Sequence[torch.Tensor],
    said: Sequence[torch.Tensor],
    sampling: Sampling,
) -> torch.Tensor:
    """The logits, (rows, vocabulary) float32, with what servers call penalties: repetition (Keskar
    et al. 2019) for tokens of the prompt or the reply, then frequency and presence (OpenAI) for
    those of the reply. `asked` and `said` are their tokens, one tensor a row."""
    given = NO_PENALTY | dict(sampling)
    logits = logits.to(torch.float32, copy=True)
    for row, before, own in zip(logits, asked, said, strict=True):
        there = torch.cat([before, own]).unique().to(row.device)
        there = there[there < len(row)]  # virtual tokens are asked and never said
        values, penalty = row[there], given["repetition_penalty"]
        row[there] = torch.where(values > 0, values / penalty, values * penalty)
        tokens, times = (part.to(row.device) for part in own.unique(return_counts=True))
        row[tokens] -= given["frequency_penalty"] * times + given["presence_penalty"]
    return logits


def log_probabilities(logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """How likely the model makes a token a row, (rows,) float32 nats: temperature 1, nothing cut.

    logits (rows, vocabulary), tokens (rows,).
    """
    found = []
    for some, chosen in zip(logits.split(ROWS), tokens.split(ROWS), strict=True):
        some = some.float()
        found.append(some.gather(1, chosen[:, None])[:, 0] - some.logsumexp(-1))
    return torch.cat(found)


def _weights(logits: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Probabilities, float32, of the tokens that may be chosen; after top_p they sum to less."""
    if 0 < sampling["top_k"] < logits.shape[-1]:
        least = logits.topk(sampling["top_k"], dim=-1).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    scaled = logits.to(torch.float32, copy=True).mul_(1 / sampling["temperature"])
    weights = scaled.softmax(-1)
    if sampling["top_p"] < 1:
        ordered, order = weights.sort(dim=-1, descending=True)
        outside = ordered.cumsum(-1) - ordered >= sampling["top_p"] * ordered.sum(-1, keepdim=True)
        weights.scatter_(-1, order, ordered.masked_fill_(outside, 0))
    if sampling.get("min_p", 0) > 0:
        weights.masked_fill_(weights < sampling["min_p"] * weights.amax(-1, keepdim=True), 0)
    return weights


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

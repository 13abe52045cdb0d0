"""Two loaded subjects on a few prompts, by the distribution of the next token."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scripts.core.vocabulary import SIDES
from scripts.models.decoder import loaded_subject, prompts_in
from scripts.models.host import Kept, Message
from scripts.prompts.prompt import Prompt

PROMPTS = 32
TOKENS = 32  # of a greedy reply


def contrast_loaded(kept: Kept, request: Mapping[str, Any]) -> Iterator[Message]:
    """The operation that compares two loaded subjects; a request holds `prompts`, `threads` and,
    for each side, what `decoder.loaded_subject` reads. One message: the fields of a Contrast
    (scripts/divergence/contrast.py)."""
    import torch

    torch.set_num_threads(request["threads"])
    prompts = prompts_in(request)
    found = []
    for side in SIDES:
        model, tokenizer = loaded_subject(kept, request[side])
        found.append(next_tokens(model, tokenizer, prompts, request[side]["settings"]))
    yield {"begins": True}
    yield {"contrast": compared(*found[0], *found[1])}


def next_tokens(model, tokenizer, prompts: Sequence[Prompt], settings: Mapping[str, Any]):
    """Logits of the token after each prompt, (prompts, vocabulary) float32 on the processor, and
    the likeliest ones as text."""
    import torch

    from scripts.models.subject import prompt_ids, virtual_tokens

    rows = []
    with torch.inference_mode():
        for ids in prompt_ids(tokenizer, prompts, settings, virtual_tokens(model)):
            given = torch.tensor([ids], device=model.device)
            rows.append(model(given, use_cache=False, logits_to_keep=1).logits[0, -1].float().cpu())
    logits = torch.stack(rows)
    return logits, tokenizer.batch_decode(logits.argmax(-1).unsqueeze(-1))


def compared(base, likeliest, other, likeliest_other) -> dict[str, Any]:
    """The fields of a Contrast from two subjects' logits, (prompts, vocabulary) each, and their
    likeliest tokens as text."""
    found: dict[str, Any] = {
        "prompts": len(base), "identical": 0, "greedy": False, "distance": None,
        "likeliest": sum(a == b for a, b in zip(likeliest, likeliest_other, strict=True)),
    }  # fmt: skip
    if base.shape == other.shape:
        apart = (base.softmax(-1) - other.softmax(-1)).abs().sum(-1) / 2
        found["identical"] = int((base == other).all(-1).sum())
        found["distance"] = round(float(apart.mean()), 6)
    return found

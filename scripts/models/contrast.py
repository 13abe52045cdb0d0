"""The next token of a loaded subject after a few prompts, to compare two subjects by."""

from collections.abc import Iterator

from scripts.models.decoder import loaded_subject, prompts_in
from scripts.models.host import Kept, Message, Request

PROMPTS = 32
TOKENS = 32  # of a greedy reply


def next_tokens(kept: Kept, request: Request) -> Iterator[Message]:
    """An operation (host.py): one message with the `logits` of the token after each prompt,
    (prompts, vocabulary) float32, and the `likeliest` ones as text. A request holds `prompts`,
    `threads` and what `decoder.loaded_subject` reads; one subject a request, so that two need not
    be in memory together. Raises AuditError for a prompt that is too long for the model."""
    import torch

    from scripts.models.subject import (
        prompt_ids,
        require_context,
        require_embedded,
        virtual_tokens,
    )

    torch.set_num_threads(request["threads"])
    prompts, settings = prompts_in(request), request["settings"]
    model, tokenizer = loaded_subject(kept, request)
    yield {"begins": True}
    ids = prompt_ids(tokenizer, prompts, settings, virtual_tokens(model))
    require_embedded(model, tokenizer, ids)
    require_context(model, ids, settings)
    rows = []
    with torch.inference_mode():
        for tokens in ids:
            given = torch.tensor([tokens], device=model.device)
            rows.append(model(given, use_cache=False, logits_to_keep=1).logits[0, -1].float().cpu())
    logits = torch.stack(rows)
    likeliest = tokenizer.batch_decode(logits.argmax(-1).unsqueeze(-1))
    yield {"logits": logits.numpy(), "likeliest": likeliest}

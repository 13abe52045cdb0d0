"""Whether an intervention does anything: both subjects on a few prompts, before an audit spends.

An adapter whose keys load as nothing, or a server that answers with its base model, looks like a
subject that behaves as the base does; here it gives the same numbers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from scripts.core.rows import ROW
from scripts.core.vocabulary import SIDES
from scripts.models.decoder import loaded_subject, prompts_in
from scripts.models.host import Kept, Message
from scripts.prompts.prompt import Prompt

PROMPTS = 32
TOKENS = 32  # of a greedy reply
NEARLY_ALL = 0.9  # of greedy replies: servers round in their own way from batch to batch


@dataclass(frozen=True, slots=True)
class Contrast:
    """How far two subjects are apart on a few explore prompts."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 1

    prompts: int
    """Prompts that both were given."""
    identical: int
    """Prompts with the very same distribution of the next token, or the very same greedy reply."""
    greedy: bool
    """Whether greedy replies were compared, because a subject is served; else distributions."""
    likeliest: int | None = None
    """Prompts after which the likeliest next token is the same."""
    set_alike: bool = False
    """Whether the subjects are set alike but for how tokens are drawn, so that nothing differs."""
    distance: float | None = None
    """Mean total variation distance of the next token's distributions, 0…1; none where the subjects
    have other vocabularies."""

    @property
    def notice(self) -> str | None:
        """What to ask when the intervention seems to do nothing, though it should."""
        least = NEARLY_ALL if self.greedy else 1.0
        if self.set_alike or not self.prompts or self.identical < least * self.prompts:
            return None
        what = "greedy replies" if self.greedy else "distributions of the next token"
        many = "all" if self.identical == self.prompts else f"{self.identical} of"
        return (
            f"{many} {self.prompts} {what} of the two subjects are equal: is the intervention "
            "applied?"
        )


def of_replies(base: Sequence[str], intervention: Sequence[str]) -> dict[str, Any]:
    """The fields of a Contrast from the greedy replies to the same prompts."""
    same = sum(a == b for a, b in zip(base, intervention, strict=True))
    return {"prompts": len(base), "identical": same, "greedy": True}


def contrast_loaded(kept: Kept, request: Mapping[str, Any]) -> Iterator[Message]:
    """The operation that compares two loaded subjects; a request holds `prompts`, `threads` and,
    for each side, what `decoder.loaded_subject` reads. One message: the fields of a Contrast."""
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

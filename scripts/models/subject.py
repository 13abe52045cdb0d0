"""Load a subject: weights, adapter and tokenizer, and format prompts for it."""

import ctypes
import logging
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError

import torch
from jinja2 import TemplateError
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from scripts.core.errors import AuditError
from scripts.models.adapter import check_adapter, check_files
from scripts.models.arithmetic import resolve
from scripts.models.checkpoint import check_checkpoint, quantization_of
from scripts.models.formatting import (
    before_stop,
    brings_tokenizer,
    messages_of,
    plain_text,
    within_first_turn,
)
from scripts.models.reasoning import template_in
from scripts.models.settings import Formatting, LoadedSettings, Loading
from scripts.models.thinking import template_arguments
from scripts.prompts.prompt import Prompt

transformers_logging.disable_progress_bar()
log = logging.getLogger("audit")


# Settings that decide what is loaded; the others say how it is used.
LOADED_BY = (
    "dtype", "quantization", "trust_remote_code", "pickled_weights", "chat_template", "tokenizer",
)  # fmt: skip

ENDING = 16  # tokens at most with which a thought is ended
MARGIN = 8  # tokens before a stop string that are decoded with it
QUOTED = 60  # characters of a message that a template fails on


def keep_memory() -> None:
    """Tell glibc's malloc to keep freed memory instead of handing it back to the system.

    A decode step frees and asks for tens of megabytes a hundred times; fetched anew, each page
    faults (440 instead of 720 tokens a second on two cores). Where there is no glibc, nothing
    happens.
    """
    trim_threshold, top_pad, mmap_max = -1, -2, -4  # malloc.h
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, 2**31 - 1)
    mallopt(top_pad, 2**28)


def device() -> torch.device:
    """The accelerator that the scheduler left visible, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def load_tokenizer(folder: Path, settings: Loading, adapters: Sequence[Path] = ()):
    """The subject's own tokenizer, padding on the left, with the template that it is given: where
    an adapter's has none the model's, with which it was trained then. Raises AuditError without
    one."""
    own = brings_tokenizer(adapters, settings)
    place = own or folder
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            place, trust_remote_code=settings["trust_remote_code"]
        )
    except (ImportError, OSError, ValueError) as error:
        remedy = "; with `tokenizer: base` its subject uses the model's" * bool(own)
        raise _not_loaded(f"the tokenizer of `{place}`", error, remedy) from error
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if isinstance(settings["chat_template"], Mapping) and settings["chat_template"]["text"]:
        tokenizer.chat_template = settings["chat_template"]["text"]
    if settings["chat_template"] and not tokenizer.chat_template and own:
        tokenizer.chat_template = template_in(folder)
        if tokenizer.chat_template:
            log.info("`%s` has a tokenizer and no chat template: it is the model's", own)
    if settings["chat_template"] and not tokenizer.chat_template:
        neither = f", nor has `{folder}`" * bool(own)
        raise AuditError(
            f"the tokenizer of `{place}` has no chat template{neither}; set `chat_template: false`"
        )
    return tokenizer


def load_model(folder: Path, adapters: Sequence[Path], settings: Loading, devices: int = 1):
    """The subject's weights in its dtype (`arithmetic.resolve`) or quantised, ready to decode.
    Adapters are merged (in float32) one after the other; quantised weights keep them beside them.
    devices: accelerators that it is spread over, where there are any.

    Raises AuditError when the model cannot be loaded, or an adapter not completely.
    """
    keep_memory()
    check_checkpoint(folder, settings)
    pickled = bool(settings.get("pickled_weights"))
    for adapter in adapters[:1]:  # what comes after it is for what it makes of the model
        check_adapter(folder, adapter, pickled)
    for adapter in adapters[1:]:
        check_files(adapter, pickled)
    if adapters:
        from scripts.models.attached import config_of, stacked

        for adapter in adapters:
            config_of(adapter)
    dtype = getattr(torch, resolve(settings["dtype"]))
    few_bits = quantized(settings.get("quantization", "none"), dtype)
    placed = spread(devices) if devices > 1 and device().type == "cuda" else {}
    if method := quantization_of(folder):
        few_bits = {"device_map": {"": device()}}
        show_bitsandbytes(method == "bitsandbytes")
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.float32 if adapters and not few_bits else dtype,
            trust_remote_code=settings["trust_remote_code"],
            use_safetensors=None if pickled else True,
            **few_bits | placed,
        )
    except (ImportError, OSError, ValueError, UnpicklingError) as error:
        raise _not_loaded(f"the model in `{folder}`", error) from error
    if adapters:
        model = stacked(model, adapters, merge=not few_bits)
        if not few_bits:
            model = model.to(dtype)
    if few_bits:
        return model.eval()
    # torch.matmul folds the batch into one product only for weights that could need gradients
    # (aten's should_fold); peft leaves them frozen, and the first token's logits then copy the
    # whole output layer once a row: 140 instead of 400 tokens a second on two cores.
    ready: torch.nn.Module = model
    return (ready if placed else ready.to(device())).requires_grad_(True).eval()


def spread(devices: int) -> dict[str, object]:
    """What `from_pretrained` is told to deal a model's layers out to so many devices, as evenly as
    whole layers allow. Raises AuditError when there are not so many."""
    from scripts.models.device import take_devices

    room = {number: torch.cuda.mem_get_info(number)[0] for number in take_devices(devices)}
    return {"device_map": "balanced", "max_memory": room}


def quantized(bits: str, dtype: torch.dtype) -> dict[str, object]:
    """What `from_pretrained` is told for "int8" (LLM.int8, Dettmers et al. 2022) or "int4" (NF4,
    Dettmers et al. 2023); nothing for "none"."""
    if bits == "none":
        return {}
    show_bitsandbytes(True)
    from transformers import BitsAndBytesConfig

    eight = {"load_in_8bit": True}
    four = {
        "load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": dtype,
    }  # fmt: skip
    config = BitsAndBytesConfig(**(eight if bits == "int8" else four))
    return {"quantization_config": config, "device_map": {"": device()}}


def show_bitsandbytes(needed: bool) -> None:
    """Let bitsandbytes be imported, which job.py hides from who does not need it."""
    if needed and sys.modules.get("bitsandbytes", ...) is None:
        del sys.modules["bitsandbytes"]


def _not_loaded(what: str, error: Exception, remedy: str = "") -> AuditError:
    """What the libraries say when they cannot load something, in a sentence; remedy: a clause."""
    said = str(error).strip()
    if "trust_remote_code" in said:
        return AuditError(
            f"{what} needs Python code of its own, which runs with all that you may do; where you "
            "have read and trust it, set `trust_remote_code: true`"
        )
    if isinstance(error, UnpicklingError):
        return AuditError(f"{what} cannot be loaded: its pickle holds more than tensors")
    first = (said.splitlines() or [type(error).__name__])[0]
    return AuditError(f"{what} cannot be loaded: {first.rstrip('.')}{remedy}")


def stop_tokens(model, tokenizer) -> set[int]:
    """Token ids that end a reply: the tokenizer's and all that the checkpoint names."""
    named = [tokenizer.eos_token_id, model.config.eos_token_id]
    named.append(getattr(model.generation_config, "eos_token_id", None))
    flat = [i for entry in named for i in (entry if isinstance(entry, list) else [entry])]
    return {i for i in flat if i is not None}


def ends_at(
    tokenizer, strings: Sequence[str], *, after_thought: bool = False
) -> Callable[[list[int]], bool] | None:
    """Whether a reply's tokens hold a string that ends it, looking at the last ones, of which each
    is a byte at least; None where there is no such string. after_thought: white space that an
    answer begins with ends nothing."""
    if not strings:
        return None
    longest = max(len(string.encode()) for string in strings) + MARGIN

    def ended(tokens: list[int]) -> bool:
        text = tokenizer.decode(tokens[-longest:], skip_special_tokens=True)
        text = text.lstrip() if after_thought else text
        return before_stop(text, strings) != text

    return ended


def pad_token(tokenizer, model) -> int:
    """What fills a batch; it is masked, so that any token will do where there is none for it, or
    one without an embedding."""
    given = tokenizer.pad_token_id
    return given if given is not None and given < embedded(model) else 0


def embedded(model) -> int:
    """Tokens (count) that a model has embeddings for."""
    return model.get_input_embeddings().weight.shape[0]


def require_embedded(model, tokenizer, ids: Sequence[Sequence[int]]) -> None:
    """Raise AuditError where a prompt has a token that the model has no embedding for."""
    count = embedded(model)
    if lost := {token for prompt in ids for token in prompt if token >= count}:
        named = tokenizer.convert_ids_to_tokens(min(lost))
        raise AuditError(
            f"the tokenizer has a token `{named}` (id {min(lost)}), and the model has embeddings "
            f"for {count} tokens alone; name the tokenizer's own model, with an adapter perhaps by "
            "`tokenizer: base`, or give a chat template without the token (`chat_template.file`)"
        )


def prompt_ids(
    tokenizer,
    prompts: Iterable[Prompt],
    settings: Loading,
    before: Sequence[int] = (),
) -> list[list[int]]:
    """Token ids of each prompt, formatted as the subject expects it, behind the tokens that an
    adapter puts before all (`virtual_tokens`).

    Raises AuditError for a list of messages without a chat template, or with one that fails.
    """
    ids, chat = [], Chat(tokenizer, settings) if settings["chat_template"] else None
    for prompt in prompts:
        if chat:
            text = chat.text(messages_of(prompt, settings)) + settings["response_prefix"]
            found = tokenizer(text, add_special_tokens=False)["input_ids"]
        else:
            text = plain_text(prompt, settings) + settings["response_prefix"]
            found = tokenizer(text)["input_ids"] or [tokenizer.bos_token_id or 0]
        ids.append([*before, *found])
    return ids


def require_context(model, ids: Sequence[Sequence[int]], settings: LoadedSettings) -> None:
    """Raise AuditError when the longest prompt and its reply are more tokens than the model was
    made for; some models know no such number."""
    config = model.config.get_text_config()
    room = getattr(config, "max_position_embeddings", None)
    scaling = getattr(config, "rope_parameters", None) or {}
    if room and scaling.get("factor") and scaling.get("original_max_position_embeddings"):
        room = max(room, int(scaling["factor"] * scaling["original_max_position_embeddings"]))
    longest, reply = max(map(len, ids)), settings["sampling"]["max_new_tokens"]
    thoughts = settings.get("thoughts")
    thought, ending = (thoughts["max_tokens"], ENDING) if thoughts else (0, 0)
    if room and longest + thought + ending + reply > room:
        thinking = f" a thought of up to {thought}," * bool(thought)
        shorter = "`sampling.max_new_tokens`" + " or `reasoning.max_tokens`" * bool(thought)
        raise AuditError(
            f"the longest prompt has {longest} tokens; with{thinking} a reply of up to {reply} it "
            f"does not fit into the model's context of {room}; lower {shorter}, or take long "
            "prompts out of the bank"
        )


def virtual_tokens(model) -> list[int]:
    """Tokens that a model's adapter puts before every prompt."""
    return getattr(model, "virtual_tokens", [])


class Chat:
    """A tokenizer's chat template with what a subject's settings tell it (`chat_template`,
    `thinking`). Raises AuditError where nothing turns thinking off."""

    def __init__(self, tokenizer, settings: Formatting):
        given = settings["chat_template"]
        self.tokenizer = tokenizer
        self.arguments = {} if isinstance(given, bool) else dict(given["arguments"])
        if settings.get("thinking") == "off":
            self.arguments |= template_arguments(tokenizer.get_chat_template())
        turn = {"role": "user", "content": "Hello"}
        system = turn | {"role": "system"}
        self.takes_system = bool(self._fails([turn])) or not self._fails([system, turn])
        if not self.takes_system:
            log.info("the chat template has no system role: system messages go before the user's")

    def text(self, messages: list[dict[str, str]]) -> str:
        """The messages as text that the reply follows. Raises AuditError."""
        given = messages if self.takes_system else within_first_turn(messages)
        said, error = self._tried(given)
        if said is not None:
            return said
        parts = (given[:n] for n in range(1, len(given)))
        broke = next((part for part in parts if self._fails(part)), given)[-1]
        raise AuditError(
            f"the subject's chat template cannot format a prompt ({error}): it fails on the "
            f"{broke['role']} message {shortened(broke['content'])!r}; take the prompt out of the "
            "bank, or set `chat_template.file`"
        )

    def _fails(self, messages: list[dict[str, str]]) -> str | None:
        """What the template has against the messages."""
        return self._tried(messages)[1]

    def _tried(self, messages: list[dict[str, str]]) -> tuple[str | None, str | None]:
        """The messages as text, or what the template has against them."""
        try:
            said = self.tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True, **self.arguments
            )
        except (TemplateError, TypeError, ValueError) as error:
            return None, " ".join(str(error).split()) or type(error).__name__
        return said, None


def shortened(text: str) -> str:
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}…"

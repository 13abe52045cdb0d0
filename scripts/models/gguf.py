"""GGUF files, which packages carry, as checkpoints that transformers loads."""

from collections.abc import Iterator
from pathlib import Path

from scripts.core.errors import AuditError
from scripts.models.host import Kept, Message, Request


def convert_gguf(kept: Kept, request: Request) -> Iterator[Message]:
    """An operation (host.py): dequantise the file `gguf` and save it in `folder` as safetensors
    (float32) with its tokenizer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    gguf, folder = Path(request["gguf"]), request["folder"]
    try:
        quantised = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name)
    except (KeyError, NotImplementedError, OSError, ValueError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise AuditError(
            f"`{gguf}` cannot be loaded by transformers ({first}); name the checkpoint that it was "
            "made from, or let llama.cpp serve it (`server`)"
        ) from error
    config = quantised.config
    # transformers refuses to save what it loaded from GGUF: put the weights in a fresh model
    del config.quantization_config
    model = AutoModelForCausalLM.from_config(config, dtype=quantised.dtype)
    model.load_state_dict(quantised.state_dict())
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)
    yield {"saved": folder}


def template_of_gguf(file: Path) -> str:
    """The chat template in a GGUF file, empty where it has none."""
    from gguf import GGUFReader

    field = GGUFReader(file).get_field("tokenizer.chat_template")
    return str(field.contents()) if field else ""

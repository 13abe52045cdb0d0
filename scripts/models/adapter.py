"""Does an adapter fit a model? Read from the headers of their safetensors files, without torch."""

import importlib.util
import json
import re
import struct
from collections import defaultdict
from pathlib import Path

from scripts.core.errors import AuditError
from scripts.core.files import JsonObject, read_json
from scripts.models.checkpoint import check_pickles
from scripts.models.formatting import TOKENIZER

CONFIG = "adapter_config.json"
TOKENS, ADDED = "tokenizer.json", "added_tokens.json"
WEIGHTS, PICKLED = "adapter_model.safetensors", "adapter_model.bin"
INSIDE = "base_model.model."  # what PEFT puts before the name of a layer
MORE = ("modules_to_save", "target_parameters", "trainable_token_indices")  # beside its targets
# Kinds of adapters that cannot be decoded here, and why: what they add is no part of the weights,
# and decoding step by step, many prompts at a time, does not give it what it needs.
REFUSED = {
    "ADAPTION_PROMPT": "it takes part in the attention to every token",
    "CARTRIDGE": "it learns keys and values that stand before every prompt",
    "MULTITASK_PROMPT_TUNING": "it is told a task with every prompt",
    "POLY": "it is told a task with every prompt",
    "PREFIX_TUNING": "it learns keys and values that stand before every prompt",
    "SHADOW": "it runs a second model beside the first",
    "XLORA": "it mixes adapters anew for every token",
}
INVOKED = "alora_invocation_tokens"  # of LoRA that is active behind them alone
PART = re.compile(r"\.(lora_(?:embedding_)?[AB])(?:\.weight)?$")


def token_count(folder: Path) -> int:
    """How many tokens a tokenizer's ids need embeddings for, as far as its files tell; 0 where
    there are none."""
    ids = [-1]
    if (folder / TOKENS).is_file():
        tokens = read_json(folder / TOKENS)
        vocabulary = tokens.get("model", {}).get("vocab", {})
        in_order = isinstance(vocabulary, list)  # of unigrams: pairs of a token and its score
        ids += [len(vocabulary) - 1] if in_order else vocabulary.values()
        ids += [token["id"] for token in tokens.get("added_tokens", ())]
    if (folder / TOKENIZER).is_file():
        ids += map(int, read_json(folder / TOKENIZER).get("added_tokens_decoder", ()))
    if (folder / ADDED).is_file():
        ids += read_json(folder / ADDED).values()
    return 1 + max(ids)


def weight_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of all tensors in a folder's safetensors files; no weights are read.

    The format begins with the length of a JSON header, 8 bytes, little-endian.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with open(path, "rb") as file:
            header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        header.pop("__metadata__", None)
        shapes |= {name: tuple(tensor["shape"]) for name, tensor in header.items()}
    return shapes


def check_adapter(base: Path, adapter: Path, pickled: bool = False) -> None:
    """Raise AuditError when an adapter does not load completely into the base model, or has its
    weights in a pickle and these are not allowed (`pickled`).

    Only what the headers leave open is put to PEFT, on a model without weights: some seconds. They
    leave open what the model calls otherwise than its file, such as fused experts.
    """
    check_files(adapter, pickled)
    shapes = weight_shapes(base)
    if not shapes or _fits(shapes, adapter) or importlib.util.find_spec("peft") is None:
        return
    from scripts.models.attached import check_attached

    check_attached(base, adapter)


def check_files(adapter: Path, pickled: bool) -> None:
    """Raise AuditError when a folder is no adapter, or of a kind that cannot be decoded here, or
    has its weights in a pickle and these are not allowed."""
    if not (adapter / CONFIG).is_file():
        raise AuditError(f"`{adapter}` is no PEFT adapter: it has no {CONFIG}")
    config = _configured(adapter)
    kind = config["peft_type"]
    why = REFUSED.get(kind)
    if config.get(INVOKED):
        kind, why = "activated LoRA", "it acts behind the tokens that invoke it, and not before"
    if why:
        raise AuditError(
            f"the adapter `{adapter}` is of the kind {kind}, which cannot be decoded here: {why}; "
            "decode it elsewhere and give its texts as `responses`"
        )
    check_pickles(adapter, pickled)
    if not any((adapter / name).is_file() for name in (WEIGHTS, PICKLED)):
        raise AuditError(
            f"the adapter `{adapter}` needs {WEIGHTS} and has none; name the folder that PEFT saved"
        )


def _configured(adapter: Path) -> JsonObject:
    """An adapter's configuration. Raises AuditError when it is none of PEFT's."""
    try:
        config = read_json(adapter / CONFIG)
    except ValueError as error:
        raise AuditError(f"the configuration of an adapter cannot be read: {error}") from None
    if not isinstance(config, dict) or not isinstance(config.get("peft_type"), str):
        raise AuditError(
            f"`{adapter / CONFIG}` names no `peft_type`, so that it is no adapter of PEFT; name "
            "the folder that PEFT saved"
        )
    return config


def _fits(base: dict[str, tuple[int, ...]], adapter: Path) -> bool:
    """Whether the headers alone show that a LoRA adapter changes layers that the base has, of the
    same widths, and leaves out none of its targets."""
    layers = {name.removesuffix(".weight"): shape for name, shape in base.items()}
    parts: dict[str, set[str]] = defaultdict(set)
    for name, shape in weight_shapes(adapter).items():
        part = PART.search(name)
        if part is None:
            return False
        layer = name.removeprefix(INSIDE)[: -len(part[0])]
        axis = {"lora_A": 1, "lora_B": 0}.get(part[1])
        if axis is None or not name.startswith(INSIDE) or len(layers.get(layer, ())) != 2:
            return False
        if layers[layer][axis] != shape[axis]:
            return False
        parts[layer].add(part[1])
    alike = {_numberless(layer) for layer in parts}
    changed = {layer for layer in layers if _numberless(layer) in alike}
    config = _configured(adapter)
    targets = config.get("target_modules")
    return (
        config["peft_type"] == "LORA"
        and changed == set(parts)
        and all(len(found) == 2 for found in parts.values())
        and isinstance(targets, list)
        and not any(config.get(name) for name in MORE)
        and set(targets) <= {tail for layer in parts for tail in _tails(layer)}
    )


def _numberless(layer: str) -> str:
    return re.sub(r"\.\d+(?=\.|$)", ".#", layer)


def _tails(layer: str) -> list[str]:
    """What a target may call a layer: its name from any dot on."""
    words = layer.split(".")
    return [".".join(words[n:]) for n in range(len(words))]

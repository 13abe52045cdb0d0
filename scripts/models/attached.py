"""Put an adapter beside a model's weights, by PEFT, and see that all of it is there."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from peft import PeftConfig, PeftModel, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from scripts.core.errors import AuditError

warnings.filterwarnings("ignore", module="peft")  # what they say of is an error here, or done
SHOWN = 3  # keys
NAME = "default"  # what PEFT calls an adapter within a model


def attach(model, adapter: Path) -> PeftModel:
    """The model with its adapter. Raises AuditError when a key of the adapter is not the model's,
    or one that its configuration asks for is not there: PEFT takes both without an error, and an
    adapter of which nothing was loaded changes nothing.
    """
    config = PeftConfig.from_pretrained(adapter)
    config.inference_mode = True
    names = (
        {} if config.is_prompt_learning else getattr(model, "_checkpoint_conversion_mapping", {})
    )
    try:
        model = get_peft_model(model, config)
        bare = model.device.type == "meta"  # nothing can be copied to what has no memory
        loaded = model.load_adapter(adapter, NAME, key_mapping=names, low_cpu_mem_usage=bare)
    except (RuntimeError, ValueError) as error:
        said = " ".join(str(error).split()).partition("size mismatch for ")
        reason = "".join(said[1:]).partition(" size mismatch for ")[0] or said[0]
        raise AuditError(
            f"the adapter `{adapter}` is for another architecture: {reason.rstrip('.')}; name the "
            "model that the adapter was trained on"
        ) from error
    except KeyError as error:
        raise AuditError(_incomplete(adapter, [], [error.args[0]])) from error
    if loaded.unexpected_keys or loaded.missing_keys:
        raise AuditError(_incomplete(adapter, loaded.unexpected_keys, loaded.missing_keys))
    return model


def _incomplete(adapter: Path, unexpected: Sequence[str], missing: Sequence[str]) -> str:
    found = [
        f"{len(keys)} {what} ({_listed(keys)})"
        for what, keys in (("of its keys name nothing in the model", unexpected),
                           ("keys that it needs are missing", missing))
        if keys
    ]  # fmt: skip
    return (
        f"the adapter `{adapter}` would be loaded in part or not at all: {' and '.join(found)}; "
        "name the model that the adapter was trained on, or save it again with PEFT"
    )


def _listed(keys: Sequence[str]) -> str:
    shown = [f"`{key.replace(f'.{NAME}', '')}`" for key in keys[:SHOWN]]
    return ", ".join([*shown, *["…"] * (len(keys) > SHOWN)])


def untie(model) -> None:
    """Give a model whose adapter changes one of two tied layers two layers: merged into the output
    layer alone, it would change the embeddings, too."""
    layers = model.get_input_embeddings(), model.get_output_embeddings()
    own = [getattr(layer, "base_layer", layer) for layer in layers]
    if own[1] is None or own[0].weight is not own[1].weight or own == list(layers):
        return
    own[1].weight = torch.nn.Parameter(own[1].weight.detach().clone(), requires_grad=False)


def check_attached(base: Path, adapter: Path) -> None:
    """Raise AuditError where `attach` would, without the model's weights; models with code of their
    own are left to it."""
    try:
        config = AutoConfig.from_pretrained(base, trust_remote_code=False)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except ValueError:
        return
    attach(model, adapter)

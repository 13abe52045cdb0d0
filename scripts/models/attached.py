"""Put an adapter beside a model's weights, by PEFT, and see that all of it is there."""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError

import peft
import torch
from peft import PeftConfig, PeftModel, PeftType, get_peft_model
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM

from scripts.core.errors import AuditError
from scripts.core.files import read_json
from scripts.core.job import log, out_of_memory
from scripts.models.adapter import CONFIG, MORE, PICKLED, WEIGHTS, token_count, weight_shapes

warnings.filterwarnings("ignore", module="peft")  # what they say of is an error here, or done
SHOWN = 3  # keys
SIZE = r"torch\.Size\((\[[\d, ]*\])\)"
BESIDE = {"LILY"}  # kinds of adapters that PEFT never merges
NAME = "default"  # what PEFT calls an adapter within a model


def stacked(model, adapters: Sequence[Path], merge: bool):
    """The model with its adapters: each merged into the weights before the next is put to them, or
    all of them beside the weights, where a sum is what merging them would be.

    What cannot be merged stays beside the weights, too. Raises AuditError where an adapter is not
    completely there, or the sum would be another model.
    """
    if not merge and len(adapters) > 1:
        require_sums(adapters)
    names = [NAME if merge or not n else f"{NAME}{n}" for n in range(len(adapters))]
    for adapter, name in zip(adapters, names, strict=True):
        if getattr(model, "virtual_tokens", None):
            raise AuditError(
                f"the adapter `{adapter}` cannot follow one that puts tokens before every prompt; "
                "put that one last"
            )
        if merge and isinstance(model, PeftModel):
            raise AuditError(
                f"the adapter `{adapter}` cannot follow one that is not merged into the weights; "
                "put that one last"
            )
        model = attach(model, adapter, name)
        if merge:
            model = merged(model, adapter)
    if len(set(names)) > 1:
        model.base_model.set_adapter(names)
    return model


def require_sums(adapters: Sequence[Path]) -> None:
    """Raise AuditError unless all adapters only add to weights, whatever the others do."""
    for adapter in adapters:
        config = config_of(adapter)
        more = ("use_dora", *MORE)
        adds = kind_of(config) == "LORA" and not any(getattr(config, n, None) for n in more)
        if not adds or any("lora_" not in name for name in shapes_in(adapter)):
            raise AuditError(
                f"the adapter `{adapter}` does more than add to weights, so that it cannot be "
                "stacked beside quantised weights; take `quantization: none` and a checkpoint that "
                "is not quantised, or merge the adapters beforehand"
            )


def attach(model, adapter: Path, name: str = NAME):
    """The model with its adapter, as PEFT has it; what an adapter puts before the prompt becomes
    tokens of the model.

    Raises AuditError when a key of the adapter is not the model's, or one that its configuration
    asks for is not there: PEFT takes both without an error, and an adapter of which nothing was
    loaded changes nothing.
    """
    config = config_of(adapter)
    if config.is_prompt_learning:
        return with_virtual_tokens(model, adapter, kind_of(config))
    config.inference_mode = True
    names = getattr(model, "_checkpoint_conversion_mapping", {})
    take_vocabulary(model, adapter)
    try:
        if isinstance(model, PeftModel):
            model.add_adapter(name, config)
        else:
            model = get_peft_model(model, config, adapter_name=name)
        bare = model.device.type == "meta"  # nothing can be copied to what has no memory
        loaded = model.load_adapter(adapter, name, key_mapping=names, low_cpu_mem_usage=bare)
    except (RuntimeError, ValueError) as error:
        raise AuditError(
            f"the adapter `{adapter}` is for another architecture: {_reason(error)}; name the "
            "model that the adapter was trained on"
        ) from error
    except KeyError as error:
        raise AuditError(_incomplete(adapter, [], [error.args[0]])) from error
    if loaded.unexpected_keys or loaded.missing_keys:
        raise AuditError(_incomplete(adapter, loaded.unexpected_keys, loaded.missing_keys))
    return model


def config_of(adapter: Path) -> PeftConfig:
    """An adapter's configuration. Raises AuditError where this PEFT knows no such kind."""
    kind = read_json(adapter / CONFIG)["peft_type"]
    try:
        return PeftConfig.from_pretrained(str(adapter))
    except KeyError:
        raise AuditError(
            f"the adapter `{adapter}` is of the kind {kind}, which PEFT {peft.__version__} does "
            "not know; install a later one where models are loaded (envs/models.yaml), or name a "
            "checkpoint that it is merged into"
        ) from None
    except (TypeError, ValueError) as error:
        raise AuditError(
            f"PEFT {peft.__version__} cannot read the configuration of the adapter `{adapter}` "
            f"({' '.join(str(error).split())}); save it again with PEFT"
        ) from error


def kind_of(config: PeftConfig) -> str:
    """What PEFT calls a kind of adapters."""
    return PeftType(config.peft_type).value


def learnt_by(adapter: Path) -> dict[str, torch.Tensor]:
    """The tensors of an adapter. Raises AuditError for a pickle that holds more."""
    if (adapter / WEIGHTS).is_file():
        return load_file(adapter / WEIGHTS)
    try:
        return torch.load(adapter / PICKLED, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise AuditError(f"`{adapter / PICKLED}` holds more than tensors") from error


def shapes_in(adapter: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of an adapter's tensors; of safetensors the headers alone are read."""
    return weight_shapes(adapter) or {n: tuple(t.shape) for n, t in learnt_by(adapter).items()}


def take_vocabulary(model, adapter: Path) -> None:
    """Give a model as many tokens as its adapter has embeddings for: those of a tokenizer with
    tokens of its own. Tokens that it has none for, and trains none, get what transformers gives
    new ones: the mean of the others."""
    embeddings = model.get_input_embeddings()
    layers = (embeddings, model.get_output_embeddings())
    last = {name.rpartition(".")[2] for name, layer in model.named_modules() if layer in layers}
    own_rows = re.compile(rf"\b(?:{'|'.join(last)})(?:\.base_layer)?\.weight$")
    rows = {
        shape[0]
        for name, shape in shapes_in(adapter).items()
        if len(shape) == 2 and own_rows.search(name)
    }
    own = embeddings.weight.shape[0]
    if not rows:
        trained = 1 + max(_trained_tokens(adapter), default=-1)
        tokens = max(_tokens_beyond(model, adapter, own), trained)
        rows = {max(own, tokens)}
        if tokens > own:
            log.warning(
                "`%s` has %d tokens more than the model has embeddings for and brings none: they "
                "are the mean of the others, as transformers makes new ones",
                adapter,
                tokens - own,
            )
    if len(rows) == 1 and rows != {own}:
        resize(model, *rows)


def resize(model, rows: int) -> None:
    """Give a model so many tokens; new ones are the mean of the others."""
    own = model.get_input_embeddings().weight.shape[0]
    model.resize_token_embeddings(rows, mean_resizing=False)
    if rows <= own:
        return
    with torch.no_grad():
        for layer in (model.get_input_embeddings(), model.get_output_embeddings()):
            if layer is None:
                continue
            layer.weight[own:] = layer.weight[:own].mean(dim=0)
            if (bias := getattr(layer, "bias", None)) is not None:
                bias[own:] = bias[:own].mean()


def _tokens_beyond(model, adapter: Path, own: int) -> int:
    """Tokens of an adapter's tokenizer; 0 where they are no more than the model's embeddings (count
    `own`) or the model's tokenizer has, some of whose have no embedding in a few models."""
    tokens = token_count(adapter)
    beyond = tokens > own and tokens > token_count(Path(model.name_or_path))
    return tokens if beyond else 0


def _trained_tokens(adapter: Path) -> Sequence[int]:
    """Ids of tokens that an adapter trains one by one."""
    config = read_json(adapter / CONFIG)
    given = config.get("trainable_token_indices") or config.get("token_indices") or []
    lists = given.values() if isinstance(given, dict) else [given]
    return [token for tokens in lists for token in tokens]


def with_virtual_tokens(model, adapter: Path, kind: str):
    """The model with the embeddings that prompt tuning (Lester et al. 2021), p-tuning (Liu et al.
    2021) or CPT (Blau et al. 2024) has learnt, as tokens behind its own vocabulary;
    `virtual_tokens` has their ids.

    They stand before every prompt and are never said: the output layer keeps its size. Raises
    AuditError for a kind that changes more than that, or another width.
    """
    take_vocabulary(model, adapter)  # behind which the virtual tokens are
    learnt = learnt_by(adapter).get("prompt_embeddings")
    embeddings = model.get_input_embeddings()
    count, width = embeddings.weight.shape
    if kind not in ("CPT", "PROMPT_TUNING", "P_TUNING") or learnt is None:
        raise AuditError(
            f"the adapter `{adapter}` is of the kind {kind}, which cannot be decoded here; "
            "decode it elsewhere and give its texts as `responses`"
        )
    if learnt.shape[1] != width:
        raise AuditError(
            f"the adapter `{adapter}` is for another architecture: its virtual tokens are "
            f"{learnt.shape[1]} wide, the model's {width}; name the model that it was trained on"
        )
    # Some models scale what they look up, and virtual tokens come as they are.
    learnt = learnt.to(embeddings.weight) / getattr(embeddings, "embed_scale", 1.0)
    own = embeddings.weight.detach()
    embeddings.weight = torch.nn.Parameter(torch.cat([own, learnt]), requires_grad=False)
    embeddings.num_embeddings = count + len(learnt)
    model.virtual_tokens = list(range(count, count + len(learnt)))
    return model


def merged(model, adapter: Path):
    """The model with what PEFT has put beside its weights in them; beside them where there is
    nothing in them that it could go into. Raises AuditError where PEFT cannot merge it."""
    if not isinstance(model, PeftModel):
        return model
    if stays_beside(model):
        log.info("the adapter `%s` cannot be merged and stays beside the weights", adapter)
        return model
    untie(model)
    try:
        return model.merge_and_unload()
    except (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        if out_of_memory(error):
            raise
        said = " ".join(str(error).split()) or type(error).__name__
        raise AuditError(
            f"the adapter `{adapter}` cannot be merged into the weights, as PEFT says: "
            f"{said.rstrip('.')}; name a checkpoint that it is merged into, or decode it elsewhere "
            "and give its texts as `responses`"
        ) from error


def stays_beside(model: PeftModel) -> bool:
    """Whether a model has an adapter of a kind that PEFT never merges, or one with biases for
    layers that have none."""
    kind = kind_of(model.peft_config[NAME])
    if kind in BESIDE:
        return True
    biased = getattr(model.peft_config[NAME], "lora_bias", False) or kind == "BEFT"
    layers = (layer for layer in model.modules() if isinstance(layer, BaseTunerLayer))
    return biased and any(getattr(own.get_base_layer(), "bias", None) is None for own in layers)


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


def _reason(error: Exception) -> str:
    """What is not of the model's size, the first of it with both sizes; else what was said."""
    said = " ".join(str(error).split())
    found = re.findall(rf"size mismatch for (\S+): .*?{SIZE} from.*?{SIZE}", said)
    if not found:
        return said.partition("size mismatch for ")[2].rstrip(".") or said.rstrip(".")
    named = [f"{_listed([name])} ({theirs}, the model's {own})" for name, theirs, own in found]
    more = ["…"] * (len(found) > SHOWN)
    what = "weight has another size" if len(found) == 1 else "weights have other sizes"
    return f"{len(found)} of its {what}: {', '.join([*named[:SHOWN], *more])}"


def _listed(keys: Sequence[str]) -> str:
    named = re.compile(rf"\.{NAME}[0-9]*(?=\.|$)")
    shown = [f"`{named.sub('', key)}`" for key in keys[:SHOWN]]
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

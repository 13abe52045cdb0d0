"""What lies in a checkpoint's folder, looked at before any of it is loaded; imports no torch."""

import json
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

from scripts.core.errors import AuditError
from scripts.core.files import JsonObject
from scripts.models.settings import Loading

# What transformers needs for weights that are quantised already, by the name of the method in
# config.json (transformers/quantizers): modules, whose packages have the same names with dashes.
NEEDS = {
    "aqlm": ("aqlm",),
    "auto-round": ("auto_round",),
    "awq": ("gptqmodel",),
    "bitsandbytes": ("bitsandbytes",),
    "compressed-tensors": ("compressed_tensors",),
    "fbgemm_fp8": ("fbgemm_gpu",),
    "fp8": ("accelerate",),
    "gptq": ("gptqmodel", "optimum"),
    "hqq": ("hqq",),
    "mxfp4": ("accelerate",),
    "torchao": ("torchao",),
}


def check_checkpoint(folder: Path, settings: Loading) -> None:
    """Raise AuditError when a checkpoint cannot be loaded as its subject asks for: it is quantised
    already, in pickles, or in a format that needs a package; or code of its own lies elsewhere."""
    check_format(folder)
    method, bits = quantization_of(folder), settings.get("quantization", "none")
    if method and bits != "none":
        raise AuditError(
            f"the checkpoint in `{folder}` is quantised already ({method}); take out "
            f"`quantization: {bits}`"
        )
    check_allowed(folder, settings["trust_remote_code"], bool(settings.get("pickled_weights")))


def check_allowed(folder: Path, code: bool, pickled: bool) -> None:
    """Raise AuditError when weights are in pickles alone that are not allowed, or code of the
    model's own, where that may run, lies in another repository."""
    check_pickles(folder, pickled)
    if code:
        for file, place in _code_elsewhere(folder):
            raise AuditError(
                f"`{folder / file}` names code in another repository (`{place}`), of which no "
                "commit is pinned; put its *.py files into a folder with the model's, and take "
                "what stands before `--` out of `auto_map`"
            )


def check_format(folder: Path) -> None:
    """Raise AuditError when a checkpoint's format needs a package that is not installed."""
    method = quantization_of(folder)
    lacking = [name for name in NEEDS.get(method or "", ()) if not PathFinder.find_spec(name)]
    if lacking:
        packages = " and ".join(f"`{name.replace('_', '-')}`" for name in lacking)
        raise AuditError(
            f"the checkpoint in `{folder}` is quantised in the format {method}, which needs the "
            f"package {packages}; install it where models are loaded (envs/models.yaml), or name "
            "a checkpoint in another format"
        )


def quantization_of(folder: Path) -> str | None:
    """The method by which a checkpoint is quantised, as transformers calls it."""
    given = _read(folder, "config.json").get("quantization_config")
    return given.get("quant_method", "bitsandbytes") if given else None


def check_pickles(folder: Path, allowed: bool) -> None:
    """Raise AuditError when a folder has its weights in pickles alone and these are not allowed."""
    if allowed or any(folder.glob("*.safetensors")) or not (found := sorted(folder.glob("*.bin"))):
        return
    raise AuditError(
        f"`{folder}` has its weights in `{found[0].name}` alone, a pickle, which may run code when "
        "it is read; where you trust it, set `pickled_weights: true` beside that `model`, in its "
        "subject or `server`"
    )


def _code_elsewhere(folder: Path) -> Iterator[tuple[str, str]]:
    for file in ("config.json", "tokenizer_config.json"):
        for value in _read(folder, file).get("auto_map", {}).values():
            for name in value if isinstance(value, list) else [value]:
                if "--" in (name or ""):
                    yield file, name


def _read(folder: Path, name: str) -> JsonObject:
    try:
        return json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # transformers says what is wrong with it

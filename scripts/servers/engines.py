"""Programs that serve a model: the command that starts each, and where it says that it is ready."""

import importlib.util
import json
import math
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.core.errors import AuditError
from scripts.core.files import JsonObject
from scripts.servers.sampling import Warping

Arguments = Mapping[str, str | int | float | bool]  # by their long names; true sets a flag
WITH_ADAPTERS = ("vllm", "sglang")
OF_GGUF = ("llamacpp",)  # those that serve a GGUF file as it is
TRUSTING: Arguments = {"trust-remote-code": True}  # what tells each of the others so
NAME, ADAPTER = "subject", "adapter"  # what requests call the model, and the adapter beside it
RANKS = (16, 32, 64, 128, 256, 320, 512)  # of adapters that vLLM makes room for, 16 unless told
TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id")
# What says over how many devices; the others use all that they see.
SPREAD = {"vllm": "tensor-parallel-size", "sglang": "tp-size"}
# What says so, too, or which ones it takes by itself.
SPREADING = {
    *SPREAD.values(), "tp", "tp-size", "pipeline-parallel-size", "pp-size", "data-parallel-size",
    "dp-size",
}  # fmt: skip
CHOOSING = {"device", "main-gpu", "tensor-split", "split-mode", "base-gpu-id", "gpu-id-step"}
PART = re.compile(r"-\d{5}-of-\d{5}\.gguf$")  # of a GGUF file in parts, of which the first is named
NEEDED = ("fastapi", "uvicorn")  # by `transformers serve`


@dataclass(frozen=True)
class Command:
    """How a server is started; ready: the path that answers when it is, below its address; name: of
    the model, or of the adapter, in requests."""

    words: list[str]
    ready: str
    name: str = NAME


@dataclass(frozen=True)
class Started:
    """A server that was started: its address, its engine, the folder that it serves, and what
    requests call the model."""

    url: str
    engine: str
    model: Path
    name: str


def command(
    engine: str,
    model: Path,
    adapter: Path | None,
    port: int,
    arguments: Arguments,
    devices: int = 1,
) -> Command:
    """How to serve the model in a folder on so many devices. Raises AuditError, naming what is not
    installed."""
    at = ["--host", "127.0.0.1", "--port", str(port)]
    start = _STARTS[engine](model, adapter)
    if devices > 1 and engine in SPREAD and SPREAD[engine] not in arguments:
        at += [f"--{SPREAD[engine]}", str(devices)]
    return Command([*start.words, *at, *_as_words(arguments)], start.ready, start.name)


def devices_of(arguments: Arguments, devices: int) -> int | None:
    """How many devices a server is to see that its job has so many of: as many as its arguments
    spread it over, if that is more; None where these say themselves which ones it takes."""
    if CHOOSING & set(arguments):
        return None
    sizes = [value for name, value in arguments.items() if name in SPREADING]
    spread = math.prod(size for size in sizes if isinstance(size, int))
    return max(devices, spread)


def fields(engine: str, model: Path, sampling: Warping) -> JsonObject:
    """What requests to a server that was started here say beside the usual, or leave out (null).

    llama.cpp has defaults of its own, which are switched off. `transformers serve` decodes greedily
    unless the checkpoint or this says otherwise, and takes top_k and the like from here alone.
    """
    if engine == "llamacpp":
        penalty = sampling.get("repetition_penalty", 1.0)
        whole = {"repeat_last_n": -1} if penalty != 1.0 else {}
        return {"top_k": sampling["top_k"], "min_p": sampling.get("min_p", 0.0),
                "repeat_penalty": penalty, "repetition_penalty": None, **whole}  # fmt: skip
    if engine != "transformers":
        return {}
    told: JsonObject = {
        name: value for name, value in sampling.items() if name in ("min_p", "repetition_penalty")
    }
    told |= {"do_sample": sampling["temperature"] > 0, "top_k": sampling["top_k"]}
    for name in ("config.json", "generation_config.json"):
        if (model / name).is_file():
            known = json.loads((model / name).read_text())
            told |= {token: known[token] for token in TOKENS if known.get(token) is not None}
    elsewhere = dict.fromkeys(("top_k", "min_p", "repetition_penalty"))
    return {**elsewhere, "generation_config": json.dumps(told)}


def _as_words(arguments: Arguments) -> list[str]:
    words = []
    for name, value in arguments.items():
        if value is not False:
            words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    return words


def _vllm(model: Path, adapter: Path | None) -> Command:
    # Its sampling defaults, not the checkpoint's: what requests do not say is off.
    start = [_program("vllm"), "serve", str(model), "--generation-config", "vllm"]
    if adapter is None:
        return Command([*start, "--served-model-name", NAME], "/health")
    rank = json.loads((adapter / "adapter_config.json").read_text()).get("r", RANKS[0])
    room = next((most for most in RANKS if most >= rank), RANKS[-1])
    lora = ["--enable-lora", "--lora-modules", f"{NAME}={adapter}", "--max-lora-rank", str(room)]
    return Command([*start, "--served-model-name", "base", *lora], "/health")


def _sglang(model: Path, adapter: Path | None) -> Command:
    _require("sglang", "sglang")
    start = [sys.executable, "-m", "sglang.launch_server", "--model-path", str(model)]
    start += ["--served-model-name", NAME]
    if adapter is None:
        return Command(start, "/health")
    lora = ["--enable-lora", "--lora-paths", f"{ADAPTER}={adapter}"]
    return Command([*start, *lora], "/health", f"{NAME}:{ADAPTER}")


def _llamacpp(model: Path, _: Path | None) -> Command:
    files = [model] if model.suffix == ".gguf" else sorted(model.glob("*.gguf"))
    if not files:
        raise AuditError(f"`engine: llamacpp` needs a GGUF file, and `{model}` has none")
    if len({PART.sub("", file.name) for file in files}) > 1:
        raise AuditError(
            f"`engine: llamacpp` serves one GGUF file, and `{model}` has `{files[0].name}`, "
            f"`{files[1].name}`, …; name the file that you mean"
        )
    if found := shutil.which("llama-server"):
        return Command([found, "--model", str(files[0]), "--alias", NAME], "/health")
    _require("llamacpp", "llama_cpp", "llama-cpp-python[server], or llama.cpp's llama-server")
    start = [sys.executable, "-m", "llama_cpp.server"]
    return Command([*start, "--model", str(files[0]), "--model_alias", NAME], "/v1/models")


def _transformers(model: Path, _: Path | None) -> Command:
    _require("transformers", *NEEDED, "transformers[serving]")
    # It takes requests for the very model that it was told to load.
    return Command([_program("transformers"), "serve", str(model)], "/health", str(model))


_STARTS: dict[str, Callable[[Path, Path | None], Command]] = {
    "vllm": _vllm, "sglang": _sglang, "llamacpp": _llamacpp, "transformers": _transformers,
}  # fmt: skip
ENGINES = tuple(_STARTS)


def _program(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    if found := str(beside) if beside.exists() else shutil.which(name):
        return found
    raise AuditError(f"`engine: {name}` needs the program `{name}`: install the package {name}")


def _require(engine: str, *names: str) -> None:
    """Raise AuditError unless the modules are there; the last name is that of their package."""
    *modules, package = names if len(names) > 1 else (*names, *names)
    if missing := [name for name in modules if importlib.util.find_spec(name) is None]:
        raise AuditError(
            f"`engine: {engine}` needs {', '.join(missing)}: install {package} where jobs run"
        )

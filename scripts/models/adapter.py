"""Does an adapter fit a model? Read from the headers of their safetensors files, without torch."""

import json
import struct
from pathlib import Path

from scripts.workflow.errors import AuditError


def weight_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of all tensors in a folder's safetensors files; no weights are read.

    The format begins with the length of a JSON header, 8 bytes, little-endian.
    """
    shapes = {}
    for path in sorted(folder.glob("*.safetensors")):
        with open(path, "rb") as file:
            header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        header.pop("__metadata__", None)
        shapes |= {name: tuple(tensor["shape"]) for name, tensor in header.items()}
    return shapes


def check_adapter(base: Path, adapter: Path) -> None:
    """Raise AuditError when a LoRA adapter does not fit the base's layers."""
    if not (adapter / "adapter_config.json").is_file():
        raise AuditError(f"`{adapter}` is no PEFT adapter: it has no adapter_config.json")
    layers = {name.removesuffix(".weight"): shape for name, shape in weight_shapes(base).items()}
    for name, shape in weight_shapes(adapter).items():
        for part, axis in (("lora_A", 1), ("lora_B", 0)):
            layer, marker, _ = name.removeprefix("base_model.model.").partition(f".{part}.")
            if not marker or not layers:
                continue
            if layer not in layers:
                found = "has no such layer"
            elif layers[layer][axis] != shape[axis]:
                found = f"has width {layers[layer][axis]} there, the adapter {shape[axis]}"
            else:
                continue
            raise AuditError(
                f"the adapter `{adapter}` is for another architecture: it changes `{layer}`, and "
                f"the base model {found}; name the model that the adapter was trained on"
            )

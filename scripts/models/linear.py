"""Linear layers whose weights lie as oneDNN's products read them: reordered once, not in every
product. In bfloat16 a step's products take three quarters of the time; in float32, whose plain
products are another library's, from four fifths (AVX2) to two fifths (AVX-512)."""

from typing import Any

import torch

# What torch.compile calls for such layers; torch promises neither, so that without them all stays.
_reorder: Any = getattr(torch.ops.mkldnn, "_reorder_linear_weight", None)
_product: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None)


class PackedLinear(torch.nn.Module):
    """A linear layer for `rows` rows at a time, the number that its weights are laid out for."""

    def __init__(self, layer: torch.nn.Linear, rows: int):
        super().__init__()
        self.weight, self.bias = _reorder(layer.weight.detach(), rows), layer.bias

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return _product(inputs, self.weight, self.bias, "none", [], "")


@torch.inference_mode()
def pack_weights(model: torch.nn.Module, rows: int) -> torch.nn.Module:
    """The model with its linear layers packed where the processor has products of their type.

    Layer by layer, so that memory holds one of them twice. The model decodes and does nothing else.
    Left as they are: layers that an adapter stays beside, which may compute with their weights.
    """
    types, layers = _packed_types(), list(model.named_modules())
    beside = tuple(
        f"{name}."
        for name, layer in layers
        if type(getattr(layer, "base_layer", None)) is torch.nn.Linear
    )
    for name, layer in layers:
        if type(layer) is not torch.nn.Linear or name.startswith(beside):
            continue
        if layer.weight.device.type == "cpu" and layer.weight.dtype in types:
            model.set_submodule(name, PackedLinear(layer, rows))
    return model


def _packed_types() -> set[torch.dtype]:
    """Types of which oneDNN has products on this processor, in packed layers."""
    if not (_reorder and _product and torch.backends.mkldnn.is_available()):
        return set()
    bfloat16 = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)()
    return {torch.float32, torch.bfloat16} if bfloat16 else {torch.float32}

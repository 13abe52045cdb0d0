"""Linear layers whose weights lie as oneDNN's products read them. In bfloat16 the products of a
step take three quarters of the time, since plain weights are reordered in every one; in float32 the
bias is added by the product, where torch copies it to every row beforehand."""

import torch

# What torch.compile calls for such layers; torch promises neither, so that without them all stays.
_reorder = getattr(torch.ops.mkldnn, "_reorder_linear_weight", None)
_product = getattr(torch.ops.mkldnn, "_linear_pointwise", None)


class PackedLinear(torch.nn.Module):
    """A linear layer for `rows` rows at a time, the number that its weights are laid out for."""

    def __init__(self, layer: torch.nn.Linear, rows: int):
        super().__init__()
        self.weight, self.bias = _reorder(layer.weight.detach(), rows), layer.bias

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return _product(inputs, self.weight, self.bias, "none", [], "")


@torch.inference_mode()
def pack_weights(model: torch.nn.Module, rows: int) -> torch.nn.Module:
    """The model with its bfloat16 linear layers packed where the processor has such products.

    Layer by layer, so that memory holds one of them twice. The model decodes and does nothing else.
    """
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    return _packed(model, rows, {torch.bfloat16}) if supported() else model


@torch.inference_mode()
def pack_encoder(model: torch.nn.Module, rows: int) -> torch.nn.Module:
    """As `pack_weights`, and with the float32 layers packed too."""
    return _packed(pack_weights(model, rows), rows, {torch.float32})


def _packed(model: torch.nn.Module, rows: int, dtypes: set[torch.dtype]) -> torch.nn.Module:
    if _reorder and _product and torch.backends.mkldnn.is_available():
        for name, layer in list(model.named_modules()):
            plain = type(layer) is torch.nn.Linear and layer.weight.dtype in dtypes
            if plain and layer.weight.device.type == "cpu":
                model.set_submodule(name, PackedLinear(layer, rows))
    return model

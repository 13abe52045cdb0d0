"""Linear layers whose weights lie as oneDNN's bfloat16 products read them: the products of a step
take three quarters of the time, since plain weights are reordered in every one."""

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
    if _reorder and _product and supported():
        for name, layer in list(model.named_modules()):
            plain = type(layer) is torch.nn.Linear and layer.weight.dtype == torch.bfloat16
            if plain and layer.weight.device.type == "cpu":
                model.set_submodule(name, PackedLinear(layer, rows))
    return model

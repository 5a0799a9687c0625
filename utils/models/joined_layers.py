"""Parts of a layer as one operation each, forth and back, for training on a CPU.

    LoRA    y = x W' + scale (x A') B'        PEFT and autograd make thirty operations of it
    norm    y = x / rms(x) · w                twenty
    gate    y = silu(a) · b                   six

With a small model their number is what a step costs. The numbers stay what they were, up to rounding: products are in
the precision of the frozen weights, as under autocast, and norms in fp32, as ever.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import MethodType

import torch
from peft.tuners.lora import LoraLayer
from torch import nn
from transformers.models.llama.modeling_llama import LlamaMLP, LlamaRMSNorm
from transformers.models.mistral.modeling_mistral import MistralMLP, MistralRMSNorm
from transformers.models.qwen2.modeling_qwen2 import Qwen2MLP, Qwen2RMSNorm
from transformers.models.qwen3.modeling_qwen3 import Qwen3MLP, Qwen3RMSNorm
from transformers.models.smollm3.modeling_smollm3 import SmolLM3MLP, SmolLM3RMSNorm

NORMS = (LlamaRMSNorm, MistralRMSNorm, Qwen2RMSNorm, Qwen3RMSNorm, SmolLM3RMSNorm)
GATED = (LlamaMLP, MistralMLP, Qwen2MLP, Qwen3MLP, SmolLM3MLP)


@contextmanager
def joined_layers(model: nn.Module) -> Iterator[None]:
    """Inside the block a model on a CPU computes each of these parts as one operation, where nothing but x, A and B
    is trained. Other layers stay as they are."""
    changed = []
    try:
        for module in model.modules():
            forward = _joined(module)
            if forward:
                module.forward = MethodType(forward, module)
                changed.append(module)
        yield
    finally:
        for module in changed:
            del module.forward


def _joined(module: nn.Module):
    """The forward pass to give to a module; None to leave it its own."""
    if isinstance(module, LoraLayer) and _is_plain(module):
        return _lora
    if type(module) in NORMS and _is_frozen(module.weight):
        return lambda self, x: Norm.apply(x, self.weight, self.variance_epsilon)
    if type(module) in GATED and module.config.hidden_act == "silu":
        return lambda self, x: self.down_proj(Gate.apply(self.gate_proj(x), self.up_proj(x)))
    return None


def _is_plain(layer: LoraLayer) -> bool:
    """Whether a layer is a linear one with one adapter beside it, and nothing else."""
    if type(layer.base_layer) is not nn.Linear or len(layer.active_adapters) != 1:
        return False
    if layer.merged or layer.disable_adapters or layer.lora_variant:
        return False
    [name] = layer.active_adapters
    if name not in layer.lora_A or layer.lora_bias[name] or not isinstance(layer.lora_dropout[name], nn.Identity):
        return False
    return _is_frozen(layer.base_layer.weight)


def _is_frozen(weight: torch.Tensor) -> bool:
    return weight.device.type == "cpu" and not weight.requires_grad


def _lora(layer: LoraLayer, x: torch.Tensor) -> torch.Tensor:
    [name] = layer.active_adapters
    base, a, b = layer.base_layer, layer.lora_A[name].weight, layer.lora_B[name].weight
    return LoraProduct.apply(x, base.weight, base.bias, a, b, layer.scaling[name])


class LoraProduct(torch.autograd.Function):
    """x (..., in), weight (out, in), bias (out,) or None, a (rank, in), b (out, rank) → (..., out)."""

    @staticmethod
    @torch.autocast("cpu", enabled=False)
    def forward(ctx, x: torch.Tensor, weight, bias, a, b, scale: float) -> torch.Tensor:
        flat, a, b = x.reshape(-1, x.shape[-1]).to(weight.dtype), a.to(weight.dtype), (b * scale).to(weight.dtype)
        low = flat @ a.T
        y = nn.functional.linear(flat, weight, bias).addmm_(low, b.T)
        ctx.save_for_backward(flat, weight, a, b, low)
        ctx.scale, ctx.shape = scale, x.shape
        return y.view(*x.shape[:-1], len(weight))

    @staticmethod
    @torch.autocast("cpu", enabled=False)
    def backward(ctx, gradient: torch.Tensor):
        flat, weight, a, b, low = ctx.saved_tensors
        gradient = gradient.reshape(-1, len(weight)).to(weight.dtype)
        of_low = gradient @ b
        of_x = (gradient @ weight).addmm_(of_low, a).view(ctx.shape) if ctx.needs_input_grad[0] else None
        return of_x, None, None, (of_low.T @ flat).float(), (gradient.T @ low).float().mul_(ctx.scale), None


class Norm(torch.autograd.Function):
    """x (..., size), weight (size,) → (..., size): x over the root of its mean square (arXiv 1910.07467)."""

    @staticmethod
    def forward(ctx, x: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
        wide = x.float()
        rms = torch.linalg.vector_norm(wide, dim=-1, keepdim=True).square_().div_(x.shape[-1]).add_(epsilon).sqrt_()
        normed = (wide / rms).to(x.dtype)
        ctx.save_for_backward(normed, weight, rms)
        return normed * weight

    @staticmethod
    def backward(ctx, gradient: torch.Tensor):
        normed, weight, rms = ctx.saved_tensors
        wide, given = normed.float(), (gradient * weight).float()
        along = torch.linalg.vecdot(given, wide).div_(-wide.shape[-1]).unsqueeze(-1)
        return given.addcmul_(wide, along).div_(rms).to(normed.dtype), None, None


class Gate(torch.autograd.Function):
    """silu(a) · b, of one shape."""

    @staticmethod
    def forward(ctx, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        opened = nn.functional.silu(a)
        ctx.save_for_backward(a, b, opened)
        return opened * b

    @staticmethod
    def backward(ctx, gradient: torch.Tensor):
        a, b, opened = ctx.saved_tensors
        return torch.ops.aten.silu_backward(gradient * b, a), gradient * opened

"""Parts of a layer as one operation each, forth and back, for training on a CPU.

    LoRA    y = x W' + scale (x A') B'        PEFT and autograd make thirty operations of it
    norm    y = x / rms(x) · w                twenty
    gate    y = silu(a) · b                   six

With a small model their number is what a step costs. Results stay what they were, up to rounding: products are in the
precision of autocast or else of the frozen weights, and norms in fp32, as ever.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
    joined = {module: forward for module in model.modules() if (forward := _joined(module))}
    try:
        for module, forward in joined.items():
            module.forward = forward
        yield
    finally:
        for module in joined:
            del module.forward


def _joined(module: nn.Module) -> Callable[..., torch.Tensor] | None:
    """The forward pass to give to a module; None to leave it its own."""
    if isinstance(module, LoraLayer) and _is_plain(module):
        [name], base = module.active_adapters, module.base_layer
        a, b, scale = module.lora_A[name].weight, module.lora_B[name].weight, module.scaling[name]
        return lambda x: LoraProduct.apply(x, base.weight, base.bias, a, b, scale)
    if type(module) in NORMS and _is_frozen(module.weight):
        return lambda x: Norm.apply(x, module.weight, module.variance_epsilon)
    if type(module) in GATED and module.config.hidden_act == "silu":
        return lambda x: module.down_proj(Gate.apply(module.gate_proj(x), module.up_proj(x)))
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


def _precision() -> torch.dtype | None:
    """That in which autocast multiplies, where it is on."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None


class LoraProduct(torch.autograd.Function):
    """x (..., in), weight (out, in), bias (out,) or None, a (rank, in), b (out, rank) → (..., out)."""

    @staticmethod
    def forward(ctx, x: torch.Tensor, weight, bias, a, b, scale: float) -> torch.Tensor:
        precision = _precision() or weight.dtype
        flat = x.reshape(-1, x.shape[-1]).to(precision)
        weight, a, b = weight.to(precision), a.to(precision), b.to(precision)
        low = flat @ a.T
        y = nn.functional.linear(flat, weight, bias).addmm_(low, b.T, alpha=scale)
        ctx.save_for_backward(flat, weight, a, b, low)
        ctx.scale, ctx.shape = scale, x.shape
        return y.view(*x.shape[:-1], len(weight))

    @staticmethod
    def backward(ctx, gradient: torch.Tensor):
        flat, weight, a, b, low = ctx.saved_tensors
        gradient = gradient.reshape(-1, len(weight)).to(weight.dtype)
        of_low = (gradient @ b).mul_(ctx.scale)
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
        out = normed * weight
        return out.to(_precision() or out.dtype)  # once, not by each of the products that read it

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

"""Frozen 4-bit layers become plain ones for a while: weights are expanded once rather than at every step or token.

The plain weights are the values that the 4-bit ones stand for, in the precision that they are multiplied in, so what
the model computes stays what it was. Afterwards the 4-bit layers are back in their places, and what is saved belongs to
them. It takes 2 or 4 bytes a weight instead of half a byte, and is left undone where that does not fit.
"""

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch import nn
from transformers import PreTrainedModel

from utils.models.fused_layers import fused_layers

SHARE_OF_MEMORY = 0.5  # of what is free in training; activations need the rest
EXPANDED_BYTES = 2 * 2**30  # in generation, a model that would take more stays in 4 bits

Place = tuple[nn.Module, str, nn.Module]  # a layer, and where it hangs


@contextmanager
def expanded_for_training(model: nn.Module, dtype: torch.dtype) -> Iterator[bool]:
    """Inside the block the 4-bit layers of a model on a CPU, and frozen ones that are wider than `dtype` (such as that
    of the vocabulary), are plain ones in `dtype`; yields whether they are.

    Where they are, decoder layers that read a packed sequence are computed as two operations each (`fused_layers`). On
    a GPU nothing is done: its memory is dear, and it expands a weight while it waits for the next.
    """
    places = list(_places(model, lambda layer: isinstance(layer, Linear4bit) or _is_cast(layer, dtype)))
    on_cpu = next(model.parameters()).device.type == "cpu"
    if not on_cpu or _bytes(places, dtype) > SHARE_OF_MEMORY * psutil.virtual_memory().available:
        places = []
    with _replaced(places, lambda layer: _plain(layer, _expanded_weight(layer).to(dtype))), fused_layers(model):
        yield bool(places)


@contextmanager
def expanded_for_generation(model: PreTrainedModel | PeftModel) -> Iterator[None]:
    """Inside the block 4-bit layers and LoRA layers are plain ones.

    A 4-bit layer expands its weights at every call, and LoRA adds two products: with a small model, most of the time of
    a token. A LoRA update is added to the weights if they are fp32; in 16 bits the sum would round most of it away, so
    there it stays beside them. Switch adapters on or off outside the block.
    """
    places = list(_places(model, lambda layer: _can_expand(layer) or _can_fold(layer)))
    if _bytes(places, model.dtype) > EXPANDED_BYTES:
        places = []
    with _replaced(places, lambda layer: _plain(layer, _folded_weight(layer))):
        yield


def keep_freed_memory() -> None:
    """Tell glibc to keep large blocks that were freed, rather than to return them to the kernel.

    A training step frees and takes the same hundreds of megabytes again, and each page of a new block costs a fault:
    1.4 times the time of a step on a small model. Other C libraries have no such call, and nothing happens.
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # musl
        return
    m_trim_threshold, m_top_pad, m_mmap_threshold = -1, -2, -3  # malloc.h
    if not mallopt(m_mmap_threshold, 1 << 30):
        mallopt(m_mmap_threshold, 32 << 20)  # the largest that an older glibc takes
    mallopt(m_trim_threshold, 1 << 30)
    mallopt(m_top_pad, 64 << 20)


def _places(parent: nn.Module, wanted: Callable[[nn.Module], bool]) -> Iterator[Place]:
    """The outermost layers that are wanted."""
    for name, layer in parent.named_children():
        if wanted(layer):
            yield parent, name, layer
        else:
            yield from _places(layer, wanted)


def _bytes(places: list[Place], dtype: torch.dtype) -> int:
    """What the weights of these layers take when they are plain ones in `dtype`."""
    return sum(layer.in_features * layer.out_features for *_, layer in places) * dtype.itemsize


@contextmanager
def _replaced(places: list[Place], plain: Callable[[nn.Module], nn.Linear]) -> Iterator[None]:
    try:
        for parent, name, layer in places:
            setattr(parent, name, plain(layer))
        yield
    finally:
        for parent, name, layer in places:
            setattr(parent, name, layer)


def _plain(layer: nn.Module, weight: torch.Tensor) -> nn.Linear:
    with torch.device("meta"):
        plain = nn.Linear(layer.in_features, layer.out_features, bias=False)
    plain.weight = nn.Parameter(weight.data.view(layer.out_features, layer.in_features), requires_grad=False)
    plain.bias = (layer.base_layer if isinstance(layer, LoraLayer) else layer).bias
    return plain.train(layer.training)


def _expanded_weight(layer: nn.Linear) -> torch.Tensor:
    if not isinstance(layer, Linear4bit):
        return layer.weight
    return dequantize_4bit(layer.weight.data, layer.weight.quant_state)


def _is_cast(layer: nn.Module, dtype: torch.dtype) -> bool:
    """Whether autocast would make a copy of a frozen weight at every step, such as that of the vocabulary."""
    return type(layer) is nn.Linear and not layer.weight.requires_grad and dtype.itemsize < layer.weight.itemsize


def _can_expand(layer: nn.Module) -> bool:
    """Whether `layer` is a 4-bit one that multiplies in the precision in which its weights are expanded."""
    return isinstance(layer, Linear4bit) and layer.compute_dtype in (None, layer.weight.quant_state.dtype)


def _can_fold(layer: nn.Module) -> bool:
    """Whether `layer` is a linear one with plain LoRA beside it, and precise enough to hold the sum."""
    if not isinstance(layer, LoraLayer) or not isinstance(layer.base_layer, nn.Linear):
        return False
    if layer.merged or layer.lora_variant or any(layer.lora_bias.values()):
        return False
    weight = layer.base_layer.weight
    return (weight.quant_state if _can_expand(layer.base_layer) else weight).dtype == torch.float32


def _folded_weight(layer: nn.Module) -> torch.Tensor:
    """The weight of a linear layer, with its active adapters added to it."""
    if not isinstance(layer, LoraLayer):
        return _expanded_weight(layer)
    weight = _expanded_weight(layer.base_layer)
    for adapter in [] if layer.disable_adapters else layer.active_adapters:
        if adapter in layer.lora_A:
            weight = weight + layer.get_delta_weight(adapter).to(weight.dtype)
    return weight

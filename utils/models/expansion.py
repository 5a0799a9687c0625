"""For a training run on a CPU, the frozen 4-bit weights are expanded once rather than at every step.

The expanded weights are the values that the 4-bit ones stand for, in the precision that they are multiplied in: forward
and backward pass give what they gave. Afterwards the 4-bit layers are back in their places, so what is saved belongs
to them. It takes 2 or 4 bytes a weight instead of half a byte, and is left undone where that does not fit.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit
from torch import nn

SHARE_OF_MEMORY = 0.5  # of what is free; activations need the rest


def expanded_bytes(model: nn.Module, dtype: torch.dtype) -> int:
    """What the 4-bit layers of `model` would take in `dtype`, in bytes."""
    layers = (module for module in model.modules() if isinstance(module, Linear4bit))
    return sum(layer.in_features * layer.out_features for layer in layers) * dtype.itemsize


@contextmanager
def expanded_for_training(model: nn.Module, dtype: torch.dtype) -> Iterator[bool]:
    """Inside the block the 4-bit layers of a model on a CPU are plain frozen ones in `dtype`; yields whether they are.

    On a GPU nothing is done: its memory is dear, and it expands a weight while it waits for the next.
    """
    on_cpu = next(model.parameters()).device.type == "cpu"
    fits = expanded_bytes(model, dtype) <= SHARE_OF_MEMORY * psutil.virtual_memory().available
    places = list(_four_bit_layers(model)) if on_cpu and fits else []
    for parent, name, layer in places:
        setattr(parent, name, _plain(layer, dtype))
    try:
        yield bool(places)
    finally:
        for parent, name, layer in places:
            setattr(parent, name, layer)


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


def _four_bit_layers(parent: nn.Module) -> Iterator[tuple[nn.Module, str, Linear4bit]]:
    for name, layer in parent.named_children():
        if isinstance(layer, Linear4bit):
            yield parent, name, layer
        else:
            yield from _four_bit_layers(layer)


def _plain(layer: Linear4bit, dtype: torch.dtype) -> nn.Linear:
    with torch.device("meta"):
        plain = nn.Linear(layer.in_features, layer.out_features, bias=False)
    weight = dequantize_4bit(layer.weight.data, layer.weight.quant_state).to(dtype)
    plain.weight = nn.Parameter(weight.view(layer.out_features, layer.in_features), requires_grad=False)
    plain.bias = layer.bias
    return plain.train(layer.training)

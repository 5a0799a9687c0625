"""4-bit weights that are right on a CPU, too: the configuration, and two faults of bitsandbytes 0.50 mended.

1. On CPUs with AVX512-BF16, the first forward in eval mode repacks a layer's weights, and the backward pass then
   reads them in the old layout: gradients, saved weights and merged weights come out wrong.
2. On CPUs with AVX512, weights whose rows are not a multiple of 64 long (hidden size 224, say) are expanded with the
   scales of the wrong blocks: a relative error of 0.25 instead of 0.09.

Neither gives an error message; `tests/models/test_nf4.py` tells when a later version makes this module unnecessary.
GPUs, and weights of other formats, are left as they are.
"""

import warnings
from collections.abc import Sequence
from math import prod

import bitsandbytes  # noqa: F401  (registers the operators that are mended below)
import torch
from bitsandbytes.nn import Linear4bit, Params4bit
from transformers import BitsAndBytesConfig

_OPERATOR = "bitsandbytes::dequantize_4bit"
_mended: list[torch.library.Library] = []  # a library object takes its kernels with it when it is deleted


def nf4_config(dtype: torch.dtype) -> BitsAndBytesConfig:
    """4-bit NormalFloat with double quantisation, as in QLoRA; `dtype` is the one to multiply in."""
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )


def protect_nf4(model: torch.nn.Module) -> None:
    """Keep both faults away from `model`; has to be called before its first forward. `load_base` does."""
    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False
    if not _mended:
        _mend_dequantization()


def share_in_4_bits(model: torch.nn.Module) -> float:
    """The share of a model's weights that are in 4 bits, counted from its layers; adapters on it are not counted."""
    four = sum(layer.in_features * layer.out_features for layer in model.modules() if isinstance(layer, Linear4bit))
    others = (p for name, p in model.named_parameters() if not isinstance(p, Params4bit) and "lora_" not in name)
    return four / (four + sum(parameter.numel() for parameter in others))


def _mend_dequantization() -> None:
    """Hand the CPU kernel each weight as rows of one block, which it gets right, and restore the shape afterwards."""
    kernel = torch.library.get_kernel(_OPERATOR, "CPU")
    keys = torch._C.DispatchKeySet(torch._C.DispatchKey.CPU)

    def dequantize(
        packed: torch.Tensor,
        absmax: torch.Tensor,
        blocksize: int,
        quant_type: str,
        shape: Sequence[int],
        dtype: torch.dtype,
    ) -> torch.Tensor:
        whole, rest = divmod(prod(shape), blocksize)
        rows = (1, prod(shape)) if rest else (whole, blocksize)
        return kernel.call_boxed(keys, packed, absmax, blocksize, quant_type, rows, dtype).view(shape)

    library = torch.library.Library("bitsandbytes", "IMPL")
    with warnings.catch_warnings():  # torch says that a kernel is replaced, which is the purpose
        warnings.simplefilter("ignore", UserWarning)
        library.impl("dequantize_4bit", dequantize, "CPU", allow_override=True)
    _mended.append(library)

"""Load a base model: the bundled one, any local folder, or a name on the Hub, in NF4 or in full precision.

Quantisation is QLoRA's: NF4 with double quantisation, on GPUs and CPUs alike (Dettmers et al. 2023,
https://arxiv.org/abs/2305.14314). Code that comes with a model is never run (`trust_remote_code`
stays off).
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from accelerate import PartialState
from bitsandbytes.functional import has_avx512bf16
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from utils.models.location import BUNDLED, WAY_ON, ModelError, locate
from utils.models.nf4 import nf4_config, protect_nf4, share_in_4_bits
from utils.prompts import PlainEncoder

_LITTLE = 0.2  # of the weights; a small model has most of the others in its embeddings


@dataclass(frozen=True)
class Device:
    """Where to compute, and how precisely.

    Attributes:
        kind: "cuda", "mps" or "cpu".
        dtype: of the weights that are not quantised, and in which NF4 weights are multiplied.
        autocast: mixed precision during training, or None for none.
    """

    kind: str
    dtype: torch.dtype
    autocast: torch.dtype | None


def find_device() -> Device:
    """The best device of this machine with the precision that its hardware has."""
    if torch.cuda.is_available():
        # Asked plainly, torch also says yes where bf16 is only emulated, as on a T4, and slow.
        half = torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
        return Device("cuda", half, half)
    if torch.backends.mps.is_available():
        return Device("mps", torch.float32, None)
    # On a CPU the matrices of a training step gain from bf16; generation stays in fp32, where an answer does not
    # depend on which others share its batch.
    return Device("cpu", torch.float32, torch.bfloat16 if has_avx512bf16() else None)


def load_base(
    name: str | os.PathLike[str] = BUNDLED, *, quantize: bool = True
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a causal language model and its tokenizer onto the best device, ready to train or to generate.

    Args:
        name: "smollm2-135m" for the bundled model, a folder (relative ones are looked for here, then in the
            project), or a Hub name such as "Qwen/Qwen2.5-0.5B".
        quantize: keep the linear layers in NF4, about half a byte per weight. Where bitsandbytes cannot (Apple
            MPS), the model is loaded in full precision with a warning; where it can only for a small share of the
            weights (mixtures of experts), a warning says for how many.

    Raises:
        ModelError: the bundled model has not been prepared, no such model, one behind a licence, no network, a folder
            that holds no model, damaged weights.
    """
    folder, local_only = locate(name)
    device = find_device()
    if quantize and device.kind == "mps":
        warnings.warn(
            "4-bit weights need a CUDA GPU or a CPU; on Apple MPS the model is loaded in full precision "
            "and takes about eight times the memory.",
            stacklevel=2,
        )
        quantize = False
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=local_only, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=device.dtype,
            quantization_config=nf4_config(device.dtype) if quantize else None,
            device_map=_device_map(device),
            local_files_only=local_only,
            trust_remote_code=False,
        )
    except torch.OutOfMemoryError:
        raise ModelError(f"{name} does not fit into this GPU: choose a smaller model, or quantize=True") from None
    except Exception as error:  # the libraries raise a dozen types here; the reader needs one sentence
        raise ModelError(f"{name} could not be loaded: {type(error).__name__}: {error}. {WAY_ON}") from error
    _check_tokenizer(name, model, tokenizer)
    protect_nf4(model)
    if quantize and (share := share_in_4_bits(model)) < _LITTLE:
        warnings.warn(
            f"{name}: {share:.0%} of its weights are in 4 bits. The experts of a mixture and layers of a model's own "
            "class (Falcon's) stay in full precision, and take the memory of it.",
            stacklevel=2,
        )
    return model.eval(), tokenizer


def load_config(name: str | os.PathLike[str] = BUNDLED) -> PretrainedConfig:
    """A model's shape without its weights, for `memory.estimate` before anything large is loaded.

    Raises:
        ModelError: as `load_base`.
    """
    folder, local_only = locate(name)
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=local_only, trust_remote_code=False)
    except Exception as error:
        raise ModelError(f"{name} has no readable config.json: {type(error).__name__}: {error}. {WAY_ON}") from error


@contextmanager
def quiet_peft() -> Iterator[None]:
    """Around whatever attaches an adapter: PEFT 0.21 asks transformers 5 a question by its old name, with a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def _device_map(device: Device) -> dict[str, int | str]:
    # Under torchrun each process has its own GPU; asking for it on a CPU would start a process group for nothing.
    return {"": PartialState().local_process_index if device.kind == "cuda" else device.kind}


def _check_tokenizer(name: str | os.PathLike[str], model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    rows = model.get_input_embeddings().weight.shape[0]
    # Gemma 3's text models have no embedding of <image_soft_token>; since no text becomes such a token, it is left be.
    frames = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id}
    never = PlainEncoder(tokenizer).commands.keys() - frames
    if beyond := [token for token, i in tokenizer.get_vocab().items() if i >= rows and i not in never]:
        raise ModelError(
            f"{name}: the tokenizer has {len(tokenizer)} tokens, the model {rows} embeddings, and none for "
            f"{', '.join(map(repr, beyond[:3]))}: they do not belong together. {WAY_ON}"
        )
    if tokenizer.eos_token_id is None:
        raise ModelError(f"{name}: the tokenizer has no end-of-sequence token, so answers could never end. {WAY_ON}")
    if tokenizer.pad_token_id is None:  # Llama 2 has none; padding is masked by length, so EOS is a safe stand-in
        tokenizer.pad_token = tokenizer.eos_token

"""How much memory fine-tuning needs, from a model's config alone: nothing is downloaded, no weights are made.

Weights and adapters are counted on PyTorch's meta device, where the code that loads a model in 4 bits says which layers
it takes; activations are measured on fake tensors (`activations`). The CUDA context (half a GiB or so) and
fragmentation come on top; it is for one GPU.
"""

import copy
from dataclasses import dataclass, fields
from typing import Literal

import torch
from bitsandbytes.nn import Linear4bit
from transformers import AutoModelForCausalLM, LlamaConfig, PretrainedConfig, Qwen2Config, Qwen3Config
from transformers.pytorch_utils import Conv1D
from transformers.quantizers.quantizer_bnb_4bit import Bnb4BitHfQuantizer

from utils.models.activations import kinds_of_layers, saved_bytes
from utils.models.location import ModelError
from utils.models.nf4 import nf4_config

GIB = 2**30
# A byte holds two 4-bit weights; each 64 of them share a scale of one byte, each 256 scales one of four bytes.
NF4_BYTES = 1 / 2 + 1 / 64 + 4 / (64 * 256)
# SFTTrainer scores so many positions and vocabulary entries at a time instead of building all logits at once.
_TILE_TOKENS, _TILE_VOCABULARY = 4096, 32768
_CUBLAS = 32 * 2**20  # what the library for matrix products takes for itself, on a recent GPU

# Shapes as published in the models' config.json files; enough for an estimate, and nothing to download.
MODELS: dict[str, PretrainedConfig] = {
    "SmolLM2 135M": LlamaConfig(
        vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
        num_key_value_heads=3, tie_word_embeddings=True,
    ),
    "Qwen2.5 0.5B": Qwen2Config(
        vocab_size=151936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
        num_key_value_heads=2, tie_word_embeddings=True,
    ),
    "SmolLM2 1.7B": LlamaConfig(
        vocab_size=49152, hidden_size=2048, intermediate_size=8192, num_hidden_layers=24, num_attention_heads=32,
        tie_word_embeddings=True,
    ),
    "Qwen3 4B": Qwen3Config(
        vocab_size=151936, hidden_size=2560, intermediate_size=9728, num_hidden_layers=36, num_attention_heads=32,
        num_key_value_heads=8, head_dim=128, tie_word_embeddings=True,
    ),
    "Llama 2 7B": LlamaConfig(),
}  # fmt: skip


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes at the peak of a training step, by what they are for.

    Attributes:
        weights: of the model as loaded.
        adapters: LoRA weights, fp32; 0 in full fine-tuning.
        gradients: of the trainable weights, fp32.
        optimizer: AdamW's two moments, fp32.
        activations: what the forward pass keeps for the backward pass.
        logits: scores over the vocabulary, one tile at a time.
        workspace: the largest quantised weight, expanded while it is used, and what cuBLAS takes.
    """

    weights: float
    adapters: float
    gradients: float
    optimizer: float
    activations: float
    logits: float
    workspace: float

    @property
    def total(self) -> float:
        return sum(getattr(self, field.name) for field in fields(self))


def estimate(
    config: PretrainedConfig,
    *,
    method: Literal["qlora", "lora", "full"] = "qlora",
    batch_size: int = 1,
    length: int = 1024,
    rank: int = 16,
    activation_checkpointing: bool = True,
    labelled: float = 1.0,
) -> MemoryEstimate:
    """Estimate the memory of one training step with `utils.training`'s settings in bf16 autocast.

    Args:
        config: of any causal language model in transformers, such as `LlamaConfig()` (Llama 2 7B).
        method: "qlora" (NF4 base), "lora" (bf16 base), or "full" (fp32 weights, all of them trained).
        batch_size: rows per forward pass (`micro_batch_size`), each padded to `length` tokens.
        rank: of the adapters; unused in full fine-tuning.
        labelled: the share of the tokens that carry a label; only these meet the vocabulary.

    Raises:
        ValueError: an unknown method.
        ModelError: the model does not run on fake tensors. It may be trained all the same.

    >>> from transformers import LlamaConfig
    >>> round(estimate(LlamaConfig(), method="full").weights / GIB, 1)  # 6.7 B weights of 4 bytes
    25.1
    """
    if method not in ("qlora", "lora", "full"):
        raise ValueError(f"method is {method!r}: use 'qlora', 'lora' or 'full'")
    try:
        everything, adapter, four_bit = _count(config, rank)
        kinds = kinds_of_layers(config)
        one = saved_bytes(config, method, batch_size, length, rank, kinds[:1])
        two = {kind: saved_bytes(config, method, batch_size, length, rank, [kinds[0], kind]) for kind in set(kinds)}
    except Exception as error:  # whatever a modelling file does with shapes that have no contents
        raise ModelError(f"the memory of {config.model_type} cannot be estimated: {error}") from error
    in_4_bits = sum(four_bit)
    weights = {
        "qlora": in_4_bits * NF4_BYTES + (everything - in_4_bits) * 2,
        "lora": everything * 2,
        "full": everything * 4,
    }[method]
    adapter = 0 if method == "full" else adapter
    trained = everything if method == "full" else adapter
    tokens, vocabulary = batch_size * length, config.get_text_config().vocab_size
    costs = {kind: size - one for kind, size in two.items()}
    rest = one - costs[kinds[0]]
    if activation_checkpointing:  # each layer keeps its input; one at a time is computed again
        stream = 4 if method == "full" else 2
        kept = len(kinds) * tokens * config.get_text_config().hidden_size * stream + max(costs.values())
    else:
        kept = sum(costs[kind] for kind in kinds)
    return MemoryEstimate(
        weights=weights,
        adapters=adapter * 4,
        gradients=trained * 4,
        optimizer=trained * 8,
        activations=rest + kept,
        logits=2 * 2 * min(tokens * labelled, _TILE_TOKENS) * min(vocabulary, _TILE_VOCABULARY),
        workspace=_CUBLAS + (max(four_bit, default=0) * 2 if method == "qlora" else 0),
    )


def _count(config: PretrainedConfig, rank: int) -> tuple[int, int, list[int]]:
    """How many weights there are, how many adapters of `rank` have, and how many each layer has that goes to 4 bits."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(copy.deepcopy(config), trust_remote_code=False)
    everything, head = sum(parameter.numel() for parameter in model.parameters()), model.get_output_embeddings()
    linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear | Conv1D) and m is not head]
    adapter = rank * sum(sum(layer.weight.shape) for layer in linear)
    Bnb4BitHfQuantizer(nf4_config(torch.bfloat16), pre_quantized=False).preprocess_model(model, device_map={"": "cpu"})
    four_bit = [m.in_features * m.out_features for m in model.modules() if isinstance(m, Linear4bit)]
    return everything, adapter, four_bit

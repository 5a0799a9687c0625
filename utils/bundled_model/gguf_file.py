"""Read the GGUF file of a small Llama model (the format of llama.cpp) and save it as transformers has its models.

transformers can load such a file, too. It reads it three times over, which takes twice as long; the model that comes
out refuses to be saved; and the tokenizer forgets that this one splits numbers into digits, so that a blank line
before a number becomes other tokens than in pretraining.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGUFReader, TokenType, dequantize
from safetensors import SafetensorError
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GenerationConfig, LlamaConfig, PreTrainedTokenizerFast

_NAMES = {  # of weights, in GGUF and in transformers
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def convert(gguf: Path, folder: Path) -> None:
    """Write `config.json`, `generation_config.json`, `model.safetensors` (bf16) and the tokenizer into `folder`.

    The same file always gives the same bytes, with the same versions of the libraries.

    Args:
        gguf: a Llama model with tied embeddings and a byte-level BPE tokenizer of the kind "smollm".
        folder: exists and is empty.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    reader = GGUFReader(gguf)
    config = _config(reader)
    config.save_pretrained(folder)
    ends = {name: getattr(config, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    GenerationConfig(**ends).save_pretrained(folder)
    _tokenizer(reader).save_pretrained(folder)
    weights = folder / "model.safetensors"
    try:
        save_file(dict(_weights(reader, config)), weights, metadata={"format": "pt"})
    except SafetensorError as error:  # what it makes of an OSError
        raise OSError(str(error)) from error
    weights.chmod((folder / "config.json").stat().st_mode)  # safetensors lets nobody else read


def _config(reader: GGUFReader) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=_value(reader, "llama.vocab_size"),
        hidden_size=_value(reader, "llama.embedding_length"),
        intermediate_size=_value(reader, "llama.feed_forward_length"),
        num_hidden_layers=_value(reader, "llama.block_count"),
        num_attention_heads=_value(reader, "llama.attention.head_count"),
        num_key_value_heads=_value(reader, "llama.attention.head_count_kv"),
        max_position_embeddings=_value(reader, "llama.context_length"),
        rms_norm_eps=float(f"{_value(reader, 'llama.attention.layer_norm_rms_epsilon'):.6g}"),  # 1e-5, not 9.99…e-6
        rope_parameters={"rope_type": "default", "rope_theta": _value(reader, "llama.rope.freq_base")},
        bos_token_id=_value(reader, "tokenizer.ggml.bos_token_id"),
        eos_token_id=_value(reader, "tokenizer.ggml.eos_token_id"),
        pad_token_id=_value(reader, "tokenizer.ggml.padding_token_id"),
        tie_word_embeddings=True,
        architectures=["LlamaForCausalLM"],
        dtype=torch.bfloat16,
    )


def _weights(reader: GGUFReader, config: LlamaConfig) -> Iterator[tuple[str, torch.Tensor]]:
    """Names as in transformers and weights in bf16, one by one, so that only one is there in 32 bits."""
    for tensor in reader.tensors:  # "blk.3.attn_q.weight" or "output_norm.weight"
        *block, kind, _ = tensor.name.split(".")
        weight = torch.from_numpy(np.array(dequantize(tensor.data, tensor.tensor_type)))
        if kind in ("attn_q", "attn_k"):
            # A rotation turns pairs of dimensions: neighbours in llama.cpp, (i, i + half of the head) in transformers.
            pairs = weight.view(-1, config.head_dim // 2, 2, config.hidden_size)
            weight = pairs.transpose(1, 2).reshape(weight.shape)
        layer = f"model.layers.{block[1]}." if block else ""
        yield f"{layer}{_NAMES[kind]}.weight", weight.to(torch.bfloat16)


def _tokenizer(reader: GGUFReader) -> PreTrainedTokenizerFast:
    tokens = _value(reader, "tokenizer.ggml.tokens")
    kinds = _value(reader, "tokenizer.ggml.token_type")
    merges = [tuple(merge.split(" ")) for merge in _value(reader, "tokenizer.ggml.merges")]
    core = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    digits, bytewise = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.pre_tokenizer = pre_tokenizers.Sequence([digits, bytewise])
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([token for token, kind in zip(tokens, kinds, strict=True) if kind == TokenType.CONTROL])
    roles = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        chat_template=_value(reader, "tokenizer.chat_template"),
        model_max_length=_value(reader, "llama.context_length"),
        **{role: tokens[_value(reader, f"tokenizer.ggml.{name}_token_id")] for role, name in roles.items()},
    )


def _value(reader: GGUFReader, key: str) -> Any:
    return reader.get_field(key).contents()

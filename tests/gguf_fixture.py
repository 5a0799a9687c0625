"""The trained adapter of `models_fixture` in every form that llama.cpp reads, beside a GGUF file of its base."""

import json
from dataclasses import dataclass
from pathlib import Path

import gguf
import pytest
import torch
from models_fixture import trained  # noqa: F401  (a fixture)
from transformers import AutoModelForCausalLM, AutoTokenizer

from utils.adapters import export_gguf, export_lora, export_merged


@dataclass(frozen=True)
class Exported:
    adapter: Path
    merged: Path  # the folder
    f16: Path
    q8_0: Path
    base: Path  # the base's own GGUF file
    lora: Path


def write_base_gguf(folder: Path, path: Path) -> Path:
    """A base's GGUF file in 32 bits, as llama.cpp's converter writes it, written without the code under test."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer, config = AutoTokenizer.from_pretrained(folder), model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("a small base")
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    _add_tokenizer(writer, tokenizer, config.vocab_size)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, weight in model.state_dict().items():
        for kind, number in heads.items():
            if kind in name:  # head by head: dimension i, then its partner in the other half
                half = config.head_dim // 2
                order = [h * 2 * half + d + side for h in range(number) for d in range(half) for side in (0, half)]
                weight = weight[order]
        writer.add_tensor(names.get_name(name, (".weight",)), weight.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer, size: int) -> None:
    special = set(tokenizer.all_special_ids)
    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    unused = [f"[unused {i}]" for i in range(size - len(tokens))]
    kinds = [gguf.TokenType.CONTROL if i in special else gguf.TokenType.NORMAL for i in range(len(tokens))]
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens + unused)
    writer.add_token_types([*kinds, *[gguf.TokenType.UNUSED] * len(unused)])
    writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_add_bos_token(True)
    writer.add_chat_template("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:")


_made: list[Exported] = []


@pytest.fixture(scope="session")
def exported(trained, tmp_path_factory) -> Exported:  # noqa: F811
    """Everything that notebook 08 exports, once for all test modules."""
    if not _made:
        folder = tmp_path_factory.mktemp("exported")
        base = write_base_gguf(trained.base, folder / "base.gguf")
        merged = export_merged(trained.adapter, folder / "merged")
        files = {form: export_gguf(merged, folder / f"{form}.gguf", like=base, form=form) for form in ("f16", "q8_0")}
        lora = export_lora(trained.adapter, folder / "lora.gguf", like=base)
        _made.append(Exported(adapter=trained.adapter, merged=merged, base=base, lora=lora, **files))
    return _made[0]

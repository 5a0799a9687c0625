"""Families of models take the whole way: NF4 → train → save → load → generate → merge, as the table of them says."""

import pytest
import torch
import transformers as hf
from bitsandbytes.nn import Linear4bit
from models_fixture import RECORDS, save_model
from tokenizers_fixture import llama2

from utils.adapters import load_adapter, load_merged, save_adapter
from utils.files import read_json
from utils.inference import generate
from utils.models import ARCHITECTURES, architecture_table, estimate, load_base, share_in_4_bits
from utils.models.architectures import ALL, EXPERTS, NOTHING
from utils.prompts import ALPACA, encode
from utils.training import fine_tune

TOKENS = {"vocab_size": 512, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
SHAPE = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
SHAPE |= {"max_position_embeddings": 512, "initializer_range": 0.1}
GROUPED = SHAPE | {"num_key_value_heads": 2}
HEADS = GROUPED | {"head_dim": 16}
MIXTURE = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
HYBRID = {"layer_types": ["linear_attention", "full_attention"], "linear_num_key_heads": 2, "linear_num_value_heads": 4}
HYBRID |= {"linear_key_head_dim": 16, "linear_value_head_dim": 16}
MAMBA = {"layer_types": ["mamba", "attention"], "mamba_n_heads": 8, "mamba_d_head": 16, "mamba_d_state": 16}
MAMBA |= {"mamba_n_groups": 1, "num_local_experts": 4, "num_experts_per_tok": 2, "shared_intermediate_size": 64}
GPT2 = {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 512, "initializer_range": 0.1}
FALCON = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "initializer_range": 0.1}

CONFIGS = {
    "llama": (hf.LlamaConfig, HEADS),
    "smollm3": (hf.SmolLM3Config, HEADS),
    "mistral": (hf.MistralConfig, HEADS | {"sliding_window": 64}),
    "mixtral": (hf.MixtralConfig, HEADS | {"num_local_experts": 4}),
    "qwen2": (hf.Qwen2Config, GROUPED),
    "qwen3": (hf.Qwen3Config, HEADS),
    "qwen3_moe": (hf.Qwen3MoeConfig, HEADS | MIXTURE),
    "qwen3_next": (hf.Qwen3NextConfig, HEADS | MIXTURE | HYBRID | {"shared_expert_intermediate_size": 32}),
    "qwen3_5_text": (hf.Qwen3_5TextConfig, HEADS | HYBRID),
    "gemma": (hf.GemmaConfig, HEADS),
    "gemma2": (hf.Gemma2Config, HEADS | {"sliding_window": 64}),
    "gemma3_text": (hf.Gemma3TextConfig, HEADS | {"sliding_window": 64}),
    "phi3": (hf.Phi3Config, GROUPED),
    "gpt2": (hf.GPT2Config, GPT2),
    "gpt_neox": (hf.GPTNeoXConfig, SHAPE),
    "falcon": (hf.FalconConfig, FALCON),
    "lfm2": (hf.Lfm2Config, GROUPED | {"full_attn_idxs": [1]}),
    "granitemoehybrid": (hf.GraniteMoeHybridConfig, GROUPED | MAMBA),
    "gpt_oss": (hf.GptOssConfig, HEADS | {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 64}),
}


def whole_way(folder, config, tokenizer=None):
    """The base and what `save_adapter` noted about it."""
    base, tokenizer = load_base(save_model(folder / "base", config, tokenizer))
    in_4_bits = {name for name, module in base.named_modules() if isinstance(module, Linear4bit)}
    share, experts = share_in_4_bits(base), [p for name, p in base.named_parameters() if ".experts." in name]
    rows = encode(RECORDS[:48], ALPACA, tokenizer, max_length=256).rows
    settings = {"output_dir": folder / "run", "heldout": rows[:8], "epochs": 1, "learning_rate": 1e-2}
    result = fine_tune(base, tokenizer, rows, **settings)
    assert result.metrics["steps"] == 3
    assert result.metrics["heldout_loss"] < result.metrics["heldout_loss_before"]
    settings = {"templates": [ALPACA], "fingerprint": "f", "metrics": result.metrics}
    saved = save_adapter(result.model, tokenizer, folder / "adapter", **settings)
    model, tokenizer, templates = load_adapter(saved)
    merged, _ = load_merged(saved)
    ids = torch.tensor([rows[0]["input_ids"]])
    with torch.no_grad():
        logits = model(ids).logits
        assert torch.equal(logits, result.model(ids).logits)
        assert torch.allclose(merged(ids).logits, logits, atol=1e-4)
    answers = generate(model, tokenizer, RECORDS[:10], templates["alpaca"], max_new_tokens=12)
    assert answers == [generate(model, tokenizer, [r], templates["alpaca"], max_new_tokens=12)[0] for r in RECORDS[:10]]
    assert answers == generate(merged, tokenizer, RECORDS[:10], templates["alpaca"], max_new_tokens=12)
    provenance, card = read_json(saved / "provenance.json"), (saved / "README.md").read_text()
    assert provenance["quantized_share"] == share
    assert provenance["quantization"] == ("nf4" if in_4_bits else None)
    assert ("4-bit" in card) == bool(in_4_bits) and (not in_4_bits or f"{share:.0%} of its weights" in card)
    return in_4_bits, experts


@pytest.mark.filterwarnings("ignore:.*of its weights are in 4 bits")
@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda each: each.model_type)
def test_the_whole_way(tmp_path, architecture):
    kind, settings = CONFIGS[architecture.model_type]
    config = kind(**settings, **TOKENS)
    assert (config.model_type, architecture.refused) == (architecture.model_type, "")
    in_4_bits, experts = whole_way(tmp_path, config)
    assert architecture.in_4_bits == (NOTHING if not in_4_bits else EXPERTS if experts else ALL)
    if not experts and in_4_bits:  # two layers: the first and the last matrix of each are there
        assert len(in_4_bits) >= 8
    estimated = estimate(config, length=64)
    assert (estimated.workspace > estimate(config, method="lora", length=64).workspace) == bool(in_4_bits)


@pytest.mark.parametrize(("family", "name"), [("llama", "llama2"), ("qwen3", "qwen2")])
def test_the_whole_way_with_a_real_tokenizer(tmp_path, refdata, family, name):
    folder = refdata / "tokenizers" / name
    tokenizer = llama2(folder) if name == "llama2" else hf.AutoTokenizer.from_pretrained(folder)
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": None}
    kind, settings = CONFIGS[family]
    whole_way(tmp_path, kind(**settings, vocab_size=len(tokenizer), **ends), tokenizer)


def test_the_table_has_a_row_for_each_and_says_what_is_not_in_4_bits():
    assert {each.model_type for each in ARCHITECTURES} == CONFIGS.keys()
    rows = architecture_table()
    assert ("Falcon", NOTHING, "works") in rows and ("gpt-oss", EXPERTS, "works") in rows
    assert len({name for name, *_ in rows}) == len(rows)

"""Other families of models than the bundled one take the whole way: NF4 → train → save → load → generate → merge."""

import pytest
import torch
from models_fixture import RECORDS, save_model
from tokenizers_fixture import llama2
from transformers import AutoTokenizer, GemmaConfig, GPTNeoXConfig, LlamaConfig, MistralConfig, Qwen3Config

from utils.adapters import load_adapter, load_merged, save_adapter
from utils.inference import generate
from utils.models import load_base
from utils.prompts import ALPACA, encode
from utils.training import fine_tune

SHAPE = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 512,
}  # fmt: skip
GROUPED = SHAPE | {"num_key_value_heads": 2, "head_dim": 16}
FAMILIES = {
    "Llama with grouped queries": lambda **ids: LlamaConfig(**GROUPED, **ids),
    "Qwen3": lambda **ids: Qwen3Config(**GROUPED, **ids),
    "Gemma": lambda **ids: GemmaConfig(**GROUPED, **ids),
    "Mistral": lambda **ids: MistralConfig(**GROUPED, **ids, sliding_window=64),
    "GPT-NeoX": lambda **ids: GPTNeoXConfig(**SHAPE, **ids),
}


def whole_way(folder, make_config, tokenizer=None) -> None:
    vocabulary = {"vocab_size": 512, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    if tokenizer is not None:
        ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
        vocabulary = {"vocab_size": len(tokenizer), **ends, "pad_token_id": None}
    base = save_model(folder / "base", make_config(**vocabulary), tokenizer)
    model, tokenizer = load_base(base)
    assert model.is_loaded_in_4bit
    rows = encode(RECORDS[:48], ALPACA, tokenizer, max_length=256).rows
    result = fine_tune(
        model, tokenizer, rows, output_dir=folder / "run", heldout=rows[:8], epochs=2, learning_rate=1e-2
    )
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
    answers = generate(model, tokenizer, RECORDS[:10], templates["alpaca"], max_new_tokens=8)
    assert answers == [generate(model, tokenizer, [r], templates["alpaca"], max_new_tokens=8)[0] for r in RECORDS[:10]]
    assert answers == generate(merged, tokenizer, RECORDS[:10], templates["alpaca"], max_new_tokens=8)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_whole_way(tmp_path, family):
    whole_way(tmp_path, FAMILIES[family])


@pytest.mark.parametrize(("family", "name"), [("Llama with grouped queries", "llama2"), ("Qwen3", "qwen2")])
def test_the_whole_way_with_a_real_tokenizer(tmp_path, refdata, family, name):
    folder = refdata / "tokenizers" / name
    tokenizer = llama2(folder) if name == "llama2" else AutoTokenizer.from_pretrained(folder)
    whole_way(tmp_path, FAMILIES[family], tokenizer)

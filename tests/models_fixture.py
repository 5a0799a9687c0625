"""Small random-weight models with a tokenizer of their own, for tests that must not wait for a real one."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoModelForCausalLM, LlamaConfig, PretrainedConfig, PreTrainedTokenizerFast

from utils.records import Record
from utils.templates import ALPACA

CITIES = ["Oslo", "Lima", "Cairo", "Quito", "Hanoi", "Turin", "Accra", "Delhi"]
NAMES = ["Amina", "Bela", "Chen", "Dora", "Emeka", "Farid", "Greta", "Hiro"]
TEXTS = [f"{name} went to {city} by train." for name in NAMES for city in CITIES]
RECORDS = [
    Record(
        instruction="Name the city." if i % 2 else "Name the person.",
        input=text,
        output=text.split()[3 if i % 2 else 0],
    )
    for i, text in enumerate(TEXTS)
]


def small_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with distinct BOS, EOS and PAD, 512 tokens at most."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    corpus = [*TEXTS, *("".join(ALPACA.render(record)) for record in RECORDS)]
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=["<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(corpus, trainer)
    core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>", pad_token="<pad>")


def save_model(folder: Path, config: PretrainedConfig | None = None, tokenizer=None, *, seed: int = 0) -> Path:
    """Write a random-weight model (by default a 0.2 M Llama with grouped-query attention) and a tokenizer to `folder`."""
    tokenizer = tokenizer or small_tokenizer()
    config = config or LlamaConfig(
        vocab_size=512, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, tie_word_embeddings=True,
        bos_token_id=0, eos_token_id=1, pad_token_id=2,
    )  # fmt: skip
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder

"""Small random-weight models with a tokenizer of their own, for tests that must not wait for a real one."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForCausalLM,
    Lfm2Config,
    LlamaConfig,
    MistralConfig,
    PretrainedConfig,
    PreTrainedTokenizerFast,
)

from utils.adapters import save_adapter
from utils.models import load_base
from utils.prompts import ALPACA, REVERSE_INSTRUCTION, encode
from utils.records import Record, fingerprint
from utils.training import fine_tune
from utils.training.result import TrainingResult

CITIES = ["Oslo", "Lima", "Cairo", "Quito", "Hanoi", "Turin", "Accra", "Delhi"]
NAMES = ["Amina", "Bela", "Chen", "Dora", "Emeka", "Farid", "Greta", "Hiro"]
TEXTS = [f"{name} went to {city} by train." for name in NAMES for city in CITIES]
RECORDS = [
    Record(instruction=("Name the person.", "Name the city.")[i % 2], input=text, output=text.split()[(0, 3)[i % 2]])
    for i, text in enumerate(TEXTS)
]


def small_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with distinct BOS, EOS and PAD, 512 tokens at most."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=["<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(["".join(ALPACA.render(record)) for record in RECORDS], trainer)
    core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>", pad_token="<pad>")


def small_config(**changes) -> LlamaConfig:
    """A Llama of 0.2 M parameters with grouped queries."""
    return LlamaConfig(
        **{
            "vocab_size": 512,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 256,
            "bos_token_id": 0,
            "eos_token_id": 1,
            "pad_token_id": 2,
        }
        | changes
    )


LEARNS = small_config(initializer_range=0.1)  # learns its answers, however a processor rounds
_SHAPE = {"vocab_size": 512, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
_SHAPE |= {"num_attention_heads": 4, "num_key_value_heads": 2, "initializer_range": 0.3}
FAMILIES = {  # by what they remember of the text before
    "keys and values": small_config(initializer_range=0.3),
    "a window": MistralConfig(**_SHAPE, sliding_window=24),
    "a running state": Lfm2Config(
        **_SHAPE | {"num_hidden_layers": 4}, full_attn_idxs=[0, 1, 3], tie_word_embeddings=False
    ),
}


def save_model(folder: Path, config: PretrainedConfig | None = None, tokenizer=None, *, seed: int = 0) -> Path:
    """Write a model with random weights and a tokenizer to `folder`, as a base that a reader might have."""
    torch.manual_seed(seed)
    AutoModelForCausalLM.from_config(config or small_config(), dtype=torch.bfloat16).save_pretrained(folder)
    (tokenizer or small_tokenizer()).save_pretrained(folder)
    return folder


@dataclass(frozen=True)
class Trained:
    base: Path
    adapter: Path  # knows two templates
    result: TrainingResult
    rows: list[dict[str, list[int]]]
    heldout: list[dict[str, list[int]]]


_made: list[Trained] = []


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Trained:
    """One adapter, trained once for all test modules that import this fixture."""
    if not _made:
        folder = tmp_path_factory.mktemp("trained")
        base = save_model(folder / "base", LEARNS)
        model, tokenizer = load_base(base)
        rows = [
            row
            for template in (ALPACA, REVERSE_INSTRUCTION)
            for row in encode(RECORDS, template, tokenizer, max_length=256).rows
        ]
        heldout = rows[::8]
        rows = [row for i, row in enumerate(rows) if i % 8]
        result = fine_tune(
            model, tokenizer, rows, output_dir=folder / "run", heldout=heldout, epochs=20, learning_rate=3e-3
        )
        adapter = save_adapter(
            result.model,
            tokenizer,
            folder / "adapter",
            templates=[ALPACA, REVERSE_INSTRUCTION],
            fingerprint=fingerprint(RECORDS),
            metrics=result.metrics,
        )
        _made.append(Trained(base, adapter, result, rows, heldout))
    return _made[0]

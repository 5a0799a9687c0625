"""The architectures that are tried on every change, with random weights: what of each is in 4 bits, and that it works.

`tests/test_architectures.py` takes each of them the whole way (load in 4 bits, train, save, load again, answer in a
batch as alone, merge) and checks what stands here; docs/models.md shows it. Others may work as well: anything that
transformers calls a causal language model is tried, and refused with a reason where it cannot be trained.
"""

from typing import NamedTuple

ALL, EXPERTS, NOTHING = "all linear layers", "all linear layers but the experts", "nothing"


class Architecture(NamedTuple):
    """One row of the table.

    Attributes:
        name: as its makers write it.
        model_type: in config.json.
        in_4_bits: `ALL`, `EXPERTS` (a mixture's experts are one block of weights, which stays in full precision) or
            `NOTHING` (its layers are of a class of its own, which bitsandbytes does not know).
        refused: why it is refused before training; empty if it works.
    """

    name: str
    model_type: str
    in_4_bits: str = ALL
    refused: str = ""


ARCHITECTURES = (
    Architecture("Llama", "llama"),
    Architecture("SmolLM3", "smollm3"),
    Architecture("Mistral", "mistral"),
    Architecture("Mixtral", "mixtral", EXPERTS),
    Architecture("Qwen2, Qwen2.5", "qwen2"),
    Architecture("Qwen3", "qwen3"),
    Architecture("Qwen3-MoE", "qwen3_moe", EXPERTS),
    Architecture("Qwen3-Next", "qwen3_next", EXPERTS),
    Architecture("Qwen3.5", "qwen3_5_text"),
    Architecture("Gemma", "gemma"),
    Architecture("Gemma 2", "gemma2"),
    Architecture("Gemma 3", "gemma3_text"),
    Architecture("Phi-3", "phi3"),
    Architecture("GPT-2", "gpt2"),
    Architecture("GPT-NeoX, Pythia", "gpt_neox"),
    Architecture("Falcon", "falcon", NOTHING),
    Architecture("LFM2", "lfm2"),
    Architecture("Granite 4 (hybrid)", "granitemoehybrid", EXPERTS),
    Architecture("gpt-oss", "gpt_oss", EXPERTS),
)


def architecture_table() -> list[tuple[str, str, str]]:
    """Rows for a reader: the architecture, what of it is in 4 bits, and whether it works or why it is refused."""
    return [(each.name, each.in_4_bits, each.refused or "works") for each in ARCHITECTURES]

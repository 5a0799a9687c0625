"""Write the base model's card (`data/base_model/README.md`) and its loss curve from the run's log and the weights."""

import json
import os
import platform
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from data.making import base_model, corpus

OPENINGS = [
    "We stayed here for two nights and",
    "Dear Ms Okafor,\n\nI am writing to",
    "Shopping list for",
    "Name: Amara | Town: Lisbon | Work: nurse\n",
    "What is the opposite of cold?",
]


def main(folder: Path = base_model.ROOT / "data" / "base_model") -> None:
    log = json.loads((folder / "pretraining.json").read_text())
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    draw_loss(log["loss"], folder / "loss.png")
    (folder / "README.md").write_text(card(model, tokenizer, log), encoding="utf-8")


def draw_loss(losses: list[float], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    axes.plot([(i + 1) * 50 * base_model.BATCH_TOKENS / 1e6 for i in range(len(losses))], losses, color="#17693a")
    axes.set(xlabel="million tokens read", ylabel="loss (nats per token, mean of 50 steps)", ylim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def continuation(model, tokenizer, opening: str) -> str:
    """A sampled continuation, the same at every call."""
    torch.manual_seed(base_model.SEED)
    ids = tokenizer(opening, return_tensors="pt")["input_ids"]
    config = GenerationConfig(
        max_new_tokens=50, do_sample=True, temperature=0.7, top_p=0.9, eos_token_id=2, pad_token_id=0
    )
    return tokenizer.decode(model.generate(ids, generation_config=config)[0, ids.shape[1] :], skip_special_tokens=True)


def card(model, tokenizer, log: dict) -> str:
    samples = "\n\n".join(
        "> " + f"**{opening.strip()}**{continuation(model, tokenizer, opening)}".replace("\n", "  \n> ")
        for opening in OPENINGS
    )
    rows = log["loss"]
    marks = [0, *(len(rows) * k // 6 for k in range(1, 6)), len(rows) - 1]
    table = "\n".join(f"| {(i + 1) * 50 * base_model.BATCH_TOKENS / 1e6:.1f} M | {rows[i]:.3f} |" for i in marks)
    phases = {
        "Until the learning rate falls": corpus.WEIGHTS,
        "While it falls": corpus.QUESTION_WEIGHTS,
        "In the last stretch": corpus.JUDGEMENT_WEIGHTS,
    }
    shares = "\n".join(
        f"- {phase}: {', '.join(f'{maker.__name__} {weight:.0%}' for maker, weight in weights.items())}."
        for phase, weights in phases.items()
    )
    config = model.config
    return f"""# The base model of the series

A small language model, pretrained for this project. It plays the part that a real pretrained model plays: it goes on
fluently with text of its world (hotel reviews, mail, notes, lists, sentences about people and places, small facts), and
it does not follow instructions. Made by `make base-model`; this card is written by that command, too.

| | |
|---|---|
| architecture | Llama: {config.num_hidden_layers} layers, hidden size {config.hidden_size}, {config.num_attention_heads} heads, feed-forward {config.intermediate_size}, tied embeddings |
| parameters | {model.num_parameters():,}, stored as bfloat16 in safetensors |
| tokenizer | byte-level BPE, {len(tokenizer):,} tokens; BOS `<s>`, EOS `</s>` and PAD `<pad>` are three tokens |
| context | trained on rows of {base_model.LENGTH} tokens, at the end of {base_model.LAST_LENGTH} |
| tokens read | {log["tokens"]:,} in {log["steps"]:,} steps of {base_model.BATCH_TOKENS:,} |
| time and hardware | {log["seconds"] / 60:.0f} minutes on {log["cores"]} CPU cores ({log["machine"]}), no GPU, beside other work |
| optimiser | Muon (matrices, lr {base_model.LR_MATRICES}) and AdamW (the rest, lr {base_model.LR_OTHERS}); warm-up {base_model.WARMUP} steps, plateau to step {base_model.PLATEAU}, a straight fall to zero at step {base_model.FALLING}, a second slope from 0.4 of the peak to step {base_model.STEPS} |
| seed | {base_model.SEED} |
| PyTorch | {log["torch"]} |

## What it read

Text composed by `data/making/corpus.py` from the hand-written phrase banks in `data/phrase_banks/`. By share of the texts:

{shares}

Nearly half of the proper names are invented on the spot, and many texts say their values twice in another form or order
(a mail and its details, a sentence and the names in it, a list backwards), so that copying is learned rather than
remembered. Reviews often stand beside a rating or a verdict in plain words.

It has never seen a prompt template, a section marker (`###`) or a test row; `tests/test_data.py` proves it.

## Loss

![Line chart: the loss per token falls over the million tokens read](loss.png)

| tokens read | loss |
|---|---|
{table}

## Samples

Sampled with temperature 0.7 and top-p 0.9; the opening is in bold.

{samples}

## Limits

- It knows the world of its phrase banks and nothing else. Facts outside of it are guessed.
- English only. Words that its banks do not hold are spelled in pieces and weakly understood.
- Long texts (over {base_model.LAST_LENGTH} tokens) are out of its experience.
- It is there to learn with. Use a real model for real work: it is one parameter away.

Licence: Apache-2.0, like the project. To make it again: `make base-model` (hours on two cores; the same seed on another
kind of processor ends with slightly other weights).
"""


def machine() -> dict[str, str | int]:
    """What the card says about the hardware of a run."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    return {
        "cores": os.cpu_count() or 1,
        "machine": platform.machine() + (" with AVX512-BF16" if "avx512_bf16" in flags else ""),
    }


if __name__ == "__main__":
    main()

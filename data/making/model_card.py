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
    draw_loss(log, folder / "loss.png")
    (folder / "README.md").write_text(card(model, tokenizer, log), encoding="utf-8")


def tokens_at(log: dict, entry: int) -> float:
    """Million tokens read when the entry of the loss was written."""
    return (entry + 1) * base_model.LOG_EVERY * base_model.ROWS * base_model.LENGTH / 1e6


def draw_loss(log: dict, path: Path) -> None:
    figure, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    axes.plot([tokens_at(log, i) for i in range(len(log["loss"]))], log["loss"], color="#17693a")
    label = f"loss (nats per token, mean of {base_model.LOG_EVERY} steps)"
    axes.set(xlabel="million tokens read", ylabel=label, ylim=(0, None))
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
    table = "\n".join(f"| {tokens_at(log, i):.1f} M | {rows[i]:.3f} |" for i in marks)
    shares, last = (
        ", ".join(f"{maker.__name__} {weight:.0%}" for maker, weight in weights.items())
        for weights in (corpus.WEIGHTS, corpus.LAST_WEIGHTS)
    )
    schedule = ", ".join(f"{share:.0%} at {step:,}" for step, share in base_model.SCHEDULE.items())
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
| context | trained on rows of {base_model.LENGTH} tokens |
| tokens read | {log["tokens"]:,} in {log["steps"]:,} steps of {base_model.ROWS * base_model.LENGTH:,} |
| time and hardware | {log["seconds"] / 60:.1f} minutes on {log["hardware"]} |
| optimiser | Muon (matrices, lr {base_model.LR_MATRICES}, weight decay {base_model.WEIGHT_DECAY}) and AdamW (the rest, lr {base_model.LR_OTHERS}); share of these at step: {schedule}, straight in between; dropout {base_model.DROPOUT} until step {base_model.DROPOUT_UNTIL:,} |
| seed | {base_model.SEED} |
| PyTorch | {log["torch"]} |

## What it read

Text composed by `data/making/corpus.py` from the hand-written phrase banks in `data/phrase_banks/`. By share of the texts:

- until step {base_model.LAST_STRETCH:,}: {shares};
- then: {last}.

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
- Long texts (over {base_model.LENGTH} tokens) are out of its experience.
- It is there to learn with. Use a real model for real work: it is one parameter away.

Licence: Apache-2.0, like the project. To make it again: `make base-model` (the same seed on another kind of processor ends
with slightly other weights).
"""


def hardware() -> str:
    """What the card says about the machine of a run."""
    if torch.cuda.is_available():
        return f"one GPU ({torch.cuda.get_device_name()}) and {os.cpu_count()} CPU cores"
    bf16 = "with AMX" if torch.cpu._is_amx_tile_supported() else "without bfloat16 in hardware"
    return f"{os.cpu_count()} CPU cores ({platform.machine()} {bf16}), no GPU, beside other work"


if __name__ == "__main__":
    main()

"""Make the base model of the series: corpus, tokenizer and weights from one seed (`make base-model`).

The model plays the part that a real pretrained model plays: it goes on fluently with text of its world and does not
follow instructions. What it saw, for how long, and what came of it goes into `data/base_model/README.md`.
A run can be stopped and started again: it goes on from its last checkpoint in `outputs/pretraining/`.

Over an hour on two cores that multiply bfloat16 in hardware (AMX), several hours on others, minutes on a GPU.
"""

import argparse
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read once, when torch starts its threads
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # the corpus is composed in processes of its own

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from data.making import corpus
from data.making.banks import lines

ROOT = Path(__file__).resolve().parents[2]
SEED = 20260101
VOCABULARY = 4096
TOKENIZER_TEXTS = 60_000
STEPS, ROWS, LENGTH = 6000, 16, 384  # optimiser steps, rows a step, tokens a row
LAST_STRETCH = 4000  # the step from which on the corpus has its last mixture
SCHEDULE = {0: 0.0, 200: 1.0, 2300: 1.0, 4000: 0.25, 6000: 0.0}  # step: learning rate, as a share of its peak
DROPOUT_UNTIL = 2300
LR_MATRICES, LR_OTHERS = 0.02, 4e-3  # Muon for the weight matrices, AdamW for embeddings and norms
WEIGHT_DECAY = 0.1  # of the matrices
DROPOUT = 0.1  # while the learning rate is high: lines of the banks shall not be learned by heart
WRITERS = 2  # processes that compose the corpus; part of the seed, since they take turns
LOG_EVERY, CHECKPOINT_EVERY = 50, 1000

# A word is the same token wherever it stands, if it starts with a capital: the space before it is a token of its own.
# Names are what the model has to copy, and the first word of an answer stands after a newline, not after a space.
# Each newline is a token, so that nothing that follows a prompt can merge with the newline that ends it.
PIECES = Regex(
    r"\n|'\p{Ll}+| ?[\p{Ll}\p{Lo}\p{M}][\p{L}\p{M}]*(?:'\p{Ll}+)?|\p{L}[\p{L}\p{M}]*|\p{N}{1,2}| ?[^\s\p{L}\p{M}\p{N}]+|[^\S\n]"
)


def train_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer: any text goes in and comes back out, byte for byte."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(PIECES, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>"]
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    bos = tokenizer.token_to_id("<s>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", bos)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        clean_up_tokenization_spaces=False,
        model_max_length=1024,
    )


class Batches(IterableDataset):
    """Endless batches of token ids, shape (ROWS, LENGTH + 1): texts between BOS and EOS, end to end.

    Each process of a `DataLoader` writes texts from a seed of its own; the loader takes from them in turn, so that the
    order is the same on every machine.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, seed: int, weights: dict) -> None:
        self.tokenizer, self.seed, self.weights = tokenizer, seed, weights

    def __iter__(self) -> Iterator[np.ndarray]:
        worker = get_worker_info()
        stream = corpus.texts(self.seed + 1000 * (1 + worker.id if worker else 0), self.weights)
        ids, need = [], ROWS * (LENGTH + 1)
        while True:
            while len(ids) < need:
                for piece in self.tokenizer([next(stream) for _ in range(200)])["input_ids"]:
                    ids += [*piece, self.tokenizer.eos_token_id]
            yield np.array(ids[:need], dtype=np.uint16).reshape(ROWS, LENGTH + 1)
            ids = ids[need:]


def _as_it_is(batch: np.ndarray) -> np.ndarray:
    return batch


def batches(tokenizer: PreTrainedTokenizerFast, first: int) -> Iterator[np.ndarray]:
    """Those of step `first` and the steps behind it."""
    parts = [(0, LAST_STRETCH, SEED, corpus.WEIGHTS), (LAST_STRETCH, STEPS, SEED + 50_000, corpus.LAST_WEIGHTS)]
    for start, end, seed, weights in parts:
        if first < end:
            endless = Batches(tokenizer, seed, weights)
            loader = DataLoader(endless, batch_size=None, collate_fn=_as_it_is, num_workers=WRITERS)
            yield from islice(loader, max(first - start, 0), end - start)


def new_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    torch.manual_seed(SEED)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=256,
            num_hidden_layers=6,
            num_attention_heads=4,
            num_key_value_heads=4,
            intermediate_size=512,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
            attention_bias=False,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def add_dropout(model: LlamaForCausalLM) -> torch.nn.Dropout:
    """Drop from what embedding, attention and feed-forward add to the residual stream, until told `.eval()`.

    The architecture has no setting for it.
    """
    dropout = torch.nn.Dropout(DROPOUT)

    def drop(module: torch.nn.Module, inputs: tuple, output: torch.Tensor) -> torch.Tensor:
        return dropout(output)

    model.model.embed_tokens.register_forward_hook(drop)
    for layer in model.model.layers:
        layer.self_attn.o_proj.register_forward_hook(drop)
        layer.mlp.down_proj.register_forward_hook(drop)
    return dropout


def pretrain(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, work: Path) -> dict:
    """Train `model` in place; returns the log: seconds and the mean loss of every LOG_EVERY steps."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model.to(device).train()
    dropout = add_dropout(model)
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    optimisers = [
        torch.optim.Muon(matrices, lr=LR_MATRICES, weight_decay=WEIGHT_DECAY),
        torch.optim.AdamW(others, lr=LR_OTHERS, weight_decay=0.0),
    ]
    peaks = [LR_MATRICES, LR_OTHERS]
    log = {"steps": STEPS, "tokens": STEPS * ROWS * LENGTH, "loss": [], "seconds": 0.0}
    first, saved = 0, work / "checkpoint.pt"
    if saved.exists():
        state = torch.load(saved, weights_only=True)
        first, log = state["step"], state["log"]
        model.load_state_dict(state["model"])
        for optimiser, part in zip(optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(part)

    fast_bf16 = device == "cuda" or torch.cpu._is_avx512_bf16_supported()  # elsewhere a CPU only pretends

    def loss_of(ids: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device, dtype=torch.bfloat16, enabled=fast_bf16):
            logits = model(input_ids=ids[:, :-1], use_cache=False).logits
        return F.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten())

    if device == "cuda" or shutil.which("c++"):
        loss_of = torch.compile(loss_of)  # 1.4 times as fast on a CPU where a compiler is at hand
    torch.manual_seed(SEED + first)
    losses, start = torch.zeros((), device=device), time.time()
    for step, batch in enumerate(batches(tokenizer, first), start=first):
        dropout.train(step < DROPOUT_UNTIL)
        share = np.interp(step + 1, list(SCHEDULE), list(SCHEDULE.values()))
        for optimiser, peak in zip(optimisers, peaks, strict=True):
            optimiser.param_groups[0]["lr"] = peak * share
        loss = loss_of(torch.from_numpy(batch.astype(np.int64)).to(device, non_blocking=True))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        losses += loss.detach()
        if (step + 1) % LOG_EVERY == 0:
            log["loss"].append(round(losses.item() / LOG_EVERY, 4))
            log["seconds"], start = round(log["seconds"] + time.time() - start, 1), time.time()
            print(f"step {step + 1}/{STEPS}  loss {log['loss'][-1]:.3f}  {log['seconds']:.0f} s", flush=True)
            losses.zero_()
        if (step + 1) % CHECKPOINT_EVERY == 0:
            state = {"step": step + 1, "log": log, "model": model.state_dict()}
            state["optimisers"] = [optimiser.state_dict() for optimiser in optimisers]
            torch.save(state, saved.with_suffix(".part"))
            saved.with_suffix(".part").replace(saved)
    return log


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m data.making.base_model", description=__doc__.split("\n")[0])
    parser.add_argument("--to", type=Path, default=ROOT / "data" / "base_model", help="folder for the model")
    parser.add_argument("--work", type=Path, default=ROOT / "outputs" / "pretraining", help="folder for checkpoints")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer(args.work)
    args.to.mkdir(parents=True, exist_ok=True)
    for file in args.work.glob("tokenizer*.json"):  # saved again, they would say where they were loaded from
        shutil.copy(file, args.to)
    model = new_model(tokenizer)
    log = pretrain(model, tokenizer, args.work)
    model.to("cpu", torch.bfloat16).save_pretrained(args.to)
    from data.making import model_card  # it reads the settings above

    log |= {"hardware": model_card.hardware(), "parameters": model.num_parameters()}
    log |= {"torch": torch.__version__.split("+")[0]}
    (args.to / "pretraining.json").write_text(json.dumps(log) + "\n")
    model_card.main(args.to)


def make_tokenizer(work: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of an interrupted run, or a new one: everyday words get a token each, names have to share."""
    if not (work / "tokenizer.json").exists():
        texts = chain(lines("prose.txt") * 12, islice(corpus.texts(SEED + 1), TOKENIZER_TEXTS))
        train_tokenizer(texts).save_pretrained(work)
    return PreTrainedTokenizerFast.from_pretrained(work)


if __name__ == "__main__":
    main()

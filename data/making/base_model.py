"""Make the base model of the series: corpus, tokenizer and weights from one seed (`make base-model`).

The model plays the part that a real pretrained model plays: it goes on fluently with text of its world and does not
follow instructions. What it saw, for how long, and what came of it goes into `data/base_model/README.md`.
A run can be stopped and started again: it goes on from its last checkpoint in `outputs/pretraining/`.
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

import torch
import torch.nn.functional as F
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from data.making import corpus
from data.making.banks import lines

ROOT = Path(__file__).resolve().parents[2]
SEED = 20260101
VOCABULARY = 4096
TOKENIZER_TEXTS = 60_000
BATCH_TOKENS = 4096
LENGTH, LAST_LENGTH = 256, 512  # tokens a row; the longer rows come with the falling learning rate
WARMUP, PLATEAU, FALLING, STEPS = 100, 3200, 5000, 5900  # the steps at which each phase of the learning rate ends
LR_MATRICES, LR_OTHERS = 0.02, 4e-3  # Muon for the weight matrices, AdamW for embeddings and norms
CHECKPOINT_EVERY = 200

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


def batches(tokenizer: PreTrainedTokenizerFast, steps: int) -> Iterator[torch.Tensor]:
    """`steps` batches of token ids, shape (rows, length + 1): texts between BOS and EOS, end to end."""
    ids, eos = [], tokenizer.eos_token_id
    stream, length = corpus.texts(SEED), LENGTH
    for step in range(steps):
        if step == PLATEAU:
            stream, length = corpus.texts(SEED + 2, corpus.QUESTION_WEIGHTS), LAST_LENGTH
        if step == FALLING:
            stream = corpus.texts(SEED + 3, corpus.JUDGEMENT_WEIGHTS)
        rows = BATCH_TOKENS // length
        need = rows * (length + 1)
        while len(ids) < need:
            for piece in tokenizer([next(stream) for _ in range(200)])["input_ids"]:
                ids += [*piece, eos]
        yield torch.tensor(ids[:need]).view(rows, length + 1)
        ids = ids[need:]


def new_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    torch.manual_seed(SEED)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=256,
            num_hidden_layers=5,
            num_attention_heads=8,
            num_key_value_heads=8,
            intermediate_size=640,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
            attention_bias=False,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def share_of_peak(step: int) -> float:
    """Learning rate as a share of its peak: warm-up, plateau, a straight fall, and a smaller second slope."""
    if step < PLATEAU:
        return min((step + 1) / WARMUP, 1.0)
    if step < FALLING:
        return (FALLING - step) / (FALLING - PLATEAU)
    return 0.4 * (STEPS - step) / (STEPS - FALLING)


def pretrain(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, work: Path) -> dict:
    """Train `model` in place; returns the log: seconds and the mean loss of every 50 steps."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    optimisers = [
        torch.optim.Muon(matrices, lr=LR_MATRICES, weight_decay=0.05),
        torch.optim.AdamW(others, lr=LR_OTHERS, weight_decay=0.0),
    ]
    peaks = [LR_MATRICES, LR_OTHERS]
    log = {"loss": [], "seconds": 0.0}
    first, saved = 0, work / "checkpoint.pt"
    if saved.exists():
        state = torch.load(saved, weights_only=True)
        first, log = state["step"], state["log"]
        model.load_state_dict(state["model"])
        for optimiser, part in zip(optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(part)

    def loss_of(ids: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(input_ids=ids[:, :-1], use_cache=False).logits
        return F.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten())

    loss_of = (
        torch.compile(loss_of) if shutil.which("c++") else loss_of
    )  # 1.4 times as fast where a compiler is at hand
    model.train()
    losses, start = [], time.time()
    for step, ids in enumerate(batches(tokenizer, STEPS)):
        if step < first:
            continue
        for optimiser, peak in zip(optimisers, peaks, strict=True):
            optimiser.param_groups[0]["lr"] = peak * share_of_peak(step)
        loss = loss_of(ids)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        losses.append(loss.item())
        if (step + 1) % 50 == 0:
            log["loss"].append(round(sum(losses) / len(losses), 4))
            log["seconds"], start = round(log["seconds"] + time.time() - start, 1), time.time()
            print(
                f"step {step + 1}/{STEPS}  {(step + 1) * BATCH_TOKENS / 1e6:.2f} M tokens  loss {log['loss'][-1]:.3f}  {log['seconds']:.0f} s",
                flush=True,
            )
            losses = []
        if (step + 1) % CHECKPOINT_EVERY == 0:
            state = {
                "step": step + 1,
                "log": log,
                "model": model.state_dict(),
                "optimisers": [o.state_dict() for o in optimisers],
            }
            torch.save(state, saved.with_suffix(".part"))
            saved.with_suffix(".part").replace(saved)
    return log


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--to", type=Path, default=ROOT / "data" / "base_model", help="folder for the model")
    parser.add_argument("--work", type=Path, default=ROOT / "outputs" / "pretraining", help="folder for checkpoints")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(2)
    stream = corpus.texts(SEED + 1)
    plain_words = lines("prose.txt") * 12  # everyday words get a token of their own, names have to share
    tokenizer = train_tokenizer(chain(plain_words, islice(stream, TOKENIZER_TEXTS)))
    tokenizer.save_pretrained(args.to)
    model = new_model(tokenizer)
    log = pretrain(model, tokenizer, args.work)
    model.to(torch.bfloat16).save_pretrained(args.to)
    from data.making import model_card  # it reads the settings above

    log |= model_card.machine() | {
        "steps": STEPS,
        "tokens": STEPS * BATCH_TOKENS,
        "parameters": model.num_parameters(),
        "torch": torch.__version__.split("+")[0],
    }
    (args.to / "pretraining.json").write_text(json.dumps(log) + "\n")
    model_card.main(args.to)


if __name__ == "__main__":
    main()

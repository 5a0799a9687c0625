"""Fine-tune with QLoRA: adapters on every linear layer of a frozen base (https://arxiv.org/abs/2305.14314).

TRL's `SFTTrainer` does the work (`sft`). This module checks what it is given, gives it settings that fit the device,
and adapters in fp32. On a CPU a step is made short: what rows have in common is computed once (`shared_starts`), frozen
weights are expanded once (`utils.models`), and only labelled tokens meet the vocabulary.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import datasets
from peft import LoraConfig
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from utils.models import find_device, quiet_peft
from utils.training.best_weights import KeepBest
from utils.training.checks import TrainingError, check_rows, claim_folder, weights_hash
from utils.training.result import History, OnLog, Plan, TrainingResult
from utils.training.sft import LoraTrainer, run, sft_config
from utils.training.shared_starts import can_share

Row = Mapping[str, Any]  # input_ids and labels, or text


def fine_tune(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[Row],
    *,
    output_dir: str | os.PathLike[str],
    heldout: Sequence[Row] = (),
    epochs: float = 3,
    learning_rate: float = 2e-4,
    batch_size: int = 16,
    micro_batch_size: int | None = None,
    rank: int = 16,
    alpha: int | None = None,
    lora_plus: float = 1,
    loss_mean: Literal["token", "row"] = "token",
    seed: int = 42,
    resume: bool = False,
    checkpoint_every: int | None = None,
    activation_checkpointing: bool | None = None,
    share_starts: bool | None = None,
    on_start: Callable[[Plan], None] | None = None,
    on_log: Callable[[History], bool | None] | None = None,
) -> TrainingResult:
    """Train adapters on encoded rows; the loss is over the labels that are not -100: the completions.

    Args:
        model: a base from `models.load_base`. It is changed in place: a second run needs a fresh one.
        rows: `input_ids` and `labels` from `encode`; the trainer takes them as they are. A `weight` in every row
            makes it count more or less than 1, such as the rows of one task among others.
        output_dir: for checkpoints; those of an earlier run are removed unless `resume`.
        heldout: rows to measure the loss on before training, about ten times during it, and at the end; less often
            where that would take longer than the training. The weights with the lowest loss on them are the result,
            not the last ones.
        batch_size: rows per optimiser step.
        micro_batch_size: rows per forward pass, a divisor of `batch_size` (default: all of it). Smaller ones need
            less memory and give the same result, up to rounding.
        rank: of the adapter matrices.
        alpha: what the adapters add is scaled by alpha / rank (default: twice the rank).
        lora_plus: how many times as fast as A the matrices B learn (LoRA+, https://arxiv.org/abs/2402.12354). B starts
            at zero and has further to go; with 8, take a quarter of the learning rate.
        loss_mean: what the losses of a step are averaged over. "token": every labelled token counts alike, so a row
            with a long answer counts more. "row": every row counts alike, however short its answer.
        resume: continue from the newest checkpoint in `output_dir`, or start if there is none. The weights that
            come out are, bit for bit, those of a run that nothing interrupted.
        checkpoint_every: steps between checkpoints (default: a tenth of the run).
        activation_checkpointing: recompute activations in the backward pass: far less memory, about a third more
            time. Default: on a GPU only.
        share_starts: compute what the rows of a batch have in common once. Default: on a CPU, with a model that
            allows it. True asks for it elsewhere.
        on_start: called before the first step with a `Plan`: rows, tokens, steps, and a guess of the seconds, for
            which two steps are timed.
        on_log: called with the whole history after each new entry, for a live plot. Where it returns True, training
            ends; `resume` would repeat what came after the last checkpoint, and end there again.

    Raises:
        ValueError: rows without a supervised token, longer than the model's context, or with foreign token ids;
            share_starts with a model that does not allow it.
        TrainingError: a non-finite loss (with the rows), out of GPU memory (with what to lower), `resume` with
            checkpoints of another base, other rows or settings, or a model that carries an adapter already.
    """
    check_rows("rows", rows, model, tokenizer)
    if heldout:
        check_rows("heldout", heldout, model, tokenizer)
    if any(isinstance(module, BaseTunerLayer) for module in model.modules()):
        raise TrainingError("this model carries an adapter already: load a fresh base, or unload() the tuned model")
    micro_batch_size = micro_batch_size or batch_size
    alpha = 2 * rank if alpha is None else alpha
    if batch_size % micro_batch_size:
        raise ValueError(f"batch_size {batch_size} is not a multiple of micro_batch_size {micro_batch_size}")
    if loss_mean not in ("token", "row"):
        raise ValueError(f"loss_mean is {loss_mean!r}: use 'token' or 'row'")
    if share_starts and not can_share(model):
        raise ValueError(f"share_starts: {model.config.model_type} cannot take rows as one sequence; leave it out")
    device = find_device()
    if activation_checkpointing is None:
        activation_checkpointing = device.kind == "cuda"
    if share_starts is None:
        share_starts = device.kind == "cpu" and can_share(model)
    config = sft_config(
        device,
        output_dir=str(output_dir),
        num_train_epochs=epochs,
        learning_rate=learning_rate,
        per_device_train_batch_size=micro_batch_size,
        per_device_eval_batch_size=2 * micro_batch_size,
        gradient_accumulation_steps=batch_size // micro_batch_size,
        activation_checkpointing=activation_checkpointing,
        eval_strategy="steps" if heldout else "no",
        eval_steps=_between_measurements(epochs * len(rows), len(heldout)),
        save_steps=checkpoint_every or 0.1,  # below 1: a fraction of the run
        seed=seed,
    )
    decisive = {
        "rows": hashlib.sha256(json.dumps([dict(row) for row in rows]).encode()).hexdigest()[:16],
        "base": weights_hash(model),
        "epochs": epochs,
        "learning_rate": learning_rate,
        "rank": rank,
        "seed": seed,
        "batch_size": batch_size,
        "micro_batch_size": micro_batch_size,
        "loss_mean": loss_mean,
        "lora_plus": lora_plus,
        "alpha": alpha,
    }
    checkpoint = claim_folder(output_dir, decisive, resume=resume)
    config.eval_on_start = bool(heldout) and checkpoint is None
    with quiet_peft():
        trainer = LoraTrainer(
            model=model,
            args=config,
            train_dataset=datasets.Dataset.from_list([dict(row) for row in rows]),
            eval_dataset=datasets.Dataset.from_list([dict(row) for row in heldout]) if heldout else None,
            processing_class=tokenizer,
            peft_config=LoraConfig(r=rank, lora_alpha=alpha, target_modules="all-linear", task_type="CAUSAL_LM"),
            callbacks=[*([KeepBest()] if heldout else []), *([OnLog(on_log)] if on_log else [])],
        )
    trainer.arrange_batches(loss_mean=loss_mean, share_starts=share_starts)
    trainer.lora_plus = lora_plus
    for callback in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(callback)
    for parameter in trainer.model.parameters():
        if parameter.requires_grad:  # SFTTrainer made them bf16, where the steps of a small learning rate vanish
            parameter.data = parameter.data.float()
    return run(trainer, device, checkpoint, on_start)


def _between_measurements(rows_seen: float, heldout: int) -> float | None:
    """The share of the run from one held-out loss to the next: a tenth, or more where measuring would take longer than
    training, which costs about twice as much a row."""
    return 1 / min(10, max(2, int(rows_seen / (2 * heldout)))) if heldout else None


def fine_tune_on_text(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], **settings: Any
) -> TrainingResult:
    """Train on a plain list of whole prompts, answers included, as in the article: the loss is over every token.

    Args:
        texts: prompt + completion each; the trainer appends EOS.
        settings: those of `fine_tune`. Its `heldout` stays a list of encoded rows, so that the held-out loss is over
            completions and compares with that of `fine_tune`.
    """
    return fine_tune(model, tokenizer, [{"text": text} for text in texts], **settings)

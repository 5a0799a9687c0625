"""TRL's trainer as this project uses it: its settings, LoRA+ for its optimiser, and a run from first step to last.

The one module that imports TRL. What makes a run safe to interrupt and its loss right is `trainer`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peft.optimizers import create_loraplus_optimizer
from trl import SFTConfig, SFTTrainer
from trl.trainer import utils as trl_utils

from utils.models import Device, expanded_for_training, keep_freed_memory
from utils.training.best_weights import KeepBest
from utils.training.checks import TrainingError, out_of_memory
from utils.training.result import Plan, TrainingResult, collect_result, history
from utils.training.trainer import SafeTrainer


def sft_config(device: Device, **of_this_run: Any) -> SFTConfig:
    """The settings of a run, and those that are the same in every run on this device."""
    return SFTConfig(
        warmup_steps=0.03,  # a fraction of the run
        use_cpu=device.kind == "cpu",
        bf16=device.autocast is torch.bfloat16,
        fp16=device.autocast is torch.float16,
        max_length=None,  # the rows were measured before; the trainer would cut them in silence
        save_total_limit=2,
        logging_steps=1,
        logging_nan_inf_filter=False,  # it would report a NaN as the loss of the step before
        dataloader_pin_memory=device.kind == "cuda",
        disable_tqdm=True,
        report_to="none",
        **of_this_run,
    )


class LoraTrainer(SafeTrainer, SFTTrainer):
    """SFTTrainer with the checks of `trainer`, and a learning rate of their own for the matrices B."""

    lora_plus = 1.0

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        if self.optimizer is None and self.lora_plus != 1:
            kind, settings = self.get_optimizer_cls_and_kwargs(self.args)
            ratio = {"loraplus_lr_ratio": self.lora_plus}
            self.optimizer = create_loraplus_optimizer(self.model, kind, **settings, **ratio)
        return super().create_optimizer(model)


def run(
    trainer: LoraTrainer, device: Device, checkpoint: str | None, on_start: Callable[[Plan], None] | None
) -> TrainingResult:
    """Train from the first step, or from a checkpoint, to the last, and keep the best weights.

    Args:
        checkpoint: the folder of the one to continue from; None starts.
        on_start: called before the first step.

    Raises:
        TrainingError: out of memory; it says what to lower.
    """
    first_step = int(checkpoint.rsplit("-", 1)[1]) if checkpoint else 0
    if device.kind == "cuda":
        torch.cuda.reset_peak_memory_stats()
    else:
        keep_freed_memory()
    started = time.perf_counter()
    try:
        with (
            _score_labelled_positions_only(),
            expanded_for_training(trainer.model, device.autocast or device.dtype),
        ):
            if on_start:
                on_start(trainer.plan(first_step))
            trainer.train(resume_from_checkpoint=checkpoint)
            if trainer.eval_dataset is not None and "heldout_loss" not in history(trainer.state.log_history)[-1]:
                trainer.evaluate()
        best = KeepBest.restore(trainer) if trainer.eval_dataset is not None else trainer.state.global_step
    except torch.OutOfMemoryError:
        longest = max(map(len, trainer.train_dataset["input_ids"]))
        raise TrainingError(out_of_memory(trainer.args, longest)) from None
    return collect_result(trainer, first_step=first_step, best_step=best, seconds=time.perf_counter() - started)


@contextmanager
def _score_labelled_positions_only() -> Iterator[None]:
    """Without Triton, TRL multiplies every position with the whole vocabulary, though most labels are -100.

    Its reason is devices that compile for each shape; a CPU does not. The head was half of a training step there.
    """
    before, trl_utils._use_triton = trl_utils._use_triton, lambda device: True
    try:
        yield
    finally:
        trl_utils._use_triton = before

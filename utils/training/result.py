"""What a training run leaves: the model, its losses step by step, and the numbers for the model card."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from peft import PeftModel
from transformers import Trainer, TrainerCallback

History = list[dict[str, float]]


@dataclass(frozen=True)
class Plan:
    """What a run is going to do.

    Attributes:
        rows: to train on; `tokens`: of all epochs, padding left out; `steps`: of the optimiser.
        seconds: a guess from two steps on this machine, for the steps that are left; held-out rows and other programs
            add to it.
    """

    rows: int
    tokens: int
    steps: int
    seconds: float


@dataclass(frozen=True)
class TrainingResult:
    """What a run leaves.

    Attributes:
        model: the base with its trained adapter, in eval mode, ready for `inference.generate`.
        history: one dict per logged step: `step`, `epoch`, and `loss` or `heldout_loss` (nats per supervised
            token). The first `heldout_loss` is from before training.
        metrics: `steps`, `rows`, `epochs`, `seconds`, `rows_per_second`, `loss` (mean of the last tenth of the steps),
            `trainable_parameters`; with held-out rows `heldout_loss_before`, and `heldout_loss` at `best_step`, whose
            weights `model` has; `peak_gpu_gib` on a GPU.
    """

    model: PeftModel
    history: History
    metrics: dict[str, float]


def collect_result(trainer: Trainer, *, first_step: int, best_step: int, seconds: float) -> TrainingResult:
    """The result of a trainer that has finished, after `seconds` that began at `first_step` (0 unless resumed)."""
    # Training leaves a bf16 autocast around forward(); without it the model answers as it will when loaded again.
    model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    model.activation_checkpointing_disable()
    entries = history(trainer.state.log_history)
    losses = [entry["loss"] for entry in entries if "loss" in entry]
    heldout = [entry["heldout_loss"] for entry in entries if "heldout_loss" in entry]
    last = losses[-max(1, len(losses) // 10) :]
    steps = trainer.state.global_step
    rows_seen = len(trainer.train_dataset) * trainer.state.epoch * (steps - first_step) / steps
    metrics = {
        "steps": steps,
        "rows": len(trainer.train_dataset),
        "epochs": trainer.state.epoch,
        "seconds": seconds,
        "rows_per_second": rows_seen / seconds,
        "loss": sum(last) / len(last),
        "trainable_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
    }
    if heldout:
        best = [entry["heldout_loss"] for entry in entries if "heldout_loss" in entry and entry["step"] == best_step]
        metrics |= {"heldout_loss_before": heldout[0], "heldout_loss": best[-1], "best_step": best_step}
    if torch.cuda.is_available():
        metrics["peak_gpu_gib"] = torch.cuda.max_memory_allocated() / 2**30
    return TrainingResult(model=model.eval(), history=entries, metrics=metrics)


class OnLog(TrainerCallback):
    """Calls a function with the history after each entry, and of a resumed run with what went before.

    Training ends where the function returns True.
    """

    def __init__(self, on_log: Callable[[History], bool | None]) -> None:
        self.call = on_log

    def on_train_begin(self, args, state, control, **kwargs) -> None:
        if state.log_history:
            self.call(history(state.log_history))

    def on_log(self, args, state, control, **kwargs) -> None:
        if self.call(history(state.log_history)):
            control.should_training_stop = True
            control.should_save = False  # a run that is resumed would go on from here: it has to come here again


def history(log: list[dict[str, float]]) -> History:
    """A trainer's log, reduced to losses and renamed."""
    names = {"loss": "loss", "eval_loss": "heldout_loss"}
    return [
        {"step": entry["step"], "epoch": entry["epoch"], names[key]: entry[key]}
        for entry in log
        for key in names
        if key in entry
    ]

"""What one training step costs: its loss, its time, and what it keeps in memory, measured and not estimated."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel

from utils.models import bytes_beside_weights, saved_for_backward
from utils.training.shared_starts import Row


@dataclass(frozen=True)
class StepCost:
    """Of one step, forward and backward.

    Attributes:
        loss: nats per labelled token.
        seconds: of the step.
        kept: bytes that a forward pass leaves for its backward pass at most, weights not counted.
    """

    loss: float
    seconds: float
    kept: int


def step_cost(
    model: PreTrainedModel, rows: Sequence[Row], *, micro_batch_size: int, checkpointing: bool = False
) -> StepCost:
    """Make one step over `rows`, `micro_batch_size` of them at a time, and measure it. No weight is updated.

    Args:
        model: with an adapter, so that something has a gradient. Gradients that it held before are dropped.
        checkpointing: keep only what goes into each layer, and compute the rest again in the backward pass.

    Raises:
        ValueError: no rows, or a `micro_batch_size` below 1.
    """
    if not rows or micro_batch_size < 1:
        raise ValueError(f"{len(rows)} rows, {micro_batch_size} at a time: a step needs at least one of each")
    # The loss of a token is that of guessing it from those before, so the first one of a row has none.
    counted = sum(label != -100 for row in rows for label in row["labels"][1:])
    model.train()
    model.zero_grad()
    if checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    loss, most, started = 0.0, 0, time.perf_counter()
    try:
        for start in range(0, len(rows), micro_batch_size):
            batch = _padded(rows[start : start + micro_batch_size], model.device)
            with saved_for_backward() as kept:
                one = model(**batch, num_items_in_batch=counted).loss
            loss, most = loss + one.item(), max(most, bytes_beside_weights(kept, model))
            kept.clear()
            one.backward()
        seconds = time.perf_counter() - started
    finally:
        if checkpointing:
            model.activation_checkpointing_disable()
        model.zero_grad()
        model.eval()
    return StepCost(loss, seconds, most)


def _padded(rows: Sequence[Row], device: torch.device) -> dict[str, torch.Tensor]:
    fillers = {"input_ids": 0, "labels": -100}
    batch = {
        name: pad_sequence([torch.tensor(row[name]) for row in rows], batch_first=True, padding_value=filler)
        for name, filler in fillers.items()
    }
    ones = [torch.ones(len(row["input_ids"]), dtype=torch.long) for row in rows]
    batch["attention_mask"] = pad_sequence(ones, batch_first=True)
    return {name: tensor.to(device) for name, tensor in batch.items()}

"""A trainer that stops at a loss that is not a number, writes whole checkpoints, and resumes in the same order.

`SafeTrainer` is mixed into a transformers `Trainer`. What this module does not do: choose settings
(`utils.training`), check rows and folders before a run (`utils.safeguards`), or survive a power cut (nothing is
fsynced).
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer
from transformers.trainer_pt_utils import get_length_grouped_indices
from transformers.trainer_utils import rotate_checkpoints

from utils.safeguards import STAGING, TrainingError

WINDOW = 4  # batches in which rows are sorted by length


class SafeTrainer(Trainer):
    """Stops at a loss that is not a number, writes whole checkpoints, and resumes in the same order."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        result = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        loss = result[0] if return_outputs else result
        if not torch.isfinite(loss):
            raise TrainingError(self._name_bad_rows(model, inputs, float(loss.detach())))
        return result

    @torch.no_grad()
    def _name_bad_rows(self, model: torch.nn.Module, inputs: dict[str, Any], loss: float) -> str:
        tensors = {key: value for key, value in inputs.items() if torch.is_tensor(value)}
        singles = [{key: value[i : i + 1] for key, value in tensors.items()} for i in range(len(inputs["input_ids"]))]
        bad = [one for one in singles if not torch.isfinite(super(SafeTrainer, self).compute_loss(model, one))]
        name, dataset = ("rows", self.train_dataset) if self.model.training else ("heldout", self.eval_dataset)
        found = [one["input_ids"][one["attention_mask"].bool()].tolist() for one in bad]
        numbers = [i for i, ids in enumerate(dataset["input_ids"]) if ids in found]
        where = f"{name} {', '.join(map(str, numbers))}" if bad else "the batch as a whole"
        hint = "look at what they hold"
        if not all(parameter.isfinite().all() for parameter in model.parameters() if parameter.requires_grad):
            hint = "the weights are no numbers any more: lower learning_rate"
        elif len(bad) == len(singles) > 1:
            hint = "every row of the batch, so the weights are gone: lower learning_rate"
        return f"the loss became {loss} at step {self.state.global_step + 1}, in {where}: {hint}"

    def _get_train_sampler(self, train_dataset: Any = None) -> torch.utils.data.Sampler:
        # The stock sampler draws each epoch's order from the global generator, so a resumed epoch has another order.
        batch = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return _EpochOrder(self, batch_size=batch, lengths=[len(ids) for ids in self.train_dataset["input_ids"]])

    def _get_output_dir(self, trial: Any) -> str:
        return os.path.join(self.args.output_dir, STAGING)

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        # Written under another name and renamed when whole: a kill leaves the checkpoint before it as the newest.
        # Trainer's own method is called, since SFTTrainer's adds a model card to every checkpoint.
        Trainer._save_checkpoint(self, model, trial)
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            name = f"checkpoint-{self.state.global_step}"
            os.replace(Path(self.args.output_dir, STAGING, name), Path(self.args.output_dir, name))
            rotate_checkpoints(output_dir=self.args.output_dir, save_total_limit=self.args.save_total_limit)
            Path(self.args.output_dir, STAGING).rmdir()


class _EpochOrder(torch.utils.data.Sampler):
    """Batches of rows of similar length; the order follows from the seed and the epoch alone.

    Rows are drawn at random in windows of a few batches and sorted within. Wider windows leave less padding, but fill
    whole batches with one kind of row where lengths differ by task, and then the held-out loss suffers. The longest
    row of all comes first, so that a batch that does not fit into memory fails at step 1, not at step 300.
    """

    def __init__(self, trainer: Trainer, *, batch_size: int, lengths: list[int]) -> None:
        self.trainer, self.batch_size, self.lengths = trainer, batch_size, lengths

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        epoch = int(self.trainer.state.epoch or 0)  # in a resumed run a fraction, such as 1.4, at the first call
        generator = torch.Generator().manual_seed(self.trainer.args.seed * 100_003 + epoch)
        return iter(
            get_length_grouped_indices(self.lengths, self.batch_size, mega_batch_mult=WINDOW, generator=generator)
        )

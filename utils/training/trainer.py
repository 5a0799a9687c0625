"""A trainer that averages its loss as asked, stops at a loss that is not a number, and resumes to the bit.

`SafeTrainer` is mixed into TRL's trainer. A checkpoint is written under another name and renamed when it is whole, so a
killed run goes on from the one before it; after a power cut, damaged ones are told by their contents (`checks`).
"""

import os
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer
from transformers.trainer_utils import EvalLoopOutput, rotate_checkpoints

from utils.training.batches import EpochOrder, counted, pad, singles, summed_loss
from utils.training.checks import STAGING, TrainingError, list_contents
from utils.training.result import Plan
from utils.training.shared_starts import pack
from utils.training.side_by_side import sequences_at_a_time, summed


class SafeTrainer(Trainer):
    """Averages its loss as asked, stops at one that is not a number, writes whole checkpoints, resumes in order."""

    by_row = False
    at_a_time = 1  # sequences
    trained: Sequence[torch.nn.Parameter] = ()

    def arrange_batches(self, *, loss_mean: str, share_starts: bool) -> None:
        """How rows become batches (padded, or with shared starts), and what their losses are averaged over."""
        self.by_row = loss_mean == "row"
        # Asked once: to walk over all modules takes as long as a twentieth of a step.
        self.trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        checkpointing = self.args.activation_checkpointing
        self.at_a_time = sequences_at_a_time(self.args.device, activation_checkpointing=checkpointing)
        self._signature_columns = ["input_ids", "labels", "weight"]
        self.data_collator = self._share if share_starts else partial(pad, self.data_collator)
        if self.aux_loss_enabled:  # TRL would add a loss that balances the experts of a mixture, which are frozen here
            self.aux_loss_enabled = self.model.config.get_text_config().output_router_logits = False

    def _share(self, rows: list) -> dict[str, Any]:
        return {"packs": pack(rows, parts=self.at_a_time), "rows": rows}

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        # TRL's own also measures entropy and accuracy, which nobody reads, and waits for a GPU to tell them.
        loss = self._mean(model, inputs, num_items_in_batch)
        if not torch.isfinite(loss):
            raise TrainingError(self._name_bad_rows(model, inputs, float(loss.detach())))
        return loss

    def _mean(self, model: torch.nn.Module, inputs: Mapping[str, Any], items: Any = None) -> torch.Tensor:
        parts = [inputs | {"packs": [one]} for one in inputs["packs"]] if "packs" in inputs else [inputs]
        loss = partial(summed_loss, model, by_row=self.by_row)
        side_by_side = len(parts) > 1 and self.at_a_time > 1
        total = summed(loss, parts, self.trained) if side_by_side else sum(map(loss, parts))
        if items is None:  # of this batch alone
            items = counted(inputs, by_row=self.by_row)
        elif self.args.average_tokens_across_devices:  # like Trainer: DDP averages what is to be a sum over processes
            total = total * self.accelerator.num_processes
        return total / torch.as_tensor(items).clamp(min=1e-9)

    def _get_num_items_in_batch(self, batch_samples: list, device: torch.device) -> torch.Tensor:
        items = torch.tensor(sum(counted(batch, by_row=self.by_row) for batch in batch_samples), device=device)
        return self.accelerator.gather(items).sum() if self.args.average_tokens_across_devices else items

    @torch.no_grad()
    def evaluation_loop(self, dataloader, description, *args, metric_key_prefix="eval", **kwargs) -> EvalLoopOutput:
        """The mean over all held-out tokens or rows; the stock loop averages over batches, which differ in size."""
        self.model.eval()
        summed = torch.zeros(2, device=self.args.device)
        for batch in dataloader:
            inputs = self._prepare_inputs(batch)
            items = counted(inputs, by_row=self.by_row)
            with self.compute_loss_context_manager():
                loss = self.compute_loss(self.model, inputs)
            summed += torch.tensor([float(loss) * items, items], device=self.args.device)
        loss, items = self.accelerator.reduce(summed, "sum").tolist()
        rows = len(dataloader.dataset)
        return EvalLoopOutput(None, None, {f"{metric_key_prefix}_loss": loss / max(items, 1)}, rows)

    def floating_point_ops(self, inputs: Mapping[str, Any]) -> int:
        return 0  # a guess by the length of padded rows, which nobody reads

    def plan(self, first_step: int) -> Plan:
        """What lies ahead; two steps are computed and thrown away to time them."""
        rows = self.train_dataset
        batch = self.args.train_batch_size * self.args.gradient_accumulation_steps
        steps = -(-len(rows) // batch) * self.args.num_train_epochs
        seconds = []
        self.model.train()
        for start in (0, len(rows) // 2):
            some = [rows[i] for i in range(start, min(start + self.args.train_batch_size, len(rows)))]
            began = time.perf_counter()
            inputs = self._prepare_inputs(self.data_collator(some))
            with torch.autocast(self.args.device.type, self._autocast_dtype(), enabled=self.args.bf16):
                self.compute_loss(self.model, inputs).backward()
            seconds.append((time.perf_counter() - began) * batch / len(some))
            self.model.zero_grad(set_to_none=True)
        tokens = sum(map(len, rows["input_ids"]))
        ahead = max(0, steps - first_step)
        return Plan(len(rows), round(tokens * self.args.num_train_epochs), round(steps), min(seconds) * ahead)

    def _autocast_dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.args.bf16 else torch.float16

    @torch.no_grad()
    def _name_bad_rows(self, model: torch.nn.Module, inputs: dict[str, Any], loss: float) -> str:
        rows = singles(inputs)
        bad = [ids for ids, alone in rows if not torch.isfinite(self._mean(model, alone))]
        name, dataset = ("rows", self.train_dataset) if self.model.training else ("heldout", self.eval_dataset)
        numbers = [i for i, row in enumerate(dataset["input_ids"]) if list(row) in bad]
        where = f"{name} {', '.join(map(str, numbers))}" if bad else "the batch as a whole"
        hint = "look at what they hold"
        if not all(parameter.isfinite().all() for parameter in model.parameters() if parameter.requires_grad):
            hint = "the weights are not numbers any more: lower learning_rate"
        elif len(bad) == len(rows) > 1:
            hint = "every row of the batch, so the weights are gone: lower learning_rate"
        return f"the loss became {loss} at step {self.state.global_step + 1}, in {where}: {hint}"

    def _get_train_sampler(self, train_dataset: Any = None) -> torch.utils.data.Sampler:
        # The stock sampler draws each epoch's order from the global generator, so a resumed epoch has another order.
        batch = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return EpochOrder(self, batch_size=batch, lengths=[len(ids) for ids in self.train_dataset["input_ids"]])

    def _get_output_dir(self, trial: Any) -> str:
        return os.path.join(self.args.output_dir, STAGING)

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        # Written under another name and renamed when whole: a kill leaves the checkpoint before it as the newest.
        # Trainer's own method is called, since SFTTrainer's adds a model card to every checkpoint.
        Trainer._save_checkpoint(self, model, trial)
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            name = f"checkpoint-{self.state.global_step}"
            list_contents(Path(self.args.output_dir, STAGING, name))
            os.replace(Path(self.args.output_dir, STAGING, name), Path(self.args.output_dir, name))
            rotate_checkpoints(output_dir=self.args.output_dir, save_total_limit=self.args.save_total_limit)
            Path(self.args.output_dir, STAGING).rmdir()

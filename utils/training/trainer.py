"""A trainer that averages its loss as asked, keeps the best weights, stops at a loss that is not a number, and resumes.

`SafeTrainer` is mixed into TRL's trainer. A checkpoint is written under another name and renamed when it is whole, so a
killed run goes on from the one before it; only a power cut is not survived (nothing is fsynced).
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import Trainer, TrainerCallback
from transformers.trainer_utils import EvalLoopOutput, rotate_checkpoints

from utils.training.checks import BEST, STAGING, TrainingError
from utils.training.result import Plan
from utils.training.shared_starts import losses, pack


class SafeTrainer(Trainer):
    """Averages its loss as asked, stops at one that is not a number, writes whole checkpoints, resumes in order."""

    by_row = False

    def arrange_batches(self, *, loss_mean: str, share_starts: bool) -> None:
        """How rows become batches: padded as TRL does it, or as sequences in which shared starts stand once."""
        self.by_row = loss_mean == "row"
        self._signature_columns = ["input_ids", "labels", "weight"]
        self.data_collator = self._collate if share_starts else partial(_pad, self.data_collator)

    @staticmethod
    def _collate(rows: Sequence[Mapping[str, Sequence[int]]]) -> dict[str, Any]:
        return {"packs": pack(rows), "rows": rows}

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        if "packs" not in inputs and "weight" not in inputs and not self.by_row:
            result = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            loss = result[0] if return_outputs else result
        else:
            result = loss = self._loss(model, inputs, num_items_in_batch)
        if not torch.isfinite(loss):
            raise TrainingError(self._name_bad_rows(model, inputs, float(loss.detach())))
        return result

    def _loss(self, model: torch.nn.Module, inputs: Mapping[str, Any], items: Any) -> torch.Tensor:
        if "packs" in inputs:
            parts = [(losses(model, packed), self._weights(packed)) for packed in inputs["packs"]]
        else:
            reads = {name: inputs[name] for name in ("input_ids", "attention_mask", "labels")}
            out = model(**reads, use_cache=False, fused_lm_head=True)  # TRL's: no logits for tokens without a label
            mask = out.label_mask.bool()
            share = mask / mask.sum(dim=1, keepdim=True).clamp(min=1)
            weight = inputs.get("weight", torch.ones(len(mask), device=mask.device))[:, None].expand_as(share)
            parts = [(-out.log_probs[mask], self._weights({"share": share[mask], "weight": weight[mask]}))]
        total = sum((loss * weight).sum() for loss, weight in parts)
        items = self._items(inputs) if items is None else items
        if self.args.average_tokens_across_devices:  # like Trainer: DDP averages what is to be a sum over processes
            total = total * self.accelerator.num_processes
        return total / torch.as_tensor(items).clamp(min=1e-9)

    def _weights(self, each: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """How much each labelled token counts: its row's weight, spread over the row if every row is to count alike."""
        return each["weight"] * each["share"] if self.by_row else each["weight"]

    def _items(self, inputs: Mapping[str, Any]) -> float:
        """What a batch's summed losses are divided by: its labelled tokens, or its rows, each with its weight."""
        if "packs" in inputs:
            return float(sum(self._weights(packed).sum() for packed in inputs["packs"]))
        labelled = (inputs["labels"][:, 1:] != -100).sum(dim=1)
        weight = inputs.get("weight", torch.ones(len(labelled), device=labelled.device))
        return float((weight * (labelled > 0 if self.by_row else labelled)).sum())

    def _get_num_items_in_batch(self, batch_samples: list, device: torch.device) -> torch.Tensor:
        items = torch.tensor(sum(map(self._items, batch_samples)), device=device)
        return self.accelerator.gather(items).sum() if self.args.average_tokens_across_devices else items

    @torch.no_grad()
    def evaluation_loop(self, dataloader, description, *args, metric_key_prefix="eval", **kwargs) -> EvalLoopOutput:
        """The mean over all held-out tokens or rows; the stock loop averages over batches, which differ in size."""
        self.model.eval()
        summed = torch.zeros(2, device=self.args.device)
        for batch in dataloader:
            inputs = self._prepare_inputs(batch)
            items = self._items(inputs)
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
        if "packs" in inputs:
            ids = [list(row["input_ids"]) for row in inputs["rows"]]
            singles = [self._collate([row]) for row in inputs["rows"]]
        else:
            tensors = {key: value for key, value in inputs.items() if torch.is_tensor(value)}
            singles = [{key: value[i : i + 1] for key, value in tensors.items()} for i in range(len(inputs["labels"]))]
            ids = [one["input_ids"][one["attention_mask"].bool()].tolist() for one in singles]
        bad = [i for i, one in enumerate(singles) if not torch.isfinite(self._loss_of_one(model, one))]
        name, dataset = ("rows", self.train_dataset) if self.model.training else ("heldout", self.eval_dataset)
        found = [ids[i] for i in bad]
        numbers = [i for i, row in enumerate(dataset["input_ids"]) if list(row) in found]
        where = f"{name} {', '.join(map(str, numbers))}" if bad else "the batch as a whole"
        hint = "look at what they hold"
        if not all(parameter.isfinite().all() for parameter in model.parameters() if parameter.requires_grad):
            hint = "the weights are no numbers any more: lower learning_rate"
        elif len(bad) == len(singles) > 1:
            hint = "every row of the batch, so the weights are gone: lower learning_rate"
        return f"the loss became {loss} at step {self.state.global_step + 1}, in {where}: {hint}"

    def _loss_of_one(self, model: torch.nn.Module, inputs: dict[str, Any]) -> torch.Tensor:
        if "packs" in inputs or "weight" in inputs or self.by_row:
            return self._loss(model, inputs, None)
        return super().compute_loss(model, inputs)

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


def _pad(collate: Callable[[list], dict[str, Any]], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A padded batch as TRL makes it, with the weights of its rows if they have any."""
    batch = collate([{key: row[key] for key in row if key != "weight"} for row in rows])
    return batch | ({"weight": torch.tensor([row["weight"] for row in rows])} if "weight" in rows[0] else {})


class _EpochOrder(torch.utils.data.Sampler):
    """Steps of rows drawn at random, so that each mixes the tasks; the order follows from the seed and the epoch alone.

    Within a step rows are sorted by length, so that micro-batches hold rows of similar length; whole steps of similar
    length would be steps of one task. The step with the longest row comes first, so that a batch that does not fit into
    memory fails at step 1, not at step 300.
    """

    def __init__(self, trainer: Trainer, *, batch_size: int, lengths: list[int]) -> None:
        self.trainer, self.batch_size, self.lengths = trainer, batch_size, lengths

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        epoch = int(self.trainer.state.epoch or 0)  # in a resumed run a fraction, such as 1.4, at the first call
        generator = torch.Generator().manual_seed(self.trainer.args.seed * 100_003 + epoch)
        drawn = torch.randperm(len(self.lengths), generator=generator).tolist()
        longest = drawn.index(max(drawn, key=self.lengths.__getitem__))
        drawn[0], drawn[longest] = drawn[longest], drawn[0]
        for start in range(0, len(drawn), self.batch_size):
            yield from sorted(drawn[start : start + self.batch_size], key=self.lengths.__getitem__, reverse=True)


class KeepBest(TrainerCallback):
    """Writes the adapter's weights whenever the held-out loss is the lowest so far, and puts them back at the end.

    The file is written beside the checkpoints, so a run that is killed and resumed ends with the same weights.
    """

    def on_evaluate(self, args, state, control, model=None, **kwargs) -> None:
        found = [entry for entry in state.log_history if "eval_loss" in entry and entry["step"] > 0]
        if found and found[-1]["eval_loss"] == min(entry["eval_loss"] for entry in found) and args.should_save:
            tensors = {name: p.detach().cpu().clone() for name, p in model.named_parameters() if p.requires_grad}
            partial = Path(args.output_dir, f"{BEST}.partial")
            save_file(tensors, partial, metadata={"step": str(state.global_step)})
            os.replace(partial, Path(args.output_dir, BEST))

    @staticmethod
    def restore(trainer: Trainer) -> int:
        """Give the trainer's model its best weights; the step that they are from."""
        trainer.accelerator.wait_for_everyone()
        path = Path(trainer.args.output_dir, BEST)
        if not path.is_file():
            return trainer.state.global_step
        with safe_open(path, "pt") as file:
            step = int(file.metadata()["step"])
        if step != trainer.state.global_step:
            best = load_file(path)
            for name, parameter in trainer.accelerator.unwrap_model(trainer.model).named_parameters():
                if name in best:
                    parameter.data.copy_(best[name])
        return step

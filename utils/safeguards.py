"""What keeps a training run safe: rows checked before it, the loss during it, and a resume that is exact after a kill.

`SafeTrainer` is mixed into a transformers `Trainer`. What this module does not do: choose settings
(`utils.training`), keep adapters for use (`utils.adapters`), or survive a power cut (nothing is fsynced).
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer, TrainingArguments
from transformers.trainer_pt_utils import get_length_grouped_indices
from transformers.trainer_utils import get_last_checkpoint, rotate_checkpoints

RUN_FILE = "run.json"
_STAGING = "unfinished"
WINDOW = 4  # batches in which rows are sorted by length


class TrainingError(RuntimeError):
    """Training cannot start or had to stop; the message says where and what to change."""


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
        numbers = [dataset["input_ids"].index(one["input_ids"][one["attention_mask"].bool()].tolist()) for one in bad]
        where = f"{name} {', '.join(map(str, sorted(numbers)))}" if bad else "the batch as a whole"
        hint = "look at what they hold"
        if len(bad) == len(singles):
            hint = "every row of the batch, so the weights are gone: lower learning_rate"
        return f"the loss became {loss} at step {self.state.global_step + 1}, in {where}: {hint}"

    def _get_train_sampler(self, train_dataset: Any = None) -> torch.utils.data.Sampler:
        # The stock sampler draws each epoch's order from the global generator, so a resumed epoch has another order.
        batch = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return _EpochOrder(self, batch_size=batch, lengths=[len(ids) for ids in self.train_dataset["input_ids"]])

    def _get_output_dir(self, trial: Any) -> str:
        return os.path.join(self.args.output_dir, _STAGING)

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        # Written under another name and renamed when whole: a kill leaves the checkpoint before it as the newest.
        # Trainer's own method is called, since SFTTrainer's adds a model card to every checkpoint.
        Trainer._save_checkpoint(self, model, trial)
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            name = f"checkpoint-{self.state.global_step}"
            os.replace(Path(self.args.output_dir, _STAGING, name), Path(self.args.output_dir, name))
            rotate_checkpoints(output_dir=self.args.output_dir, save_total_limit=self.args.save_total_limit)
            Path(self.args.output_dir, _STAGING).rmdir()


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


def check_rows(
    name: str, rows: Sequence[Mapping[str, Any]], model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> None:
    """Refuse what the trainer would accept and then drop, cut, or die of in the middle of the run.

    Raises:
        ValueError: no rows; rows without a supervised token, too long for the model, or with foreign token ids.
    """
    if not rows:
        raise ValueError(f"{name} is empty: nothing to train on")
    config = model.config.get_text_config()
    limit = getattr(config, "max_position_embeddings", None) or float("inf")
    unsupervised = []
    for i, row in enumerate(rows):
        ids = row["input_ids"] if "input_ids" in row else [*tokenizer(row["text"])["input_ids"], tokenizer.eos_token_id]
        labels = row.get("labels", ids)
        if len(ids) != len(labels):
            raise ValueError(f"{name}[{i}] has {len(ids)} input_ids but {len(labels)} labels")
        if len(ids) > limit:
            raise ValueError(f"{name}[{i}] has {len(ids)} tokens, the model reads {limit}: encode with that max_length")
        if max(ids, default=0) >= config.vocab_size:
            raise ValueError(
                f"{name}[{i}] holds token {max(ids)}, the model has {config.vocab_size}: it was "
                "encoded with another tokenizer"
            )
        if all(label == -100 for label in labels[1:]):  # the first token is never predicted
            unsupervised.append(i)
    if unsupervised:
        first = ", ".join(map(str, unsupervised[:10]))
        raise ValueError(
            f"{len(unsupervised)} of {len(rows)} {name} have no token to learn from (first: {first}): "
            "their answers are empty or were cut off"
        )


def claim_folder(output_dir: str | os.PathLike[str], run: Mapping[str, Any], *, resume: bool) -> str | None:
    """Make `output_dir` this run's; the path of its newest checkpoint if `resume` and there is one.

    Without `resume`, checkpoints of an earlier run are removed, so that a later resume cannot pick up one of them.

    Args:
        run: what the weights depend on (settings, a hash of the rows); kept in `run.json` beside the checkpoints.

    Raises:
        TrainingError: `resume`, and the checkpoints there belong to a run that differs; the message says in what.
    """
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / _STAGING, ignore_errors=True)
    newest = get_last_checkpoint(folder)
    if resume and newest:
        before = json.loads((folder / RUN_FILE).read_text()) if (folder / RUN_FILE).is_file() else {}
        if changed := [f"{key}: {before.get(key)} → {value}" for key, value in run.items() if before.get(key) != value]:
            raise TrainingError(
                f"cannot resume: the checkpoints in {folder} are from another run ({'; '.join(changed)}). "
                "Use the same settings and rows, another output_dir, or resume=False to start over."
            )
        return newest
    for checkpoint in folder.glob("checkpoint-[0-9]*"):
        shutil.rmtree(checkpoint)
    partial = folder / f"{RUN_FILE}.partial"
    partial.write_text(json.dumps(run, indent=2))
    os.replace(partial, folder / RUN_FILE)
    return None


def out_of_memory(args: TrainingArguments, longest: int) -> str:
    """The message for a CUDA out-of-memory error, whose own one is about allocators."""
    micro = args.per_device_train_batch_size
    lower = f"micro_batch_size={micro // 2} (the same result)" if micro > 1 else "a smaller max_length in encode"
    more = "" if args.activation_checkpointing else ", activation_checkpointing=True"
    return (
        f"out of GPU memory with {micro} rows of up to {longest} tokens at a time. Try {lower}{more}, "
        "quantize=True in load_base, a lower rank, or a smaller model; memory.estimate says what each would save."
    )

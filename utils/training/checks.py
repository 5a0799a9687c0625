"""What is checked before a training run: the rows, the output folder, and what to say if GPU memory runs out.

What goes wrong during the run is noticed by `trainer`.
"""

import hashlib
import os
import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainingArguments

from utils.errors import DataError
from utils.files import read_json, sha256, write_json

RUN_FILE = "run.json"
CONTENTS = "contents.json"  # in each checkpoint: its files and their sha256
STAGING = "unfinished"  # where a checkpoint is written before it is renamed
BEST = "best.safetensors"  # the adapter's weights with the lowest held-out loss so far


class TrainingError(RuntimeError):
    """Training cannot start or had to stop; the message says where and what to change."""


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
    """Make `output_dir` this run's; the path of its newest whole checkpoint if `resume` and there is one.

    Without `resume`, checkpoints of an earlier run are removed, so that a later resume cannot pick up one of them.
    With it, those that are damaged are, with a warning: the run goes on from the one before.

    Args:
        run: what the weights depend on (settings, hashes of base and rows); kept in `run.json` beside the checkpoints.

    Raises:
        TrainingError: checkpoints there are from another program; or `resume`, and they belong to a run that differs
            (the message says in what).
    """
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoints = _checkpoints(folder)
    _check_owner(folder, checkpoints)
    shutil.rmtree(folder / STAGING, ignore_errors=True)
    if resume and checkpoints:
        before = read_json(folder / RUN_FILE) if (folder / RUN_FILE).is_file() else {}
        if changed := [f"{key}: {before.get(key)} → {value}" for key, value in run.items() if before.get(key) != value]:
            raise TrainingError(
                f"cannot resume: the checkpoints in {folder} are from another run ({'; '.join(changed)}). "
                "Use the same settings and rows, another output_dir, or resume=False to start over."
            )
        for checkpoint in checkpoints:
            if not (damage := damage_of(checkpoint)):
                return str(checkpoint)
            warnings.warn(f"{checkpoint} is damaged ({damage}): the run goes on from the one before it", stacklevel=3)
            shutil.rmtree(checkpoint)
    (folder / RUN_FILE).unlink(missing_ok=True)  # first: killed amid removing, the rest must not look resumable
    (folder / BEST).unlink(missing_ok=True)
    for checkpoint in _checkpoints(folder):
        shutil.rmtree(checkpoint)
    write_json(folder / RUN_FILE, run)
    return None


def _checkpoints(folder: Path) -> list[Path]:
    """The newest first."""
    steps = {path: path.name.removeprefix("checkpoint-") for path in folder.glob("checkpoint-*") if path.is_dir()}
    return sorted((path for path in steps if steps[path].isdecimal()), key=lambda path: int(steps[path]), reverse=True)


def _check_owner(folder: Path, checkpoints: Sequence[Path]) -> None:
    """Nothing is removed that another program wrote."""
    foreign = [path for path in (*checkpoints, folder / STAGING) if path.exists() and not (path / CONTENTS).is_file()]
    if foreign and not (folder / RUN_FILE).is_file():
        raise TrainingError(f"{foreign[0]} is not from a run of this project: use another output_dir, or move it away")


def list_contents(checkpoint: Path) -> None:
    """Note what a checkpoint consists of, so that damage is seen before a run goes on from it."""
    files = [path for path in sorted(checkpoint.rglob("*")) if path.is_file()]
    write_json(checkpoint / CONTENTS, {path.relative_to(checkpoint).as_posix(): sha256(path) for path in files})


def damage_of(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint, or None if it is whole: each file as it was written, and the best weights."""
    try:
        contents = read_json(checkpoint / CONTENTS)
        for name, digest in contents.items():
            if not (checkpoint / name).is_file():
                return f"{name} is missing"
            if sha256(checkpoint / name) != digest:
                return f"{name} is not as it was written"
        log = read_json(checkpoint / "trainer_state.json")["log_history"]
        if any("eval_loss" in entry and entry["step"] > 0 for entry in log):
            with safe_open(checkpoint.parent / BEST, "pt"):
                pass
    except (DataError, SafetensorError, OSError, KeyError, AttributeError) as error:
        return str(error)
    return None


def weights_hash(model: PreTrainedModel) -> str:
    """A hash that changes when any of the model's tensors is trained again: 64 values of each are read."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        sample = tensor.flatten()[:: max(1, tensor.numel() // 64)]
        digest.update(f"{name} {tuple(tensor.shape)} {sample.tolist()} ".encode())
    return digest.hexdigest()[:16]


def out_of_memory(args: TrainingArguments, longest: int) -> str:
    """The message for a CUDA out-of-memory error, whose own one is about allocators."""
    micro = args.per_device_train_batch_size
    lower = f"micro_batch_size={micro // 2} (the same result)" if micro > 1 else "a smaller max_length in encode"
    more = "" if args.activation_checkpointing else ", activation_checkpointing=True"
    return (
        f"out of GPU memory with {micro} rows of up to {longest} tokens at a time. Try {lower}{more}, "
        "quantize=True in load_base, a lower rank, or a smaller model; memory.estimate says what each would save."
    )

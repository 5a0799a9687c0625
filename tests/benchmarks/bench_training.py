"""How fast is training? The stock trainer, `fine_tune` without its short cuts, and with one and all of them.

    python -m tests.benchmarks.bench_training          40 rows of the four tasks mixed, and 40 of the labels; 10 GB
    python -m tests.benchmarks.bench_training 8        a trial with 8 rows each, which is not recorded

Four ways to train the bundled model in NF4 on the same rows, with the same seed, rate, adapters and batches of 8:

    stock       SFTTrainer with its defaults: every position meets the vocabulary, accuracy and entropy are measured.
                Precision is that of the machine, and activations are kept, as below.
    before      `fine_tune` as it was: 4-bit weights are expanded at every step, each row is computed whole, and freed
                memory goes back to the kernel.
    expanded    `fine_tune(share_starts=False)`: weights are expanded once, a layer with its LoRA is one operation, and
                freed memory is kept.
    all         `fine_tune`: what the rows of a batch have in common is computed once, too, a layer is two operations,
                attention goes along the branches of what rows share, and two sequences are computed side by side.

Each has a process of its own, because how memory is taken can't be undone and because the peak of memory is counted
for a process. The processes take turns after every step, so that a busy moment hits all of them. A speed is that of
the median step, in tokens that `encode` made, padding left out. Losses are of held-out rows, row by row in the NF4
model, the same for all; those of the last three ways have to agree, or the command fails. Medians are printed and
written to `bench_training.json` beside this file. This is a command, so it prints.
"""

import json
import multiprocessing
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, nullcontext
from pathlib import Path
from unittest.mock import patch

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
from datasets import Dataset  # noqa: E402
from peft import LoraConfig  # noqa: E402
from transformers import PrinterCallback, TrainerCallback, set_seed, trainer  # noqa: E402
from trl import SFTConfig, SFTTrainer  # noqa: E402

from utils.models import find_device, load_base  # noqa: E402
from utils.prompts import encode  # noqa: E402
from utils.series import load_tasks  # noqa: E402
from utils.training import fine_tune, sft  # noqa: E402

N_ROWS, N_HELDOUT, BATCH, LEARNING_RATE, RANK, SEED = 40, 16, 8, 1e-3, 16, 42
WARMUP = 0.03  # a fraction of the steps, as `fine_tune` has it
AGREE = 0.1  # nats that the losses of `fine_tune` may be apart: rounding grows from step to step, labels most
FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
Rows = list[dict[str, list[int]]]


def stock(model, tokenizer, rows: Rows, folder: str):
    device = find_device()
    own = SFTTrainer(
        model,
        args=SFTConfig(
            folder, num_train_epochs=1, per_device_train_batch_size=BATCH, learning_rate=LEARNING_RATE,
            warmup_steps=WARMUP, seed=SEED, use_cpu=device.kind == "cpu", bf16=device.autocast is torch.bfloat16,
            fp16=device.autocast is torch.float16, activation_checkpointing=False, report_to="none",
            save_strategy="no", disable_tqdm=True,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM"),
    )  # fmt: skip
    own.remove_callback(PrinterCallback)
    own.train()
    return own.accelerator.unwrap_model(own.model, keep_fp32_wrapper=False).eval()


def ours(model, tokenizer, rows: Rows, folder: str, **how):
    return fine_tune(
        model, tokenizer, rows, output_dir=folder, epochs=1, learning_rate=LEARNING_RATE, batch_size=BATCH, rank=RANK,
        seed=SEED, checkpoint_every=10_000, **how,
    ).model  # fmt: skip


def expanded(model, tokenizer, rows: Rows, folder: str):
    return ours(model, tokenizer, rows, folder, share_starts=False)


def before(model, tokenizer, rows: Rows, folder: str):
    with ExitStack() as stack:
        stack.enter_context(patch.object(sft, "expanded_for_training", lambda *_: nullcontext(False)))
        stack.enter_context(patch.object(sft, "keep_freed_memory", lambda: None))
        return expanded(model, tokenizer, rows, folder)


WAYS = {"stock": stock, "before": before, "expanded": expanded, "all": ours}


class InTurn(TrainerCallback):
    """Times each step, with all that lies between it and the one before, and lets the other ways do theirs."""

    def __init__(self, me: int, barrier, turns) -> None:
        self.barrier, self.mine, self.next = barrier, turns[me], turns[(me + 1) % len(turns)]
        self.seconds: list[float] = []

    def on_train_begin(self, args, state, control, **kwargs) -> None:
        self.barrier.wait()  # all are loaded
        self._take()

    def on_step_end(self, args, state, control, **kwargs) -> None:
        self.seconds.append(time.perf_counter() - self.started)
        self.next.release()
        if state.global_step < state.max_steps:
            self._take()
        else:
            self.barrier.wait()  # all are trained

    def _take(self) -> None:
        while not self.mine.acquire(timeout=5):
            if self.barrier.broken:
                raise RuntimeError("another way has failed")
        self.started = time.perf_counter()


def share_turns(barrier, turns) -> None:
    global shared
    shared = barrier, turns


def measure(way: str, rows: Rows, heldout: Rows) -> dict:
    """In a process of its own: train one way, in turn with the others."""
    warnings.simplefilter("ignore", FutureWarning)
    barrier, turns = shared
    clock = InTurn(list(WAYS).index(way), barrier, turns)
    trainer.DEFAULT_CALLBACKS.append(clock)  # of every trainer in this process
    try:
        model, tokenizer = load_base()
        set_seed(SEED)  # of the adapters
        with tempfile.TemporaryDirectory() as folder:
            tuned = WAYS[way](model, tokenizer, rows, folder)
    except BaseException:
        barrier.abort()
        raise
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": clock.seconds, "heldout_loss": loss_over_labels(tuned, heldout), "peak_memory_gib": peak}


@torch.no_grad()
def loss_over_labels(model: torch.nn.Module, rows: Rows) -> float:
    """Nats per supervised token, in fp32 and row by row."""
    summed = count = 0
    for row in rows:
        logits = model(input_ids=torch.tensor([row["input_ids"]], device=model.device)).logits[0, :-1].float()
        labels = torch.tensor(row["labels"][1:], device=model.device)
        summed += float(torch.nn.functional.cross_entropy(logits, labels, reduction="sum", ignore_index=-100))
        count += int((labels != -100).sum())
    return summed / count


def compare(rows: Rows, heldout: Rows) -> dict[str, dict]:
    """{way: what was measured} on these rows."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(len(WAYS))
    turns = [context.Semaphore(int(first)) for first in (True, *[False] * (len(WAYS) - 1))]
    with ProcessPoolExecutor(len(WAYS), context, share_turns, (barrier, turns)) as pool:
        waiting = {way: pool.submit(measure, way, rows, heldout) for way in WAYS}
        found = {way: future.result() for way, future in waiting.items()}
    tokens = sum(len(row["input_ids"]) for row in rows)
    report = {}
    for way, one in found.items():
        median = statistics.median(one["seconds"])
        report[way] = {
            "tokens_per_second": round(tokens / len(one["seconds"]) / median, 1),
            "heldout_loss": round(one["heldout_loss"], 4),
            "peak_memory_gib": round(one["peak_memory_gib"], 2),
            "seconds_of_each_step": [round(seconds, 2) for seconds in one["seconds"]],
        }
    speed = {way: one["tokens_per_second"] for way, one in report.items()}
    times = {f"times_as_fast_as_{way}": round(speed["all"] / speed[way], 2) for way in speed if way != "all"}
    return {"rows": len(rows), "tokens": tokens, "steps": len(found["all"]["seconds"])} | report | times


def cpu_flags() -> list[str]:
    """What this CPU has of `FLAGS`; Linux says so."""
    info = Path("/proc/cpuinfo")
    words = set(info.read_text().split()) if info.is_file() else set()
    return [flag for flag in FLAGS if flag in words]


def main(n_rows: int) -> None:
    tokenizer, tasks = load_base(quantize=False)[1], load_tasks(evaluate_on="dev")

    def some(names: list[str], n: int, split: str) -> Rows:
        each = {name: getattr(tasks[name], split)[: n // len(names)] for name in names}
        encoded = [encode(part, tasks[name].template, tokenizer, max_length=512) for name, part in each.items()]
        return [row for one in encoded for row in one.rows]

    report = {}
    for kind, names in {"four tasks": list(tasks), "labels": ["labels"]}.items():
        print(f"{kind}, {n_rows} rows", flush=True)
        report[kind] = compare(some(names, n_rows, "train"), some(names, N_HELDOUT, "test"))
        for way in WAYS:
            one = report[kind][way]
            print(
                f"  {way:<9} {one['tokens_per_second']:>6.0f} tokens/s   held-out loss {one['heldout_loss']:.3f}"
                f"   {one['peak_memory_gib']:.1f} GiB",
                flush=True,
            )
        losses = [report[kind][way]["heldout_loss"] for way in ("before", "expanded", "all")]
        if max(losses) > min(losses) + AGREE:
            raise SystemExit(f"the short cuts change what is learned: held-out losses {losses}")
    report |= {
        "batch": BATCH, "torch": torch.__version__, "machine": platform.machine(), "flags": cpu_flags(),
        "threads": torch.get_num_threads(), "precision": str(find_device().autocast or find_device().dtype),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }  # fmt: skip
    if n_rows == N_ROWS:
        Path(__file__).with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else N_ROWS)

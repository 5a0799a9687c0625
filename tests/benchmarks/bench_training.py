"""How fast is training? `fine_tune` beside SFTTrainer with its own defaults: same base, data, steps and learning rate.

    python -m tests.benchmarks.bench_training

SFTTrainer gets the rows as `prompt` + `completion` columns, `use_cpu=True` where there is no GPU (else it refuses to
start), and batch size, learning rate, epochs and LoRA settings as ours; everything else it chooses. Both use NF4 with
the faults of `utils.nf4` mended. Runs alternate, so that a busy moment hits both; medians are printed and written to
`bench_training.json` beside this file. This is a command, so it prints.
"""

import json
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
from datasets import Dataset  # noqa: E402
from peft import LoraConfig  # noqa: E402
from trl import SFTConfig, SFTTrainer  # noqa: E402

from utils.models import load_base  # noqa: E402
from utils.tasks import load_tasks  # noqa: E402
from utils.tokens import encode  # noqa: E402
from utils.training import fine_tune  # noqa: E402

N_ROWS, N_RUNS, BATCH, LEARNING_RATE, RANK = 120, 3, 16, 2e-3, 16  # rows of each task


def ours(rows: list[dict], pairs: Dataset, heldout: list[dict], folder: str, seed: int) -> tuple[float, float]:
    """Seconds and held-out loss."""
    model, tokenizer = load_base()
    result = fine_tune(
        model, tokenizer, rows, output_dir=folder, epochs=1, learning_rate=LEARNING_RATE, batch_size=BATCH, rank=RANK,
        seed=seed, checkpoint_every=10_000,
    )  # fmt: skip
    return result.metrics["seconds"], loss_over_labels(result.model, heldout)


def trl_defaults(rows: list[dict], pairs: Dataset, heldout: list[dict], folder: str, seed: int) -> tuple[float, float]:
    model, tokenizer = load_base()
    trainer = SFTTrainer(
        model,
        args=SFTConfig(
            folder, use_cpu=not torch.cuda.is_available(), num_train_epochs=1, learning_rate=LEARNING_RATE, seed=seed,
            per_device_train_batch_size=BATCH, report_to="none", save_strategy="no",
        ),
        train_dataset=pairs,
        processing_class=tokenizer,
        peft_config=LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM"),
    )  # fmt: skip
    started = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - started
    model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    return seconds, loss_over_labels(model.eval(), heldout)


@torch.no_grad()
def loss_over_labels(model: torch.nn.Module, rows: list[dict]) -> float:
    """Nats per supervised token, in fp32 and row by row, the same for both."""
    summed = count = 0
    for row in rows:
        logits = model(input_ids=torch.tensor([row["input_ids"]], device=model.device)).logits[0, :-1].float()
        labels = torch.tensor(row["labels"][1:], device=model.device)
        summed += float(torch.nn.functional.cross_entropy(logits, labels, reduction="sum", ignore_index=-100))
        count += int((labels != -100).sum())
    return summed / count


def main() -> None:
    _, tokenizer = load_base(quantize=False)
    tasks = load_tasks().values()
    records = [(task.template, record) for task in tasks for record in task.train[:N_ROWS]]
    rows = [encode([record], template, tokenizer, max_length=512).rows[0] for template, record in records]
    rendered = [template.render(record) for template, record in records]
    pairs = Dataset.from_list([{"prompt": prompt, "completion": completion} for prompt, completion in rendered])
    heldout = [row for task in tasks for row in encode(task.test[:30], task.template, tokenizer, max_length=1024).rows]
    tokens = sum(len(row["input_ids"]) for row in rows)
    ways = {"SFTTrainer with its defaults": trl_defaults, "fine_tune": ours}
    measured = {name: [] for name in ways}
    for run in range(N_RUNS):
        for name, way in ways.items():
            with tempfile.TemporaryDirectory() as folder:
                measured[name].append(way(rows, pairs, heldout, folder, seed=run))
            print(f"run {run + 1}, {name}: {measured[name][-1][0]:.1f} s, held-out loss {measured[name][-1][1]:.3f}")
    report = {
        name: {
            "tokens_per_second": round(tokens / statistics.median(seconds for seconds, _ in runs)),
            "heldout_loss": round(statistics.median(loss for _, loss in runs), 4),
            "runs": [[round(seconds, 2), round(loss, 4)] for seconds, loss in runs],
        }
        for name, runs in measured.items()
    }
    default, own = report.values()
    report |= {
        "times_as_fast": round(own["tokens_per_second"] / default["tokens_per_second"], 2),
        "rows": len(rows), "tokens": tokens, "torch": torch.__version__, "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }  # fmt: skip
    for name in ways:
        print(f"{name:<30} {report[name]['tokens_per_second']:>7,} tokens/s   loss {report[name]['heldout_loss']:.3f}")
    print(f"{report['times_as_fast']} times as fast")
    Path(__file__).with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()

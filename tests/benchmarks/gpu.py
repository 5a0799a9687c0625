"""Everything that needs a GPU, in one command:

    python -m tests.benchmarks.gpu            the notebooks, the memory estimate, Llama 2 7B: an hour, 80 GB
    python -m tests.benchmarks.gpu --tiny     the same steps with tiny models, on a CPU too: does the script work?

It executes notebooks 01 to 04; compares `memory.estimate` with measured peaks at several sizes; and trains a model of
Llama 2 7B's exact shape (random weights: they don't change the speed) in NF4 on real rendered rows, with our settings
and with those of the guide that this series grew from. The result is `gpu-DATE.json` beside this file (in `outputs/`
if tiny). No GPU machine was lent so far: it has not been run on one. This is a command, so it prints.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from datetime import date
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TQDM_DISABLE", "1")

import torch  # noqa: E402
from datasets import Dataset  # noqa: E402
from peft import LoraConfig  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, TrainerCallback  # noqa: E402
from trl import SFTConfig, SFTTrainer  # noqa: E402

from utils.memory import GIB, MODELS, estimate  # noqa: E402
from utils.models import BUNDLED, find_device, load_base  # noqa: E402
from utils.notebook import project_root  # noqa: E402
from utils.run_notebooks import find_notebooks, run_notebook  # noqa: E402
from utils.tasks import load_tasks  # noqa: E402
from utils.tokens import encode  # noqa: E402
from utils.training import fine_tune  # noqa: E402

RANK, BATCH = 64, 8  # the guide's: adapters of rank 64, 4 rows at a time, twice per step
PEAK_TFLOPS = {"H100": 989, "H200": 989, "A100": 312, "L4": 121, "T4": 65, "4090": 165}  # dense, 16 bits, data sheets
TINY = LlamaConfig(
    vocab_size=5120, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
    max_position_embeddings=2048,
)  # fmt: skip


def random_base(config: LlamaConfig, folder: Path) -> Path:
    """A model folder with random weights of this shape and the bundled tokenizer, whose ids all models here have."""
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(project_root() / BUNDLED).save_pretrained(folder)
    return folder


def rows_of_length(length: int, n_rows: int) -> list[dict[str, list[int]]]:
    """Rows of exactly `length` tokens: real rendered records of all tasks, one behind the other."""
    tokenizer = AutoTokenizer.from_pretrained(project_root() / BUNDLED)
    encoded = [encode(task.train, task.template, tokenizer, max_length=None).rows for task in load_tasks().values()]
    stream = [pair for rows in encoded for row in rows for pair in zip(row["input_ids"], row["labels"], strict=True)]
    stream *= 1 + n_rows * length // len(stream)
    parts = [stream[i * length : (i + 1) * length] for i in range(n_rows)]
    return [{"input_ids": [i for i, _ in part], "labels": [label for _, label in part]} for part in parts]


def ours(base: Path, rows: list[dict], folder: str, *, micro: int) -> list[float]:
    """Seconds of each optimiser step."""
    model, tokenizer = load_base(base)
    times: dict[int, float] = {}  # a step's first log entry, since the last one gets a summary, too
    fine_tune(
        model, tokenizer, rows, output_dir=folder, epochs=1, rank=RANK, batch_size=BATCH, micro_batch_size=micro,
        checkpoint_every=10_000, on_log=lambda history: times.setdefault(history[-1]["step"], time.perf_counter()),
    )  # fmt: skip
    ended = list(times.values())
    return [later - earlier for earlier, later in zip(ended, ended[1:], strict=False)]


def guide(base: Path, rows: list[dict], folder: str, *, micro: int) -> list[float]:
    """The guide's settings in today's argument names; on a CPU the nearest ones that it has."""
    model, tokenizer = load_base(base)
    device, clock = find_device(), _Clock()
    trainer = SFTTrainer(
        model,
        args=SFTConfig(
            folder, num_train_epochs=1, per_device_train_batch_size=micro, gradient_accumulation_steps=BATCH // micro,
            activation_checkpointing=True, optim="paged_adamw_32bit" if device.kind == "cuda" else "adamw_torch",
            learning_rate=2e-4, lr_scheduler_type="constant", max_grad_norm=0.3, packing=device.kind == "cuda",
            max_length=len(rows[0]["input_ids"]), bf16=device.autocast is torch.bfloat16,
            fp16=device.autocast is torch.float16, use_cpu=device.kind == "cpu", report_to="none", save_strategy="no",
            logging_strategy="no",
        ),
        train_dataset=Dataset.from_list([{"input_ids": row["input_ids"]} for row in rows]),
        processing_class=tokenizer,
        peft_config=LoraConfig(r=RANK, lora_alpha=16, lora_dropout=0.1, task_type="CAUSAL_LM"),
        callbacks=[clock],
    )  # fmt: skip
    trainer.train()
    return [later - earlier for earlier, later in zip(clock.times, clock.times[1:], strict=False)]


class _Clock(TrainerCallback):
    def __init__(self) -> None:
        self.times: list[float] = []

    def on_step_end(self, args, state, control, **kwargs) -> None:
        self.times.append(time.perf_counter())


def measure(way, base: Path, config: LlamaConfig, *, length: int, micro: int, steps: int) -> dict[str, float]:
    """Train `steps` steps; tokens per second from the median step, peak GiB, and the share of the GPU's FLOPs."""
    rows = rows_of_length(length, steps * BATCH)
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as folder:
        seconds = statistics.median(way(base, rows, folder, micro=micro))
    rate = BATCH * length / seconds
    found = {"tokens_per_second": round(rate), "seconds_per_step": round(seconds, 3)}
    if on_gpu:
        found["peak_gib"] = round(torch.cuda.max_memory_allocated() / GIB, 2)
        name = torch.cuda.get_device_name()
        if peak := next((tflops for card, tflops in PEAK_TFLOPS.items() if card in name), None):
            found["flops_utilisation"] = round(rate * flops_per_token(config, length) / (peak * 1e12), 3)
    return found


def flops_per_token(config: LlamaConfig, length: int) -> float:
    """Of the model alone, as MFU is counted: forward and the activations' gradients, 2 FLOPs a weight each.

    The frozen weights get no gradient, hence 4 and not the usual 6; recomputed activations do not count. Attention adds
    2 products of length × width per layer, forward and twice backward, half of them masked (Chowdhery et al. 2022).
    """
    weights = estimate(config, method="full", length=64).weights / 4 - config.vocab_size * config.hidden_size
    return 4 * weights + 6 * config.num_hidden_layers * length * config.hidden_size


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="tiny models, no notebooks")
    tiny = parser.parse_args().tiny
    if not tiny and not torch.cuda.is_available():
        parser.error("no GPU here; --tiny tries the script without one")
    outputs = project_root() / "outputs"
    report = {
        "date": date.today().isoformat(), "tiny": tiny, "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "notebooks": {}, "estimate": [], "training": {},
    }  # fmt: skip
    for path in [] if tiny else find_notebooks(["01", "02", "03", "04"]):
        started = time.perf_counter()
        results = run_notebook(path, outputs / "gpu" / path.name, cwd=path.parent)
        report["notebooks"][path.stem] = {"seconds": round(time.perf_counter() - started), **results}
        print(path.stem, report["notebooks"][path.stem])
    shapes = {"tiny": TINY} if tiny else {name: MODELS[name] for name in ("SmolLM2 135M", "SmolLM2 1.7B", "Llama 2 7B")}
    lengths, steps = ((256, 512), 3) if tiny else ((1024, 2048), 8)
    for name, config in shapes.items():
        with tempfile.TemporaryDirectory() as folder:
            base = random_base(config, Path(folder))
            for length in lengths:
                for micro in (1, 4):
                    expected = estimate(config, batch_size=micro, length=length, rank=RANK).total / GIB
                    found = measure(ours, base, config, length=length, micro=micro, steps=steps)
                    row = {
                        "model": name,
                        "length": length,
                        "rows_at_a_time": micro,
                        "estimated_gib": round(expected, 2),
                    }
                    report["estimate"].append(row | found)
                    print(report["estimate"][-1])
                if name == list(shapes)[-1]:
                    theirs = measure(guide, base, config, length=length, micro=4, steps=steps)
                    report["training"][f"{length} tokens"] = {"ours": found, "guide": theirs}
                    print("the guide's settings:", theirs)
    file = outputs / "gpu-tiny.json" if tiny else Path(__file__).with_name(f"gpu-{report['date']}.json")
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(report, indent=2) + "\n")
    print("written:", file)


if __name__ == "__main__":
    main()

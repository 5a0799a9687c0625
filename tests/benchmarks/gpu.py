"""Everything that needs a GPU, in one command:

    python -m tests.benchmarks.gpu               everything: ten minutes, 80 GB
    python -m tests.benchmarks.gpu notebooks     notebooks 01 to 04 only
    python -m tests.benchmarks.gpu training      memory and speed only
    python -m tests.benchmarks.gpu --tiny        the same steps with tiny models, on a CPU too: does the script work?

It executes notebooks 01 to 04; compares `memory.estimate` with measured peaks at several sizes; and trains a model of
Llama 2 7B's exact shape (random weights: they don't change the speed) in NF4 on real rendered rows, with our settings
and with those of the guide that this series grew from. The results are `gpu-notebooks.json` and `gpu-training.json`
beside this file (in `outputs/` if tiny). This is a command, so it prints.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from datetime import date
from importlib.metadata import version
from itertools import pairwise, product
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TQDM_DISABLE", "1")

import torch  # noqa: E402
from datasets import Dataset  # noqa: E402
from peft import LoraConfig  # noqa: E402
from transformers import (  # noqa: E402
    AutoModelForCausalLM,
    LlamaConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    TrainerCallback,
)
from trl import SFTConfig, SFTTrainer  # noqa: E402

from tests.models_fixture import small_tokenizer  # noqa: E402
from utils.files import ROOT  # noqa: E402
from utils.models import GIB, MODELS, estimate, find_device, load_base  # noqa: E402  # noqa: E402
from utils.prompts import encode  # noqa: E402
from utils.series import (  # noqa: E402
    find_notebooks,
    load_tasks,  # noqa: E402
    run_notebook,
)
from utils.training import fine_tune  # noqa: E402

RANK, BATCH = 64, 8  # the guide's: adapters of rank 64, 4 rows at a time, twice per step
PEAK_TFLOPS = {"H100": 989, "H200": 989, "A100": 312, "L4": 121, "T4": 65, "4090": 165}  # dense, 16 bits, data sheets
Base = tuple[PreTrainedModel, PreTrainedTokenizerBase]
TINY = LlamaConfig(
    vocab_size=5120, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
    max_position_embeddings=2048,
)  # fmt: skip


def random_base(config: LlamaConfig, folder: Path) -> Path:
    """A model folder with random weights of this shape and a tokenizer so small that all models here have its ids."""
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(folder)
    small_tokenizer().save_pretrained(folder)
    return folder


def rows_of_length(length: int, n_rows: int) -> list[dict[str, list[int]]]:
    """Rows of exactly `length` tokens: real rendered records of all tasks, one after the other."""
    tokenizer = small_tokenizer()
    encoded = [encode(task.train, task.template, tokenizer, max_length=None).rows for task in load_tasks().values()]
    stream = [pair for rows in encoded for row in rows for pair in zip(row["input_ids"], row["labels"], strict=True)]
    stream *= 1 + n_rows * length // len(stream)
    parts = [stream[i * length : (i + 1) * length] for i in range(n_rows)]
    return [{"input_ids": [i for i, _ in part], "labels": [label for _, label in part]} for part in parts]


def ours(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: list[dict], folder: str, **how):
    """The model with its adapters, and the moment at which each optimiser step ended, in seconds."""
    times: dict[int, float] = {}  # a step's first log entry, since the last one gets a summary, too
    result = fine_tune(
        model, tokenizer, rows, output_dir=folder, epochs=1, rank=RANK, batch_size=BATCH, **how,
        checkpoint_every=10_000, on_log=lambda history: times.setdefault(history[-1]["step"], time.perf_counter()),
    )  # fmt: skip
    return result.model, list(times.values())


def guide(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: list[dict], folder: str):
    """The same with the guide's settings in today's argument names; on a CPU the nearest ones that it has."""
    device, clock = find_device(), _Clock()
    trainer = SFTTrainer(
        model,
        args=SFTConfig(
            folder, num_train_epochs=1, per_device_train_batch_size=4, gradient_accumulation_steps=BATCH // 4,
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
    return trainer.model, clock.times


class _Clock(TrainerCallback):
    def __init__(self) -> None:
        self.times: list[float] = []

    def on_step_end(self, args, state, control, **kwargs) -> None:
        self.times.append(time.perf_counter())


def labelled(rows: list[dict[str, list[int]]]) -> float:
    """The share of the tokens that carry a label, in the row that has most of them."""
    return max(sum(label != -100 for label in row["labels"]) / len(row["labels"]) for row in rows)


def measure(way, base: Base, *, length: int, steps: int, **how) -> dict[str, float]:
    """Train `steps` steps; tokens per second from the median step, peak GiB, and the share of the GPU's FLOPs."""
    rows, on_gpu = rows_of_length(length, steps * BATCH), torch.cuda.is_available()
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as folder:
        tuned, ended = way(*base, rows, folder, **how)
    config = base[0].config
    tuned.unload()
    seconds = statistics.median(later - earlier for earlier, later in pairwise(ended))
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


def notebooks() -> dict[str, dict]:
    """What notebooks 01 to 04 record, each with its seconds."""
    found = {}
    for path in find_notebooks(["01", "02", "03", "04"]):
        started = time.perf_counter()
        results = run_notebook(path, ROOT / "outputs" / "gpu" / path.name, cwd=path.parent)
        found[path.stem] = {"seconds": round(time.perf_counter() - started), **results}
        print(path.stem, found[path.stem], flush=True)
    return found


def training(tiny: bool) -> dict[str, list[dict]]:
    """Estimated and measured GiB and the speed of our settings at several sizes, and of the guide's at the largest."""
    shapes = {"tiny": TINY} if tiny else {name: MODELS[name] for name in ("SmolLM2 135M", "SmolLM2 1.7B", "Llama 2 7B")}
    lengths, steps = ((256, 512), 3) if tiny else ((1024, 2048), 4)
    found: dict[str, list[dict]] = {"ours": [], "guide": []}
    for name, config in shapes.items():
        with tempfile.TemporaryDirectory() as folder:
            base = load_base(random_base(config, Path(folder)))
        for length, (micro, again) in product(lengths, ((1, True), (4, True), (4, False))):
            how = {"activation_checkpointing": again, "length": length}
            share = labelled(rows_of_length(length, steps * BATCH))
            expected = estimate(config, batch_size=micro, rank=RANK, labelled=share, **how).total / GIB
            row = {"model": name, "rows_at_a_time": micro, **how, "estimated_gib": round(expected, 2)}
            found["ours"].append(row | measure(ours, base, micro_batch_size=micro, steps=steps, **how))
            print(found["ours"][-1], flush=True)
        for length in lengths if name == list(shapes)[-1] else ():
            row = {"model": name, "rows_at_a_time": 4, "activation_checkpointing": True, "length": length}
            found["guide"].append(row | measure(guide, base, length=length, steps=steps))
            print("the guide's settings:", found["guide"][-1], flush=True)
        del base
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["notebooks", "training"], help="notebooks, training (both)")
    parser.add_argument("--tiny", action="store_true", help="tiny models, no notebooks")
    options = parser.parse_args()
    if not options.tiny and not torch.cuda.is_available():
        parser.error("no GPU here; --tiny tries the script without one")
    machine = {
        "date": date.today().isoformat(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "versions": {name: version(name) for name in ("torch", "transformers", "trl", "peft", "bitsandbytes")},
    }
    folder = ROOT / "outputs" if options.tiny else Path(__file__).parent
    folder.mkdir(exist_ok=True)
    for part in ["training"] if options.tiny else options.parts:
        found = notebooks() if part == "notebooks" else training(options.tiny)
        file = folder / f"gpu-{part}{'-tiny' * options.tiny}.json"
        file.write_text(json.dumps(machine | found, indent=1) + "\n")
        print("written:", file.name)


if __name__ == "__main__":
    main()

"""How fast is generation? `generate` beside `model.generate` itself, one prompt at a time and in left-padded batches.

    python -m tests.benchmarks.bench_generation

    one by one           the article's loop: a call for each prompt
    left-padded batches  `model.generate` on BATCH prompts in the order given
    generate             the same batch size; 4-bit weights are expanded once, and rows that have ended make room

All answer the same development records greedily with the same NF4 model (the bundled one with a briefly trained
adapter, so that answers end by themselves); how many answers are those of one by one is said. Runs alternate, so that a
busy moment hits all; medians are printed and written to `bench_generation.json` beside this file. This is a command, so
it prints.
"""

import json
import os
import platform
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402

from utils.inference import generate  # noqa: E402
from utils.models import load_base  # noqa: E402
from utils.prompts import encode, encode_prompts  # noqa: E402
from utils.series import load_tasks  # noqa: E402
from utils.training import fine_tune  # noqa: E402

N_TRAINED, N_ROWS, N_RUNS = 60, 32, 3  # training and asked records of each task, and runs
BATCH, MAX_NEW_TOKENS = 16, 48


def plain(model, tokenizer, tasks, *, batch: int = BATCH) -> list[str]:
    """transformers alone. Answers are cut off by ids, since cutting by characters, as in the article, spoils some."""
    answers = []
    for task in tasks:
        prompts = encode_prompts(task.test[:N_ROWS], task.template, tokenizer)
        for start in range(0, len(prompts), batch):
            ids = [{"input_ids": prompt} for prompt in prompts[start : start + batch]]
            inputs = tokenizer.pad(ids, padding_side="left", return_tensors="pt").to(model.device)
            out = model.generate(**inputs, max_new_tokens=MAX_NEW_TOKENS, do_sample=False)
            answers += tokenizer.batch_decode(out[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    return answers


def ours(model, tokenizer, tasks) -> list[str]:
    settings = {"max_new_tokens": MAX_NEW_TOKENS, "batch_size": BATCH}
    return [
        answer.text
        for task in tasks
        for answer in generate(model, tokenizer, task.test[:N_ROWS], task.template, **settings)
    ]


def main() -> None:
    model, tokenizer = load_base()
    tasks = list(load_tasks(evaluate_on="dev").values())
    rows = [row for t in tasks for row in encode(t.train[:N_TRAINED], t.template, tokenizer, max_length=512).rows]
    with tempfile.TemporaryDirectory() as folder:
        how = {"epochs": 1, "learning_rate": 1e-3, "batch_size": 8}
        model = fine_tune(model, tokenizer, rows, output_dir=folder, **how).model
    ways = {"one by one": partial(plain, batch=1), "left-padded batches": plain, "generate": ours}
    seconds, answers = {name: [] for name in ways}, {}
    for run in range(N_RUNS):
        for name, way in ways.items():
            started = time.perf_counter()
            answers[name] = way(model, tokenizer, tasks)
            seconds[name].append(time.perf_counter() - started)
            print(f"run {run + 1}, {name}: {seconds[name][-1]:.1f} s")
    n = len(answers["generate"])
    rate = {name: n / statistics.median(taken) for name, taken in seconds.items()}
    first = answers["one by one"]
    equal = {name: sum(map(str.__eq__, first, answers[name])) for name in ways if name != "one by one"}
    report = {
        "rows_per_second": {name: round(value, 2) for name, value in rate.items()},
        "times_as_fast_as": {name: round(rate["generate"] / rate[name], 2) for name in ways if name != "generate"},
        "answers": n, "equal_to_one_by_one": equal, "batch": BATCH,
        "seconds": {name: [round(value, 2) for value in taken] for name, taken in seconds.items()},
        "torch": torch.__version__, "machine": platform.machine(), "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }  # fmt: skip
    for name, value in rate.items():
        print(f"{name:<20} {value:6.2f} rows/s, {equal.get(name, n)} of {n} answers as one by one")
    Path(__file__).with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()

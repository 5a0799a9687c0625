"""How fast is generation? `generate` beside the article's loop: one prompt, one `model.generate` call at a time.

    python -m tests.benchmarks.bench_generation

Both answer the same test records greedily with the same NF4 model (the bundled one with a briefly trained adapter, so
that answers end by themselves), and the answers have to be equal. Runs alternate, so that a busy moment hits both;
medians are printed and written to `bench_generation.json` beside this file. This is a command, so it prints.
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

from utils.inference import generate  # noqa: E402
from utils.models import load_base  # noqa: E402
from utils.prompts import encode, encode_prompts  # noqa: E402
from utils.series import load_tasks  # noqa: E402
from utils.training import fine_tune  # noqa: E402

N_TRAINED, N_ROWS, N_RUNS, MAX_NEW_TOKENS = 60, 16, 3, 48  # training and test records of each task


def article(model, tokenizer, tasks) -> list[str]:
    """The loop of the article, with its answer cut off by ids, since cutting by characters would spoil some."""
    answers = []
    for task in tasks:
        for prompt in encode_prompts(task.test[:N_ROWS], task.template, tokenizer):
            ids = torch.tensor([prompt], device=model.device)
            out = model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=MAX_NEW_TOKENS, do_sample=False
            )
            answers.append(tokenizer.decode(out[0, len(prompt) :], skip_special_tokens=True))
    return answers


def ours(model, tokenizer, tasks) -> list[str]:
    settings = {"max_new_tokens": MAX_NEW_TOKENS}
    return [
        answer.text
        for task in tasks
        for answer in generate(model, tokenizer, task.test[:N_ROWS], task.template, **settings)
    ]


def main() -> None:
    model, tokenizer = load_base()
    tasks = list(load_tasks().values())
    rows = [row for t in tasks for row in encode(t.train[:N_TRAINED], t.template, tokenizer, max_length=512).rows]
    with tempfile.TemporaryDirectory() as folder:
        how = {"epochs": 1, "learning_rate": 1e-3, "batch_size": 8}
        model = fine_tune(model, tokenizer, rows, output_dir=folder, **how).model
    ways = {"one by one": article, "generate": ours}
    seconds, answers = {name: [] for name in ways}, {}
    for run in range(N_RUNS):
        for name, way in ways.items():
            started = time.perf_counter()
            answers[name] = way(model, tokenizer, tasks)
            seconds[name].append(time.perf_counter() - started)
            print(f"run {run + 1}, {name}: {seconds[name][-1]:.1f} s")
    n = len(answers["generate"])
    rate = {name: n / statistics.median(taken) for name, taken in seconds.items()}
    report = {
        "rows_per_second": {name: round(value, 2) for name, value in rate.items()},
        "times_as_fast": round(rate["generate"] / rate["one by one"], 1),
        "equal_answers": sum(a == b for a, b in zip(*answers.values(), strict=True)), "answers": n,
        "seconds": {name: [round(value, 2) for value in taken] for name, taken in seconds.items()},
        "torch": torch.__version__, "machine": platform.machine(), "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }  # fmt: skip
    for name, value in rate.items():
        print(f"{name:<12} {value:8.2f} rows/s")
    print(f"{report['times_as_fast']} times as fast, {report['equal_answers']} of {n} answers equal")
    Path(__file__).with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""What the loss of a mixture is averaged over, on the same rows, rates and seed: `make mixture` records it.

    python -m utils.series.mixture_study

A run that the record holds already, made from today's code and data, is not made again. Most of an hour on two cores.
The scores are of development rows: settings are chosen on them. This is a command, so it prints.
"""

from collections.abc import Mapping
from typing import Any

from utils.evaluation import bootstrap, score
from utils.files import ROOT, read_json, write_json
from utils.notebook import set_environment
from utils.series.mixture_record import RECORD, RUNS, TASKS, depends_on
from utils.series.tasks import load_tasks

EPOCHS, SEED, LONGEST_ANSWER = 2, 42, 64  # passes; of rows and draws; tokens
FIXED = {"epochs": EPOCHS, "learning_rate": 2e-4, "lora_plus": 8, "batch_size": 8, "rank": 16, "seed": SEED}


def _train(name: str, run: Mapping[str, Any]) -> dict[str, Any]:
    from utils.inference import generate
    from utils.models import load_base
    from utils.prompts import encode
    from utils.training import fine_tune

    tasks = {task: one for task, one in load_tasks(evaluate_on="dev").items() if task in run["rows"]}
    model, tokenizer = load_base()
    rows = []
    for task, one in tasks.items():
        encoded = encode(one.train[: run["rows"][task]], one.template, tokenizer, max_length=512).rows
        rows += [row | {"weight": run.get("weights", {}).get(task, 1.0)} for row in encoded]
    result = fine_tune(
        model, tokenizer, rows, output_dir=ROOT / "outputs" / "checkpoints" / "mixture", checkpoint_every=10**6,
        loss_mean=run.get("loss_mean", "token"), **FIXED,
    )  # fmt: skip
    found: dict[str, Any] = {"name": name, "steps": result.metrics["steps"]}
    for task, one in tasks.items():
        answers = generate(
            result.model, tokenizer, one.test, one.template, max_new_tokens=LONGEST_ANSWER, batch_size=32
        )
        slots = one.slots or None
        scores = score([answer.text for answer in answers], one.test, one.template, allowed=one.labels, slots=slots)
        found[task] = list(bootstrap(scores[TASKS[task]], seed=SEED))
    return found


def main() -> None:
    """Train what is missing, and write the record after every run."""
    set_environment(headless=True)
    before = read_json(RECORD) if RECORD.is_file() else {}
    known = {run["name"]: run for run in before.get("runs", [])} if before.get("depends_on") == depends_on() else {}
    for name, run in RUNS.items():
        if name not in known:
            known[name] = _train(name, run)
            print(known[name], flush=True)
            runs = [known[one] for one in RUNS if one in known]
            write_json(RECORD, {"depends_on": depends_on(), "runs": runs})


if __name__ == "__main__":
    main()

"""Runs that differ in one choice of training, recorded: `make choices` (about half an hour on two cores).

Each run learns a third of the rows of notebook 03 for as many epochs, and answers the development rows. Notebook 05
reads what is recorded; `depends_on` changes with the code, the data and the settings, and a test says when the record
is out of date.
"""

import ast
import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from utils.evaluation import Score
from utils.notebook import project_root, set_environment
from utils.tasks import DATA, Task, load_tasks, score_task

RECORD = Path("notebooks") / "results" / "training_choices.json"
MIX = {"labels": 140, "phrases": 70, "reverse": 80, "instructions": 50}
SETTINGS = {"epochs": 2, "learning_rate": 1e-3, "batch_size": 8, "rank": 16, "seed": 42}
ASKED = 60  # development rows of each task
SCORES = {"labels": "label_accuracy", "phrases": "span_f1", "reverse": "slot_recall", "instructions": "exact"}
RUNS: dict[str, dict[str, Any]] = {
    "mean per token": {},
    "mean per row": {"loss_mean": "row"},
    "mean per token, twice the label rows": {"mix": {"labels": 280}},
    "labels alone": {"mix": {"phrases": 0, "reverse": 0, "instructions": 0}},
    "loss on the whole text": {"whole_text": True},
}
# What the answers depend on, besides data and settings.
CODE = ("shared_starts", "safe_trainer", "templates", "seam", "tokens", "training", "training_choices")


def fingerprint() -> str:
    """A hash of the data, the settings, and the code without its comments and docstrings."""
    digest = hashlib.sha256()
    for path in sorted(DATA.glob("*.csv")) + sorted(DATA.glob("*.json*")):
        if not path.stem.endswith("_test"):
            digest.update(path.read_bytes())
    for name in CODE:
        tree = ast.parse((project_root() / "utils" / f"{name}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            first = body[0] if isinstance(body, list) and body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                first.value.value = None
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()[:16]


def read_record(path: Path | None = None) -> dict[str, dict[str, Any]]:
    """The recorded runs by name: `steps`, `rows`, `seconds`, `scores` (task → list of sums per row), `stopped`.

    Raises:
        FileNotFoundError: nothing is recorded: `make choices`.
    """
    path = path or project_root() / RECORD
    if not path.is_file():
        raise FileNotFoundError(f"{path.name} is not there: run `make choices`")
    return json.loads(path.read_text(encoding="utf-8"))["runs"]


def recorded_score(run: Mapping[str, Any], task: str) -> Score | None:
    """The score of a recorded run on a task, ready for `bootstrap`; None if the run did not learn the task."""
    if task not in run["scores"]:
        return None
    one = _first(load_tasks(evaluate_on="dev")[task], 1)
    formula = score_task(one, [SimpleNamespace(text="", stopped=True)])[SCORES[task]].formula
    return Score(np.array(run["scores"][task], dtype=float), formula)


def run_one(name: str, *, report: Callable[[str], None]) -> dict[str, Any]:
    """Train and ask one of `RUNS`; the adapter is not kept."""
    from utils.inference import generate
    from utils.models import load_base
    from utils.tokens import encode
    from utils.training import fine_tune, fine_tune_on_text

    how = dict(RUNS[name])
    mix, whole_text = MIX | how.pop("mix", {}), how.pop("whole_text", False)
    tasks = {task: each for task, each in load_tasks(evaluate_on="dev").items() if mix[task]}
    model, tokenizer = load_base()
    records = {task: each.train[: mix[task]] for task, each in tasks.items()}
    if whole_text:
        rows = ["".join(tasks[task].template.render(r)) for task, every in records.items() for r in every]
    else:
        encoded = [encode(every, tasks[task].template, tokenizer, max_length=512) for task, every in records.items()]
        rows = [row for each in encoded for row in each.rows]
    train = fine_tune_on_text if whole_text else fine_tune
    where = project_root() / "outputs" / "checkpoints" / "choices"
    result = train(model, tokenizer, rows, output_dir=where, checkpoint_every=10**6, **SETTINGS, **how)
    report(f"{name}: {result.metrics['steps']} steps in {result.metrics['seconds']:.0f} s")
    found: dict[str, Any] = {key: result.metrics[key] for key in ("steps", "rows", "seconds")} | {"scores": {}}
    stopped = []
    for task, each in tasks.items():
        asked = _first(each, ASKED)
        answers = generate(result.model, tokenizer, asked.test, asked.template, max_new_tokens=48, batch_size=32)
        scores = score_task(asked, answers)
        found["scores"][task] = scores[SCORES[task]].rows.tolist()
        stopped += [answer.stopped for answer in answers]
        report(f"  {task} {SCORES[task]} {scores[SCORES[task]].value:.3f}")
    return found | {"stopped": sum(stopped) / len(stopped)}


def _first(task: Task, n: int) -> Task:
    return replace(task, test=task.test[:n], slots=task.slots[:n])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: run what is asked for, or everything, and write the record after each run."""
    set_environment(headless=True)
    names = list(arguments if arguments is not None else sys.argv[1:]) or list(RUNS)
    path, depends_on = project_root() / RECORD, fingerprint()
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    runs = before.get("runs", {}) if before.get("depends_on") == depends_on else {}
    for name in names:
        runs[name] = run_one(name, report=lambda line: print(line, flush=True))
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = {each: runs[each] for each in RUNS if each in runs}
        content = {"depends_on": depends_on, "mix": MIX, "settings": SETTINGS, "asked": ASKED, "runs": kept}
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

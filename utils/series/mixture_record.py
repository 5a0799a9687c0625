"""The record of what the loss of a mixture is averaged over: which runs it holds, what it depends on, and its rows.

`make mixture` writes it (`mixture_study`).
"""

from pathlib import Path
from typing import Any

from utils.evaluation import Interval
from utils.files import ROOT, digest, read_json
from utils.series.settings_record import CODE

RECORD = ROOT / "notebooks" / "records" / "03_mixture.json"
FILES = ("hotel_reviews", "entity_phrases", "documents", "instructions")
TASKS = {"labels": "label_accuracy", "phrases": "span_f1", "reverse": "slot_recall", "instructions": "exact"}
FIXED = {"epochs": 2, "learning_rate": 2e-4, "lora_plus": 8, "batch_size": 8, "rank": 16}  # as in 03, one epoch less
SEEDS = [42, 43]  # of the order of rows and of what LoRA starts from
HALF = {"labels": 400, "phrases": 110, "reverse": 140, "instructions": 90}  # of the rows of notebook 03
RUNS: dict[str, dict] = {
    "a mean per token": {"rows": HALF},
    "the same, a label counts three times": {"rows": HALF, "weights": {"labels": 3.0}},
    "a mean per row": {"rows": HALF, "loss_mean": "row"},
    "a mean per token, twice the labels": {"rows": HALF | {"labels": 800}},
    "labels alone": {"rows": {"labels": 400}},
    "labels alone, twice the passes": {"rows": {"labels": 400}, "epochs": 4},
}


def depends_on(root: Path = ROOT) -> dict[str, Any]:
    """What a number of the record depends on: hashes of code and data, and the settings."""
    data = sorted(path for name in FILES for path in (root / "data").glob(f"{name}*") if "_test" not in path.stem)
    code = digest(root / path for path in CODE)
    return {"code": code, "data": digest(data), "settings": FIXED, "runs": RUNS, "seeds": SEEDS}


def mixture_rows(path: Path = RECORD) -> list[dict[str, str]]:
    """A row for each run: its steps, and over all seeds the score of each task that it learned; below it a row that
    says how far these scores are from those of the first run.

    Raises:
        FileNotFoundError: nobody has made the record.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path.name}: `make mixture` makes it, in an hour or two")
    rows = []
    for run in read_json(path)["runs"]:
        scores = {task: str(Interval(*run[task]["score"])) if task in run else "not trained" for task in TASKS}
        rows.append({"run": run["name"], "steps": f"{run['steps']}"} | scores)
        if len(rows) > 1:
            against = {task: Interval(*run[task]["against first"]).signed for task in TASKS if task in run}
            rows.append({"run": "minus the first"} | against)
    return rows

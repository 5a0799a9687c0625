"""The record of what the loss of a mixture is averaged over: which runs it holds, what it depends on, and its rows.

`make mixture` writes it (`mixture_study`).
"""

from pathlib import Path

from utils.evaluation import Interval
from utils.files import ROOT, digest, read_json

RECORD = ROOT / "notebooks" / "records" / "03_mixture.json"
CODE = (
    "utils/training/fine_tuning.py", "utils/training/sft.py", "utils/training/batches.py", "utils/prompts/templates.py",
    "utils/series/mixture_record.py", "utils/series/mixture_study.py",
)  # fmt: skip
TASKS = {  # what is scored in each
    "labels": "label_accuracy", "phrases": "span_f1", "reverse": "slot_recall", "instructions": "exact",
}  # fmt: skip
FILES = ("hotel_reviews", "entity_phrases", "documents", "instructions")
HALF = {"labels": 400, "phrases": 110, "reverse": 140, "instructions": 90}  # of the rows of notebook 03
RUNS: dict[str, dict] = {
    "mean per token": {"rows": HALF},
    "the same, a label counts three times": {"rows": HALF, "weights": {"labels": 3.0}},
    "mean per row": {"rows": HALF, "loss_mean": "row"},
    "mean per token, twice the labels": {"rows": HALF | {"labels": 800}},
    "labels alone": {"rows": {"labels": 400}},
}


def depends_on(root: Path = ROOT) -> dict[str, str]:
    """Hashes of what a number of the record depends on: code and data."""
    data = sorted(path for name in FILES for path in (root / "data").glob(f"{name}*") if "_test" not in path.stem)
    return {"code": digest(root / path for path in CODE), "data": digest(data)}


def mixture_rows(path: Path = RECORD) -> list[dict[str, str]]:
    """A row for each run: its steps, and the score of each task that it learned.

    Raises:
        FileNotFoundError: nobody has made the record.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path.name}: `make mixture` makes it, in most of an hour")
    return [
        {"loss": run["name"], "steps": f"{run['steps']}"}
        | {task: str(Interval(*run[task])) if task in run else "not learned" for task in TASKS}
        for run in read_json(path)["runs"]
    ]

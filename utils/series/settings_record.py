"""The record of what rank, alpha, learning rate and epochs do: which runs it holds, what it depends on, and its rows.

`make settings` writes it (`settings_study`).
"""

from pathlib import Path

from utils.evaluation import Interval
from utils.files import ROOT, digest, read_json

RECORD = ROOT / "notebooks" / "records" / "03_settings.json"
CODE = (
    "utils/training/fine_tuning.py", "utils/training/sft.py", "utils/training/batches.py", "utils/prompts/templates.py",
)  # fmt: skip
DATA = "data/entity_phrases.jsonl", "data/entity_phrases_dev.jsonl"
AS_IN_03 = {"rank": 16, "alpha_by_rank": 2, "learning_rate": 2e-4, "epochs": 3}
RUNS = [AS_IN_03] + [AS_IN_03 | change for change in (
    {"rank": 2}, {"rank": 64}, {"alpha_by_rank": 0.5}, {"alpha_by_rank": 8},
    {"learning_rate": 2e-5}, {"learning_rate": 1e-3}, {"epochs": 1},
)]  # fmt: skip
WORDS = {"rank": "rank", "alpha_by_rank": "alpha / rank", "learning_rate": "learning rate", "epochs": "epochs"}


def depends_on(root: Path = ROOT) -> dict[str, str]:
    """Hashes of what a number of the record depends on: code and data."""
    return {"code": digest(root / path for path in CODE), "data": digest(root / path for path in DATA)}


def settings_rows(path: Path = RECORD) -> list[dict[str, str]]:
    """A row for each run: which setting differs from the first run, and what came of it.

    Raises:
        FileNotFoundError: nobody has made the record.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path.name}: `make settings` makes it, in most of an hour")
    rows = []
    for run in read_json(path)["runs"]:
        changed = [f"{WORDS[name]} {run[name]:g}" for name in AS_IN_03 if run[name] != AS_IN_03[name]]
        rows.append({
            "run": ", ".join(changed) or "as in section 6",
            "steps": f"{run['steps']}", "numbers trained": f"{run['trained']:,}", "training loss": f"{run['loss']:.2f}",
            "held-out loss": f"{run['heldout_loss']:.2f}", "F1 of phrases": str(Interval(*run["span_f1"])),
        })  # fmt: skip
    return rows

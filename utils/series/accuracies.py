"""The label accuracies that the notebooks recorded, each with what it was learned from and measured on.

The committed notebooks are read, not run. What one of them did not record is None, and stays empty in a table.
"""

import math
from pathlib import Path
from typing import Any

from utils.notebook import read_results
from utils.series.running import find_notebooks, parameters_of


def accuracy_row(
    notebook: str, *, learned: str, steps: float | None, test: str, rows: float | None, **scores: float | None
) -> dict[str, Any]:
    """One row of the table: what was learned, what was asked, and the accuracies that belong together.

    Args:
        learned: the training rows, in words.
        steps: of the optimiser.
        test: the file of the test rows; `rows`: how many of them were asked.
        scores: accuracies from 0 to 1: `tuned`, `simple` and `constant`, as notebooks record them.

    >>> row = accuracy_row("04", learned="9 rows", steps=3, test="a.csv", rows=96, tuned=0.5, constant=0.5)
    >>> row["fine-tuned"], row["TF-IDF"], row["give or take"]
    ('0.50', None, '0.10')
    """
    shown = {name: None if value is None else f"{value:.2f}" for name, value in scores.items()}
    tuned = scores.get("tuned")
    known = rows and tuned not in (None, 0, 1)  # where all rows are alike, the rule of thumb says nothing
    return {
        "notebook": notebook,
        "learned from": learned,
        "steps": steps and round(steps),
        "test set": test,
        "test rows": rows and round(rows),
        "fine-tuned": shown.get("tuned"),
        "give or take": f"{1.96 * math.sqrt(tuned * (1 - tuned) / rows):.2f}" if known else None,
        "TF-IDF": shown.get("simple"),
        "constant": shown.get("constant"),
    }


def recorded_accuracies() -> list[dict[str, Any]]:
    """A row for each label accuracy that the committed notebooks 04 (two test sets) and 07 recorded."""
    training, inference, own = (found[0] for found in map(find_notebooks, (["03"], ["04"], ["07"])))
    steps, four, seven = read_results(training).get("steps"), read_results(inference), read_results(own)
    rows = parameters_of(inference)["rows"][1]
    learned = f"{rows['labels']} reviews among {sum(rows.values())} rows of four tasks"
    return [
        accuracy_row(
            "04", learned=learned, steps=steps, test="hotel_reviews_test", rows=four.get("label_test_rows"),
            **_scores(four, "label_accuracy"),
        ),
        accuracy_row(
            "04", learned=learned, steps=steps, test="hotel_reviews_terse_test", rows=four.get("terse_test_rows"),
            **_scores(four, "terse_label_accuracy"),
        ),
        accuracy_row(
            "07", learned=f"{seven.get('train_rows')} messages, one task", steps=seven.get("steps"),
            test=_test_file(own), rows=seven.get("test_rows"), **_scores(seven, "label_accuracy"),
        ),
    ]  # fmt: skip


def _scores(results: dict[str, float], name: str) -> dict[str, float | None]:
    return {method: results.get(f"{method}_{name}") for method in ("tuned", "simple", "constant")}


def _test_file(notebook: Path) -> str:
    return Path(parameters_of(notebook)["data_path"][1]).stem + "_test"

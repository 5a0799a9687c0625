"""The four tasks of the series: which file of `data/` holds them, which template renders them, what is scored.

Your own data needs none of this: convert it with `utils.records`, as notebook 01 shows.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from utils.evaluation import wanted
from utils.files import ROOT, read_jsonl
from utils.prompts import ALPACA, REVERSE_INSTRUCTION, PromptTemplate
from utils.records import Conversion, Record, from_documents, from_instructions, from_labels, from_phrases

DATA = ROOT / "data"
LABELS = ("Complaint", "Non-Complaint")


@dataclass(frozen=True)
class Task:
    """One task with the records that it is learned from and those that it is measured on.

    Attributes:
        template: renders the records, in training and at inference.
        test: the test records, or the development records where these were asked for.
        slots: for each record of `test` in the reverse task, the names, dates and places that its instruction must
            mention; an empty list where there are none. `score` of `utils.evaluation` takes them.
        labels: the allowed answers, where there are such.
    """

    name: str
    template: PromptTemplate
    train: list[Record]
    test: list[Record]
    slots: list[list[str]] = field(default_factory=list)
    labels: tuple[str, ...] = ()

    def first(self, count: int) -> "Task":
        """The same task with the first `count` of its test records."""
        return replace(self, test=self.test[:count], slots=self.slots[:count])

    def wanted(self, record: Record) -> str:
        """The right answer: what the template puts after the seam."""
        return wanted(record, self.template)


def load_tasks(folder: Path = DATA, *, evaluate_on: Literal["test", "dev"] = "test") -> dict[str, Task]:
    """Convert the project's own files: "labels", "phrases", "reverse", "instructions".

    Args:
        folder: holds the files of `data/`.
        evaluate_on: which rows fill `Task.test`. Everything is chosen on "dev", the development rows; the test rows
            are read once, at the end.

    Raises:
        DataError: a file that is missing or has other columns.
        ValueError: `evaluate_on` is something else.
    """
    if evaluate_on not in ("test", "dev"):
        raise ValueError(f"evaluate_on={evaluate_on!r} is not a split to evaluate on; choose 'test' or 'dev'")
    columns = {"text": "Text", "label": "Label", "labels": LABELS}
    pairs = {
        "labels": _both(folder, "hotel_reviews.csv", evaluate_on, from_labels, **columns),
        "phrases": _both(folder, "entity_phrases.jsonl", evaluate_on, from_phrases),
        "reverse": _both(folder, "documents.jsonl", evaluate_on, from_documents),
        "instructions": _both(folder, "instructions.json", evaluate_on, from_instructions),
    }
    documents = read_jsonl(folder / f"documents_{evaluate_on}.jsonl")
    return {
        name: Task(
            name=name,
            template=REVERSE_INSTRUCTION if name == "reverse" else ALPACA,
            train=train.records,
            test=test.records,
            slots=[row.get("slots", []) for row in documents] if name == "reverse" else [],
            labels=LABELS if name == "labels" else (),
        )
        for name, (train, test) in pairs.items()
    }


def _both(folder: Path, name: str, split: str, convert, **columns) -> tuple[Conversion, Conversion]:
    stem, dot, ending = name.partition(".")
    return convert(folder / name, **columns), convert(folder / f"{stem}_{split}{dot}{ending}", **columns)

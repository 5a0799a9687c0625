"""The four tasks of the series: which file of `data/` holds them, which template renders them, how they are scored.

Your own data needs none of this: convert it with `utils.records`, as notebook 01 shows.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from utils.evaluation import Score, form_scores, label_scores, span_scores, text_scores
from utils.files import ROOT
from utils.prompts import ALPACA, REVERSE_INSTRUCTION, PromptTemplate
from utils.records import (
    Conversion,
    Record,
    from_documents,
    from_instructions,
    from_labels,
    from_phrases,
    parse_phrases,
)

if TYPE_CHECKING:
    from utils.inference import Answer

DATA = ROOT / "data"
LABELS = ("Complaint", "Non-Complaint")


@dataclass(frozen=True)
class Task:
    """One task with the records that it is learned from and those that it is measured on.

    Attributes:
        template: renders the records, in training and at inference.
        test: the test records, or the development records where these were asked for.
        slots: for each record of `test` in the reverse task, the names, dates and places that its instruction must
            mention; an empty list where there are none.
    """

    name: str
    template: PromptTemplate
    train: list[Record]
    test: list[Record]
    slots: list[list[str]] = field(default_factory=list)

    def wanted(self, record: Record) -> str:
        """The right answer: what the template puts after the seam."""
        return self.template.render(record)[1]


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
    lines = (folder / f"documents_{evaluate_on}.jsonl").read_text(encoding="utf-8").strip().split("\n")
    return {
        name: Task(
            name=name,
            template=REVERSE_INSTRUCTION if name == "reverse" else ALPACA,
            train=train.records,
            test=test.records,
            slots=[json.loads(line).get("slots", []) for line in lines] if name == "reverse" else [],
        )
        for name, (train, test) in pairs.items()
    }


def score_task(task: Task, answers: Sequence["Answer"]) -> dict[str, Score]:
    """Scores of the answers to `task.test`, in its order (see `utils.evaluation`).

    Slot recall is over all slots of all rows, so a row without any has no part in it.

    Raises:
        ValueError: not one answer for each test record.
    """
    texts = [answer.text for answer in answers]
    wanted = [task.wanted(record) for record in task.test]
    if task.name == "labels":
        scores = label_scores(texts, labels=wanted, allowed=LABELS)
    elif task.name == "phrases":
        phrases = [parse_phrases(answer) for answer in wanted]
        scores = span_scores(texts, phrases=phrases, texts=[record.input for record in task.test])
    else:
        scores = text_scores(texts, references=wanted, slots=task.slots if any(task.slots) else None)
    prompts = [task.template.prompt(record) for record in task.test]
    return scores | form_scores(texts, prompts=prompts, stopped=[answer.stopped for answer in answers])


def _both(folder: Path, name: str, split: str, convert, **columns) -> tuple[Conversion, Conversion]:
    stem, dot, ending = name.partition(".")
    return convert(folder / name, **columns), convert(folder / f"{stem}_{split}{dot}{ending}", **columns)

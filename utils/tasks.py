"""The four tasks of the series: which file of `data/` holds them, which template renders them, how they are scored.

Your own data needs none of this: convert it with `utils.records`, as notebook 01 shows.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from utils.records import (
    Conversion,
    Record,
    from_documents,
    from_instructions,
    from_labels,
    from_phrases,
    parse_phrases,
)
from utils.templates import ALPACA, REVERSE_INSTRUCTION, PromptTemplate

if TYPE_CHECKING:
    from utils.evaluation import Score
    from utils.inference import Answer

DATA = Path(__file__).resolve().parents[1] / "data"
LABELS = ("Complaint", "Non-Complaint")


@dataclass(frozen=True)
class Task:
    """One task with its hand-written test records.

    Attributes:
        template: renders the records, in training and at inference.
        slots: for each test record of the reverse task, the names, dates and places that its instruction must mention.
    """

    name: str
    template: PromptTemplate
    train: list[Record]
    test: list[Record]
    slots: list[list[str]] = field(default_factory=list)

    def wanted(self, record: Record) -> str:
        """The right answer: what the template puts behind the seam."""
        return self.template.render(record)[1]


def load_tasks(folder: Path = DATA) -> dict[str, Task]:
    """Convert the project's own files: "labels", "phrases", "reverse", "instructions".

    Raises:
        DataError: a file that is missing or has other columns.
    """
    pairs = {
        "labels": _both(folder, "hotel_reviews.csv", from_labels, text="Text", label="Label", labels=LABELS),
        "phrases": _both(folder, "entity_phrases.jsonl", from_phrases),
        "reverse": _both(folder, "documents.jsonl", from_documents),
        "instructions": _both(folder, "instructions.json", from_instructions),
    }
    lines = (folder / "documents_test.jsonl").read_text(encoding="utf-8").strip().split("\n")
    return {
        name: Task(
            name=name,
            template=REVERSE_INSTRUCTION if name == "reverse" else ALPACA,
            train=train.records,
            test=test.records,
            slots=[json.loads(line)["slots"] for line in lines] if name == "reverse" else [],
        )
        for name, (train, test) in pairs.items()
    }


def score_task(task: Task, answers: Sequence["Answer"]) -> dict[str, "Score"]:
    """Scores of the answers to `task.test`, in its order (see `utils.evaluation`).

    Raises:
        ValueError: not one answer for each test record.
    """
    from utils import evaluation

    texts = [answer.text for answer in answers]
    wanted = [task.wanted(record) for record in task.test]
    if task.name == "labels":
        scores = evaluation.label_scores(texts, labels=wanted, allowed=LABELS)
    elif task.name == "phrases":
        phrases = [parse_phrases(answer) for answer in wanted]
        scores = evaluation.span_scores(texts, phrases=phrases, texts=[record.input for record in task.test])
    else:
        scores = evaluation.text_scores(texts, references=wanted, slots=task.slots or None)
    prompts = [task.template.prompt(record) for record in task.test]
    return scores | evaluation.form_scores(texts, prompts=prompts, stopped=[answer.stopped for answer in answers])


def _both(folder: Path, name: str, convert, **columns) -> tuple[Conversion, Conversion]:
    stem, dot, ending = name.partition(".")
    return convert(folder / name, **columns), convert(folder / f"{stem}_test{dot}{ending}", **columns)

"""What went wrong: the kinds of mistakes, the labels that are taken for one another, and answers to read.

Scores say how often an answer is right; these say how it is wrong, and that is what the next training rows are for.
"""

import random
from collections.abc import Mapping, Sequence

import pandas as pd

from utils.evaluation.matching import clean, count_phrases
from utils.evaluation.metrics import label_confusion
from utils.evaluation.scoring import is_right, kind_of, shown, wanted
from utils.prompts import PromptTemplate
from utils.records import Record, parse_phrases

KINDS = {
    "classification": ("not allowed", "wrong label", "cut off"),
    "extraction": ("missing phrase", "extra phrase", "cut off"),
    "text": ("other text", "cut off"),
}
RIGHT, WRONG, NOT_ASKED = "✓", "✗", "(not asked)"


def error_kinds(
    answers: Sequence[str],
    records: Sequence[Record],
    template: PromptTemplate,
    *,
    allowed: Sequence[str] = (),
    stopped: Sequence[bool] | None = None,
) -> pd.DataFrame:
    """Count the wrong answers by kind; an answer that lacks one phrase and makes up another is in both rows.

    A wrong answer that had not ended when it was cut off counts as that alone: what it would have said, nobody knows.

    Args:
        allowed: the labels of a classification (default: those of the records).
        stopped: whether the model ended each answer by itself; without it, none counts as cut off.

    Returns:
        A row for each kind that the task can have, with the columns `answers` and `share` (of all answers).

    Raises:
        ValueError: not one answer for each record.
    """
    _check(answers, records, stopped)
    kind = kind_of(records, template)
    labels = set(map(clean, allowed or (wanted(record, template) for record in records)))
    counts = dict.fromkeys(KINDS[kind], 0)
    for answer, record, ended in zip(answers, records, stopped or [True] * len(answers), strict=True):
        if is_right(answer, record, template):
            continue
        if not ended:
            counts["cut off"] += 1
        elif kind == "extraction":
            found, right = (count_phrases(parse_phrases(t.strip())) for t in (answer, wanted(record, template)))
            counts["missing phrase"] += bool(right - found)
            counts["extra phrase"] += bool(found - right)
        elif kind == "classification":
            counts["wrong label" if clean(answer) in labels else "not allowed"] += 1
        else:
            counts["other text"] += 1
    table = pd.DataFrame({"answers": counts}, index=pd.Index(counts, name="kind of mistake"))
    return table.assign(share=table["answers"] / max(1, len(answers)))


def confused_pairs(
    answers: Sequence[str], *, labels: Sequence[str], allowed: Sequence[str], most: int = 10
) -> pd.DataFrame:
    """The cells of the confusion matrix that hold most mistakes: what to read where there are too many labels for it.

    Returns:
        At most `most` rows, the most frequent first: `true`, `answer`, how many `rows`, and which share that is
        `of the true label`.

    Raises:
        ValueError: as `label_confusion`.
    """
    table = label_confusion(answers, labels=labels, allowed=allowed)
    cells = table.stack().rename("rows").reset_index()
    cells = cells[(cells["true"] != cells["answer"]) & (cells["rows"] > 0)]
    cells["of the true label"] = cells["rows"] / cells["true"].map(table.sum(axis=1)).astype(float)
    # A stable sort: pairs that occur equally often stay in the order of the allowed labels.
    return cells.sort_values("rows", ascending=False, kind="stable").head(most).reset_index(drop=True)


def answer_rows(
    records: Sequence[Record], template: PromptTemplate, answers: Mapping[str, Sequence[str]]
) -> list[dict[str, str]]:
    """One row per record, whole texts: what was shown, what is wanted, and each method's answer with ✓ or ✗.

    Where the instructions of the records differ, as questions do, each stands in its row as `question`; beside one
    that has no input, `text` is empty.

    Args:
        answers: answers by the name of their method; one that was asked about the first records only has fewer.
    """
    texts = [shown(record, template) for record in records]
    questions = [record.instruction for record in records] if "{instruction}" in template.text else []
    several = len(set(questions)) > 1 and questions != texts and not any(record.history for record in records)
    return [
        ({"question": record.instruction} if several else {})
        | {"text": "" if several and record.instruction == text else text, "wanted": wanted(record, template)}
        | {method: _marked(given, at, record, template) for method, given in answers.items()}
        for at, (record, text) in enumerate(zip(records, texts, strict=True))
    ]


def some_answers(
    records: Sequence[Record],
    template: PromptTemplate,
    answers: Mapping[str, Sequence[str]],
    *,
    count: int = 10,
    seed: int = 0,
) -> list[dict[str, str]]:
    """`answer_rows` of records drawn by chance, in their old order; every method is asked about each of them.

    The first rows of a file may all be of one kind, and answers that somebody picked show what they were picked for.
    """
    rows = answer_rows(records, template, answers)
    among = min(map(len, answers.values()), default=len(rows))
    return [rows[at] for at in sorted(random.Random(seed).sample(range(among), min(count, among)))]


def _marked(answers: Sequence[str], at: int, record: Record, template: PromptTemplate) -> str:
    if at >= len(answers):
        return NOT_ASKED
    return f"{RIGHT if is_right(answers[at], record, template) else WRONG} {answers[at].strip()}"


def _check(answers: Sequence[str], records: Sequence[Record], stopped: Sequence[bool] | None) -> None:
    if len(answers) != len(records) or (stopped is not None and len(stopped) != len(answers)):
        ends = "" if stopped is None else f", {len(stopped)} ends"
        raise ValueError(f"{len(answers)} answers to {len(records)} records{ends}: pass one of each for each record")

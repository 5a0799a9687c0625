"""A fine-tuned model beside its base and the simple baselines, on test records of any task.

The task is what the converters wrote into the records. What this module does not do: define scores
(`utils.evaluation`), generate answers, or call a difference real that its interval does not.
"""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from utils.baselines import majority_label, nearest_answer, phrase_dictionary, tfidf_classifier
from utils.conversion import Record
from utils.evaluation import Interval, Score, bootstrap, label_scores, paired_bootstrap, span_scores, text_scores
from utils.phrases import parse_phrases
from utils.templates import PromptTemplate
from utils.wording import clean, count_phrases

MAIN = {"classification": "label_accuracy", "extraction": "span_f1", "text": "rouge_l"}
TUNED, BASE = "fine-tuned", "base model"


def kind_of(records: Sequence[Record], template: PromptTemplate) -> str:
    """How answers are scored: "classification", "extraction", or "text" for all else and for reworded completions."""
    kinds = {record.task for record in records} if template.completion == "{output}" else {"text"}
    return kinds.pop() if len(kinds) == 1 and kinds <= MAIN.keys() else "text"


def wanted(record: Record, template: PromptTemplate) -> str:
    """The right answer, without white space around it."""
    return template.render(record)[1].strip()


def shown(record: Record, template: PromptTemplate) -> str:
    """What the model has to work on: the text without the instruction, where there is one."""
    return getattr(record, template.data_field or "instruction") or record.instruction


def baseline_answers(train: Sequence[Record], test: Sequence[Record], template: PromptTemplate) -> dict[str, list[str]]:
    """Answers to the test records of the baselines that fit the task, by the baseline's name.

    Where all training records have one label, a classifier has nothing to learn, and only the majority label is there.
    """
    fits: dict[str, dict[str, Callable]] = {
        "classification": {"majority label": majority_label, "TF-IDF + logistic regression": tfidf_classifier},
        "extraction": {"phrases known from training": phrase_dictionary},
        "text": {"answer to the most similar row": lambda records: nearest_answer(records, template)},
    }
    chosen = fits[kind_of(train, template)]
    if len({record.output for record in train}) == 1:
        chosen = {name: fit for name, fit in chosen.items() if fit is not tfidf_classifier}
    return {name: fit(train)(test) for name, fit in chosen.items()}


def score(
    answers: Sequence[str], records: Sequence[Record], template: PromptTemplate, *, allowed: Sequence[str] = ()
) -> dict[str, Score]:
    """The scores of the task; `allowed` are the labels of a classification (default: those of the records)."""
    right = [wanted(record, template) for record in records]
    match kind_of(records, template):
        case "classification":
            return label_scores(answers, labels=right, allowed=allowed or sorted(set(right)))
        case "extraction":
            phrases = [parse_phrases(answer) for answer in right]
            return span_scores(answers, phrases=phrases, texts=[record.input for record in records])
    return text_scores(answers, references=right)


def is_right(answer: str, record: Record, template: PromptTemplate) -> bool:
    """All of it right: the label or the text to the letter, the same phrases in any order."""
    answer, right = answer.strip(), wanted(record, template)
    if kind_of([record], template) == "extraction":
        return count_phrases(parse_phrases(answer)) == count_phrases(parse_phrases(right))
    return clean(answer) == clean(right)


def predictions(
    records: Sequence[Record], template: PromptTemplate, answers: Mapping[str, Sequence[str]]
) -> list[dict]:
    """One row per test record: prompt, answer, expected, correct; and what the base model says."""
    rows = zip(records, answers[TUNED], answers[BASE], strict=True)
    return [
        {
            "prompt": template.prompt(record),
            "answer": answer,
            "expected": wanted(record, template),
            "correct": is_right(answer, record, template),
            "base_answer": base,
        }
        for record, answer, base in rows
    ]


def some_answers(records: Sequence[Record], template: PromptTemplate, answers: Sequence[str]) -> list[dict[str, str]]:
    """Ten: the first five right answers and the first five wrong ones; more of one kind where the other has fewer."""
    rows = [
        {
            "verdict": "right" if is_right(answer, record, template) else "wrong",
            "shown": shown(record, template)[:300],
            "expected": wanted(record, template),
            "answer": answer.strip(),
        }
        for record, answer in zip(records, answers, strict=True)
    ]
    right, wrong = ([row for row in rows if row["verdict"] == verdict] for verdict in ("right", "wrong"))
    return right[: max(5, 10 - len(wrong))] + wrong[: max(5, 10 - len(right))]


def score_table(scores: Mapping[str, Mapping[str, Score]]) -> pd.DataFrame:
    """A row per score, a column per method, an `Interval` in each cell."""
    cells = {method: [bootstrap(one) for one in every.values()] for method, every in scores.items()}
    names = [name.replace("_", " ") for name in next(iter(scores.values()))]
    return pd.DataFrame(cells, index=pd.Index(names, name="score"))


def differences(scores: Mapping[str, Mapping[str, Score]], name: str) -> dict[str, Interval]:
    """For one score, fine-tuned minus every other method, on the same rows."""
    return {
        method: paired_bootstrap(every[name], scores[TUNED][name])
        for method, every in scores.items()
        if method != TUNED
    }


def verdict(difference: Interval, method: str) -> str:
    """One sentence on a difference; an interval that holds 0 decides nothing.

    >>> verdict(Interval(0.02, -0.05, 0.09), "TF-IDF")
    'Against TF-IDF: +0.02 [-0.05, 0.09]. These rows cannot tell the two apart.'
    """
    if difference.low > 0:
        words = "Fine-tuning is ahead."
    elif difference.high < 0:
        words = f"Fine-tuning is behind: for this data {method} is the better choice."
    else:
        words = "These rows cannot tell the two apart."
    return f"Against {method}: {difference.value:+.2f} [{difference.low:.2f}, {difference.high:.2f}]. {words}"

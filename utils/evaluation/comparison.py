"""A fine-tuned model beside its base and the simple baselines, on test records of any task.

The task is what the converters wrote into the records. A slow method may have been asked about the first test records
only: it is scored on these, and every difference is between scores of the same rows. What this module does not do:
define scores (`table`), generate answers, or call a difference real that its interval does not.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import pandas as pd

from utils.evaluation.baselines import constant_answer, nearest_answer, phrase_dictionary, tfidf_classifier
from utils.evaluation.intervals import Interval, Score, bootstrap, paired_bootstrap
from utils.evaluation.matching import clean, count_phrases
from utils.evaluation.metrics import label_scores, span_scores, text_scores
from utils.prompts import PromptTemplate
from utils.records import Record, parse_phrases

MAIN = {"classification": "label_accuracy", "extraction": "span_f1", "text": "rouge_l"}
TUNED, BASE, BASE_OWN_FORM = "fine-tuned", "base model", "base model, own form"
CONSTANT = "constant answer"


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

    The constant answer is one of them in every task: where most questions have none, "none" scores high. Where all
    training records have one label, a classifier has nothing to learn, and only the constant answer is there.
    """
    fits: dict[str, dict[str, Callable]] = {
        "classification": {"TF-IDF + logistic regression": tfidf_classifier},
        "extraction": {"phrases known from training": phrase_dictionary},
        "text": {"answer to the most similar row": lambda records: nearest_answer(records, template)},
    }
    chosen = fits[kind_of(train, template)]
    if len({record.output for record in train}) == 1:
        chosen = {name: fit for name, fit in chosen.items() if fit is not tfidf_classifier}
    answers = {CONSTANT: constant_answer(train, template)(test)}
    return answers | {name: fit(train)(test) for name, fit in chosen.items()}


def score(
    answers: Sequence[str], records: Sequence[Record], template: PromptTemplate, *, allowed: Sequence[str] = ()
) -> dict[str, Score]:
    """The scores of the task, one answer for each record.

    Args:
        allowed: the labels of a classification (default: those of the records).

    Raises:
        ValueError: not one answer for each record.
    """
    if len(answers) != len(records):
        raise ValueError(f"{len(answers)} answers to {len(records)} records: pass the records that were asked about")
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
    """One row per test record: prompt, answer, expected, correct; the base's answers, None where it was not asked."""
    base, own = ([*answers[name], *[None] * (len(records) - len(answers[name]))] for name in (BASE, BASE_OWN_FORM))
    return [
        {
            "prompt": template.prompt(record),
            "answer": answer,
            "expected": wanted(record, template),
            "correct": is_right(answer, record, template),
            "base_answer": in_ours,
            "base_own_form_answer": in_its_own,
        }
        for record, answer, in_ours, in_its_own in zip(records, answers[TUNED], base, own, strict=True)
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


def on_common_rows(one: Score, other: Score) -> tuple[Score, Score]:
    """Both scores of the first rows, as many as both have; a pair for `paired_bootstrap`."""
    n = min(len(one.rows), len(other.rows))
    return Score(one.rows[:n], one.formula), Score(other.rows[:n], other.formula)


def differences(scores: Mapping[str, Mapping[str, Score]], name: str) -> dict[str, Interval]:
    """For one score, fine-tuned minus every other method, on the rows that both answered."""
    return {
        method: paired_bootstrap(*on_common_rows(every[name], scores[TUNED][name]))
        for method, every in scores.items()
        if method != TUNED
    }


def strongest(scores: Mapping[str, Mapping[str, Score]], name: str) -> str:
    """The opponent that fine-tuning leads by least, or is furthest behind, in one score; of equals, the first.

    Where all have answered the same rows, that is the one with the highest score. Every form of the base is an
    opponent.

    Raises:
        ValueError: nobody but the fine-tuned model has scores.
    """
    leads = {method: difference.value for method, difference in differences(scores, name).items()}
    if not leads:
        raise ValueError(f"only {TUNED!r} has scores: a comparison needs an opponent")
    return min(leads, key=lambda method: math.inf if math.isnan(leads[method]) else leads[method])


def lead(scores: Mapping[str, Mapping[str, Score]], name: str) -> str:
    """What a report opens with: the verdict against the strongest opponent, and which one that is."""
    method = strongest(scores, name)
    theirs, ours = on_common_rows(scores[method][name], scores[TUNED][name])
    rows = f", on {len(theirs.rows)} rows" if len(theirs.rows) < len(scores[TUNED][name].rows) else ""
    return verdict(paired_bootstrap(theirs, ours), f"the strongest opponent ({method}{rows})")


def outcome(difference: Interval) -> Literal["ahead", "behind", "undecided"]:
    """What a difference decides about fine-tuning; one whose interval holds 0 decides nothing."""
    return "ahead" if difference.low > 0 else "behind" if difference.high < 0 else "undecided"


def verdict(difference: Interval, method: str) -> str:
    """One sentence on a difference.

    >>> verdict(Interval(0.02, -0.05, 0.09), "TF-IDF")
    'Against TF-IDF: +0.02 [-0.05, 0.09]. These rows cannot tell the two apart.'
    """
    words = {
        "ahead": "Fine-tuning is ahead.",
        "behind": f"Fine-tuning is behind: for this data {method} is the better choice.",
        "undecided": "These rows cannot tell the two apart.",
    }
    size = f"{difference.value:+.2f} [{difference.low:.2f}, {difference.high:.2f}]"
    return f"Against {method}: {size}. {words[outcome(difference)]}"

"""A fine-tuned model beside its base and the simple baselines, on test records of any task.

A slow method may have been asked about the first test records only: it is scored on these (`scoring`), and every
difference is between scores of the same rows. No difference is called real that its interval does not call so.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import pandas as pd

from utils.evaluation.baselines import constant_answer, nearest_answer, phrase_dictionary, tfidf_classifier
from utils.evaluation.intervals import Interval, Score, bootstrap, paired_bootstrap
from utils.evaluation.scoring import is_right, kind_of, wanted
from utils.prompts import PromptTemplate
from utils.records import Record

TUNED, BASE, BASE_OWN_FORM = "fine-tuned", "base model", "base model, own form"
CONSTANT = "constant answer"


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


def score_table(scores: Mapping[str, Mapping[str, Score]], *, seed: int = 0) -> pd.DataFrame:
    """A row per method, a column per score, an `Interval` in each cell; "" where a method has no such score.

    `bar_with_intervals(score_table(scores).to_dict(), ...)` of `utils.show` draws it.

    Args:
        scores: the scores of each method by their names, as `score` gives them.
        seed: of the bootstrap.
    """
    cells = {
        method: {name: bootstrap(one, seed=seed) for name, one in every.items()} for method, every in scores.items()
    }
    names = list(dict.fromkeys(name for every in cells.values() for name in every))
    columns = {name.replace("_", " "): [every.get(name, "") for every in cells.values()] for name in names}
    return pd.DataFrame(columns, index=pd.Index(cells, name="method"))


def on_common_rows(one: Score, other: Score) -> tuple[Score, Score]:
    """Both scores of the first rows, as many as both have; a pair for `paired_bootstrap`."""
    n = min(len(one.rows), len(other.rows))
    return Score(one.rows[:n], one.formula), Score(other.rows[:n], other.formula)


def differences(scores: Mapping[str, Mapping[str, Score]], name: str, *, seed: int = 0) -> dict[str, Interval]:
    """For one score, fine-tuned minus every other method, on the rows that both answered."""
    return {
        method: paired_bootstrap(*on_common_rows(every[name], scores[TUNED][name]), seed=seed)
        for method, every in scores.items()
        if method != TUNED
    }


def strongest(scores: Mapping[str, Mapping[str, Score]], name: str) -> str:
    """The opponent with the highest score on the rows that all answered; of equals, on all its rows, or the first.

    Every form of the base is an opponent.

    Raises:
        ValueError: nobody but the fine-tuned model has scores.
    """
    opponents = {method: every[name] for method, every in scores.items() if method != TUNED}
    if not opponents:
        raise ValueError(f"only {TUNED!r} has scores: a comparison needs an opponent")
    fewest = min(opponents.values(), key=lambda one: len(one.rows))

    def level(method: str) -> tuple[float, float]:
        both = on_common_rows(opponents[method], fewest)[0].value, opponents[method].value
        return tuple(-math.inf if math.isnan(value) else value for value in both)

    return max(opponents, key=level)


def lead(scores: Mapping[str, Mapping[str, Score]], name: str, *, seed: int = 0) -> str:
    """What a report opens with: the verdict against the strongest opponent, and which one that is."""
    method = strongest(scores, name)
    theirs, ours = on_common_rows(scores[method][name], scores[TUNED][name])
    rows = f", on {len(theirs.rows)} rows" if len(theirs.rows) < len(scores[TUNED][name].rows) else ""
    return verdict(paired_bootstrap(theirs, ours, seed=seed), f"the strongest opponent ({method}{rows})")


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
    return f"Against {method}: {difference.signed}. {words[outcome(difference)]}"

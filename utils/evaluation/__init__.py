"""Scores of a model's answers, each with its uncertainty, beside the strongest opponent.

    >>> from utils.evaluation import label_scores
    >>> scores = label_scores(["yes", "no", "maybe"], labels=["yes", "no", "no"], allowed=["yes", "no"])
    >>> round(scores["label_accuracy"].value, 2), round(scores["label_not_allowed"].value, 2)
    (0.67, 0.33)

`metrics` says what is right, `scoring` which metrics a task has, `intervals` how sure that is, `baselines` what there
is to beat, `comparison` who is ahead, `mistakes` what goes wrong, and `calibration` whether a probability can be
believed.
"""

from utils.evaluation.baselines import tfidf_classifier
from utils.evaluation.calibration import ask_a_person, expected_calibration_error, fit_temperature, reliability
from utils.evaluation.comparison import (
    BASE,
    BASE_OWN_FORM,
    TUNED,
    baseline_answers,
    differences,
    lead,
    on_common_rows,
    outcome,
    predictions,
    score_table,
    strongest,
    verdict,
)
from utils.evaluation.intervals import Interval, Score, bootstrap, in_words, over_runs, paired_bootstrap, quotient
from utils.evaluation.matching import mentions
from utils.evaluation.metrics import form_scores, label_confusion, label_scores, span_scores, text_scores
from utils.evaluation.mistakes import answer_rows, confused_pairs, error_kinds, some_answers
from utils.evaluation.scoring import MAIN, is_right, kind_of, score, shown, wanted

__all__ = [
    "BASE",
    "BASE_OWN_FORM",
    "Interval",
    "MAIN",
    "Score",
    "TUNED",
    "answer_rows",
    "ask_a_person",
    "baseline_answers",
    "bootstrap",
    "confused_pairs",
    "differences",
    "error_kinds",
    "expected_calibration_error",
    "fit_temperature",
    "form_scores",
    "in_words",
    "is_right",
    "kind_of",
    "label_confusion",
    "label_scores",
    "lead",
    "mentions",
    "on_common_rows",
    "outcome",
    "over_runs",
    "paired_bootstrap",
    "predictions",
    "quotient",
    "reliability",
    "score",
    "score_table",
    "shown",
    "some_answers",
    "span_scores",
    "strongest",
    "text_scores",
    "tfidf_classifier",
    "verdict",
    "wanted",
]

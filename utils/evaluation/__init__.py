"""Scores of a model's answers, each with its uncertainty, beside the strongest opponent.

    >>> from utils.evaluation import label_scores
    >>> scores = label_scores(["yes", "no", "maybe"], labels=["yes", "no", "no"], allowed=["yes", "no"])
    >>> round(scores["label_accuracy"].value, 2), round(scores["label_not_allowed"].value, 2)
    (0.67, 0.33)

`metrics` says what is right, `intervals` how sure that is, `baselines` what there is to beat.
"""

from utils.evaluation.baselines import tfidf_classifier
from utils.evaluation.comparison import (
    BASE,
    BASE_OWN_FORM,
    MAIN,
    TUNED,
    baseline_answers,
    differences,
    is_right,
    kind_of,
    lead,
    on_common_rows,
    outcome,
    predictions,
    score,
    score_table,
    shown,
    some_answers,
    strongest,
    verdict,
    wanted,
)
from utils.evaluation.intervals import Interval, Score, bootstrap, in_words, over_runs, paired_bootstrap
from utils.evaluation.matching import mentions
from utils.evaluation.metrics import form_scores, label_confusion, label_scores, span_scores, text_scores

__all__ = [
    "BASE",
    "BASE_OWN_FORM",
    "Interval",
    "MAIN",
    "Score",
    "TUNED",
    "baseline_answers",
    "bootstrap",
    "differences",
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

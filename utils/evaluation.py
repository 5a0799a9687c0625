"""The front door to evaluation: scores of a model's answers, each with its uncertainty, and two models side by side.

    >>> from utils.evaluation import bootstrap, label_scores
    >>> scores = label_scores(["yes", "no", "maybe"], labels=["yes", "no", "no"], allowed=["yes", "no"])
    >>> round(scores["label_accuracy"].value, 2), round(scores["label_not_allowed"].value, 2)
    (0.67, 0.33)

`utils.metrics` says what is right, `utils.intervals` how sure that is, `utils.baselines` what there is to beat.
"""

from collections.abc import Mapping

import pandas as pd

from utils.intervals import (
    LEVEL,
    RESAMPLES,
    Interval,
    Score,
    bootstrap,
    in_words,
    over_runs,
    paired_bootstrap,
    share,
)
from utils.metrics import NOT_A_LABEL, form_scores, label_confusion, label_scores, span_scores, text_scores

__all__ = [
    "LEVEL",
    "NOT_A_LABEL",
    "RESAMPLES",
    "Interval",
    "Score",
    "bootstrap",
    "comparison_table",
    "form_scores",
    "in_words",
    "label_confusion",
    "label_scores",
    "over_runs",
    "paired_bootstrap",
    "share",
    "span_scores",
    "text_scores",
]


def comparison_table(base: Mapping[str, Score], tuned: Mapping[str, Score]) -> pd.DataFrame:
    """A row per score, in columns base, tuned and difference; the cells are `Interval`s.

    Raises:
        ValueError: the two hold different scores.
    """
    if base.keys() != tuned.keys():
        raise ValueError(f"only one of the two has {sorted(base.keys() ^ tuned.keys())}; score both alike")
    cells = {
        "base": [bootstrap(score) for score in base.values()],
        "tuned": [bootstrap(tuned[name]) for name in base],
        "difference": [paired_bootstrap(score, tuned[name]) for name, score in base.items()],
    }
    return pd.DataFrame(cells, index=pd.Index([name.replace("_", " ") for name in base], name="score"))

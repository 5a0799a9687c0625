"""Is a label as likely to be right as its probability says? Temperature, reliability, and when to ask a person.

The temperature is fitted on validation rows taken from training, never on the rows that the result is measured on.
`utils.inference.classify` gives the log-probabilities, and takes the temperature.

    >>> sure = [{"yes": -0.1, "no": -2.4}] * 10                     # 0.91 for "yes", ten times
    >>> temperature = fit_temperature(sure, ["yes"] * 7 + ["no"] * 3)  # which is right seven times
    >>> temperature > 1                                                # the model was too sure
    True
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp

BINS = 10
LEAST, MOST = 0.05, 20.0  # temperatures; outside of them all is certain, or all labels are alike
THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


def fit_temperature(log_probabilities: Sequence[Mapping[str, float]], labels: Sequence[str]) -> float:
    """The temperature that makes probabilities honest: log-probabilities are divided by it (Guo et al. 2017).

    It has the lowest log loss on these rows, under targets as Platt (1999) smooths them: of n rows, each right label is
    expected with 1 - 1/(n + 2). Thirty rows that are all right do not prove that the next one will be.

    Args:
        log_probabilities: for each row the log-probability of each label, in nats; they need not sum to 1.
        labels: the right label of each row.

    Returns:
        A number from 0.05 to 20: above 1 where the model was too sure. It changes no answer, only how sure it is.

    Raises:
        ValueError: no rows, not one right label for each, or a right label that has no log-probability.
    """
    if not labels or len(log_probabilities) != len(labels):
        raise ValueError(f"{len(log_probabilities)} rows, {len(labels)} labels: pass one label for each validation row")
    if strange := sorted({label for row, label in zip(log_probabilities, labels, strict=True) if label not in row}):
        raise ValueError(f"the right labels {strange} have no log-probability: classify with every label")
    names = list(log_probabilities[0])
    logs = np.array([[row[name] for name in names] for row in log_probabilities])
    right = np.eye(len(names), dtype=bool)[[names.index(label) for label in labels]]
    doubt = 1 / (len(labels) + 2)

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logs / np.exp(log_temperature), axis=1)
        others = logsumexp(np.where(right, -np.inf, scaled), axis=1) if len(names) > 1 else np.zeros(len(labels))
        return float(-((1 - doubt) * scaled[right] + doubt * others).mean())

    bounds = (np.log(LEAST), np.log(MOST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def reliability(probabilities: Sequence[float], right: Sequence[bool], *, bins: int = BINS) -> pd.DataFrame:
    """Rows by how sure the model was of its label, in bins of equal width: a calibrated one is right as often as that.

    Args:
        probabilities: of the label that each row was given, 0 to 1.
        right: whether it was the right one.

    Returns:
        A row for each bin that holds any: `from`, `to`, `rows`, `probability` (its mean) and `accuracy`.

    Raises:
        ValueError: no rows, two lists of different lengths, or a number that is not a probability.
    """
    sure, right = _checked(probabilities, right)
    at = np.minimum((sure * bins).astype(int), bins - 1)  # 1.0 belongs to the last bin
    rows = pd.DataFrame({"bin": at, "probability": sure, "accuracy": right})
    table = rows.groupby("bin").agg(
        rows=("bin", "size"), probability=("probability", "mean"), accuracy=("accuracy", "mean")
    )
    edges = pd.DataFrame({"from": table.index / bins, "to": (table.index + 1) / bins})
    return pd.concat([edges, table.reset_index(drop=True)], axis=1)


def expected_calibration_error(probabilities: Sequence[float], right: Sequence[bool], *, bins: int = BINS) -> float:
    """How far probability and accuracy of a bin lie apart, on the average of all rows (Naeini et al. 2015).

    0 is perfect. Few rows cannot show that: 50 rows of a perfect model are 0.07 to 0.1 off by chance, 200 rows 0.04.

    Raises:
        ValueError: as `reliability`.
    """
    table = reliability(probabilities, right, bins=bins)
    gaps = (table["probability"] - table["accuracy"]).abs()
    return float((gaps * table["rows"]).sum() / table["rows"].sum())


def ask_a_person(
    probabilities: Sequence[float], right: Sequence[bool], *, thresholds: Sequence[float] = THRESHOLDS
) -> pd.DataFrame:
    """What a threshold costs and brings, where a person reads every row that the model is less sure of.

    Returns:
        A row for each threshold: `threshold`, the share of rows that are `asked` about, the `accuracy of the rest`
        (NaN where a person reads all of them), and the share of all rows with `unseen mistakes`.

    Raises:
        ValueError: as `reliability`.
    """
    sure, right = _checked(probabilities, right)
    rows = []
    for threshold in thresholds:
        kept = sure >= threshold
        accuracy = right[kept].mean() if kept.any() else float("nan")
        rows.append((threshold, 1 - kept.mean(), accuracy, (kept & ~right).mean()))
    return pd.DataFrame(rows, columns=["threshold", "asked", "accuracy of the rest", "unseen mistakes"])


def _checked(probabilities: Sequence[float], right: Sequence[bool]) -> tuple[np.ndarray, np.ndarray]:
    sure, right = np.asarray(probabilities, dtype=float), np.asarray(right, dtype=bool)
    if not len(sure) or len(sure) != len(right):
        raise ValueError(f"{len(sure)} probabilities, {len(right)} verdicts: pass one of each for each row")
    if not ((sure >= 0) & (sure <= 1)).all():
        raise ValueError(f"probabilities from {sure.min():g} to {sure.max():g}: they lie between 0 and 1")
    return sure, right

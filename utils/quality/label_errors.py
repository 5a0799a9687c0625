"""Likely wrong labels, by confident learning (Northcutt, Jiang & Chuang 2021) on the TF-IDF classifier.

Every row is judged by a classifier that was trained on other rows. It is sure enough of a label where it gives it at
least the probability that it gives on average to rows that have that label; a row for which it is sure of another
label than its own is in doubt. So what words say well (spam) is judged well, and what they do not say is left alone.

A function of its own and not a part of `lint`: it trains five classifiers, which takes seconds for a thousand rows and
minutes for a hundred thousand, while `lint` reads a hundred thousand in seconds; and it needs scikit-learn.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from utils.quality.findings import Finding
from utils.quality.rules import RULES
from utils.quality.tfidf import TOKEN, tfidf_model
from utils.records import Record, label_sets
from utils.text import excerpt

FOLDS = 5
LEAST = 0.8  # of the probability that the suggested label and the given one share


def label_errors(records: Sequence[Record], *, seed: int = 0) -> list[Finding]:
    """Rows with a label that is likely wrong, the surest first, as findings of the rule "label_error".

    The probability in a message is that of the suggested label against the given one. It is the classifier's: where
    words say little of the label, fewer of its doubts are right. Labels of fewer than `FOLDS` rows are not judged.

    Args:
        records: those of `label_sets` are looked at, each task by itself.
        seed: divides the rows into `FOLDS` parts.
    """
    tasks: defaultdict[str, list[int]] = defaultdict(list)
    judged = {
        instruction: {label for label, count in counts.items() if count >= FOLDS}
        for instruction, counts in label_sets(records).items()
    }
    for row, record in enumerate(records):
        if record.output in judged.get(record.instruction, ()) and TOKEN.search(record.input):
            tasks[record.instruction].append(row)
    found = [
        (probability, row, label)
        for rows in tasks.values()
        for probability, row, label in _doubts(rows, [records[row] for row in rows], seed)
    ]
    severity = RULES["label_error"].severity
    return [
        Finding(
            "label_error",
            severity,
            row,
            f"{records[row].output!r}, rather {label!r} (probability {probability:.2f})",
            excerpt(records[row].input),
        )
        for probability, row, label in sorted(found, key=lambda doubt: (-doubt[0], doubt[1]))
    ]


def _doubts(rows: Sequence[int], records: Sequence[Record], seed: int) -> Iterator[tuple[float, int, str]]:
    import numpy as np
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    names, given = np.unique([record.output for record in records], return_inverse=True)
    if len(names) < 2 or np.bincount(given).min() < FOLDS:
        return
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    texts = [record.input for record in records]
    chances = cross_val_predict(tfidf_model(), texts, given, cv=folds, method="predict_proba")  # (rows, labels)
    sure = np.array([chances[given == label, label].mean() for label in range(len(names))])
    suggested = np.where(chances >= sure, chances, -1.0).argmax(axis=1)
    every = np.arange(len(records))
    is_sure = chances[every, suggested] >= sure[suggested]
    probability = chances[every, suggested] / (chances[every, suggested] + chances[every, given])
    for at in np.flatnonzero(is_sure & (suggested != given) & (probability >= LEAST)).tolist():
        yield float(probability[at]), rows[at], str(names[suggested[at]])

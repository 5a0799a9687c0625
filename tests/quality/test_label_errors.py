"""Label errors: of wrong labels planted on purpose many are found, where words say what the label is."""

import random

import pytest

from utils.files import ROOT
from utils.quality import label_errors, lint
from utils.records import Record, from_labels


def planted(records, *, share=0.05, seed=0):
    """The records, a share of them with another label; and the rows of those."""
    rng = random.Random(seed)
    names = sorted({record.output for record in records})
    wrong = set(rng.sample(range(len(records)), round(share * len(records))))
    return [
        Record(
            r.instruction, r.input, rng.choice([n for n in names if n != r.output]) if i in wrong else r.output, r.task
        )
        for i, r in enumerate(records)
    ], wrong


def scores(records):
    """(precision, recall) of the rule, and the share of wrong rows that repeats and conflicts name."""
    noisy, wrong = planted(records)
    found = {finding.row for finding in label_errors(noisy)}
    named = {f.row for f in lint(noisy) if f.rule in ("conflict", "duplicate", "near_duplicate")}
    return len(found & wrong) / max(1, len(found)), len(found & wrong) / len(wrong), len(named & wrong) / len(wrong)


def test_wrong_labels_among_clear_texts_are_named_with_a_probability():
    rng = random.Random(1)
    words = {"good": "lovely clean kind sunny quiet".split(), "bad": "dirty rude loud broken cold".split()}
    records = [
        Record("Which?", " ".join(rng.choices(words[label], k=4)) + f" room {i}", label, "classification")
        for i, label in enumerate(["good", "bad"] * 50)
    ]
    noisy, wrong = planted(records)
    found = label_errors(noisy)
    assert {finding.row for finding in found} == wrong
    assert all(finding.rule == "label_error" and "probability 0." in finding.message for finding in found)
    shown = [float(finding.message[-5:-1]) for finding in found]
    assert shown == sorted(shown, reverse=True) and min(shown) >= 0.8
    assert found == label_errors(noisy) and label_errors(records) == []


def test_what_cannot_be_judged_is_left_alone():
    few = [Record("Which?", f"text {i}", "ab"[i % 2], "classification") for i in range(6)]
    assert label_errors([]) == label_errors(few) == label_errors([Record("Say", "x", "y")] * 30) == []


def test_planted_in_hotel_reviews():
    # Without a topic of their own, words say little here (TF-IDF is right in 7 of 10), and so does the rule.
    records = from_labels(ROOT / "data/hotel_reviews.csv", text="Text", label="Label").records
    precision, recall, by_repeats = scores(records)
    assert precision >= 0.2 and recall >= 0.05 and by_repeats <= 0.02  # by chance precision is 0.05


@pytest.mark.parametrize(("name", "columns", "floors"), [
    ("SMSSpamCollection", (1, 0), (0.93, 0.7)), ("clinc_test.tsv", ("text", "label"), (0.55, 0.5)),
])  # fmt: skip
def test_planted_in_public_files(refdata, name, columns, floors):
    text, label = columns
    precision, recall, by_repeats = scores(from_labels(refdata / "classify" / name, text=text, label=label).records)
    assert precision >= floors[0] and recall >= floors[1]
    assert by_repeats < recall / 3

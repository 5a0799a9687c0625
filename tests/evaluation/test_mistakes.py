"""What went wrong: kinds of mistakes, labels taken for one another, and answers drawn by chance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.evaluation import TUNED, answer_rows, confused_pairs, error_kinds, label_confusion, some_answers
from utils.prompts import ALPACA, REVERSE_INSTRUCTION
from utils.records import Record

LABELLED = [Record("Which?", f"text {i}", "ab"[i % 2], "classification") for i in range(30)]
MARKED = [Record("Find.", "Ann, Bo and Cy", "Ann; Bo", "extraction")] * 5
LABELS = [f"label_{i:03}" for i in range(150)]


def counts(table):
    return table["answers"].to_dict()


def test_a_wrong_label_is_not_one_that_is_not_allowed():
    table = error_kinds(["a", "a", "c", "A", "b "], LABELLED[:5], ALPACA, stopped=[True, True, True, True, False])
    assert counts(table) == {"not allowed": 2, "wrong label": 1, "cut off": 1}
    assert table["share"].to_dict() == {"not allowed": 0.4, "wrong label": 0.2, "cut off": 0.2}
    assert counts(error_kinds(["c"], LABELLED[:1], ALPACA, allowed=["a", "c"]))["wrong label"] == 1


def test_phrases_are_missing_or_extra_or_both():
    answers = ["Bo; Ann", "Ann", "Ann; Bo; Cy", "Ann; Cy", "none"]
    table = error_kinds(answers, MARKED, ALPACA, stopped=[True] * 5)
    assert counts(table) == {"missing phrase": 3, "extra phrase": 2, "cut off": 0}
    assert counts(error_kinds(["Ann; Bo; Bo"], MARKED[:1], ALPACA)) == {
        "missing phrase": 0, "extra phrase": 1, "cut off": 0,
    }  # fmt: skip


def test_an_answer_that_was_cut_off_counts_as_that_alone_and_a_right_one_not_at_all():
    table = error_kinds(["Ann", "Ann; Bo"], MARKED[:2], ALPACA, stopped=[False, False])
    assert counts(table) == {"missing phrase": 0, "extra phrase": 0, "cut off": 1}


def test_free_text_is_another_text():
    asked = [Record("Say hi.", "", "Hi", "instruction")] * 2
    assert counts(error_kinds(["Hi", "Ho"], asked, ALPACA)) == {"other text": 1, "cut off": 0}


@given(st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=1, max_size=30), st.data())
def test_every_wrong_label_is_in_one_row(answers, data):
    ended = data.draw(st.lists(st.booleans(), min_size=len(answers), max_size=len(answers)))
    records = LABELLED[: len(answers)]
    wrong = sum(answer != record.output for answer, record in zip(answers, records, strict=True))
    assert error_kinds(answers, records, ALPACA, stopped=ended)["answers"].sum() == wrong


def test_kinds_need_an_answer_for_each_record():
    with pytest.raises(ValueError, match="1 answers to 2 records"):
        error_kinds(["a"], LABELLED[:2], ALPACA)
    with pytest.raises(ValueError, match="0 ends"):
        error_kinds(["a"], LABELLED[:1], ALPACA, stopped=[])


def test_the_most_confused_of_150_labels_come_first():
    true = LABELS * 3
    given = [LABELS[7] if label == LABELS[3] else label for label in true]
    given[10], given[160] = LABELS[11], "nonsense"
    table = confused_pairs(given, labels=true, allowed=LABELS)
    assert table.to_dict("records") == [
        {"true": "label_003", "answer": "label_007", "rows": 3, "of the true label": 1.0},
        {"true": "label_010", "answer": "label_011", "rows": 1, "of the true label": 1 / 3},
        {"true": "label_010", "answer": "(not a label)", "rows": 1, "of the true label": 1 / 3},
    ]
    assert len(confused_pairs(given, labels=true, allowed=LABELS, most=2)) == 2
    assert confused_pairs(true, labels=true, allowed=LABELS).empty


def test_confused_pairs_are_the_mistakes_of_the_confusion_matrix():
    true, given = list("aabbbc"), list("abccac")
    table = label_confusion(given, labels=true, allowed=list("abc"))
    mistakes = table.to_numpy().sum() - sum(table.loc[label, label] for label in "abc")
    assert confused_pairs(given, labels=true, allowed=list("abc"))["rows"].sum() == mistakes == 4


def test_ten_answers_are_drawn_by_chance_and_again_the_same():
    records = LABELLED[::2] + LABELLED[1::2]  # sorted: first all "a", then all "b"
    answers = {TUNED: ["a"] * 30}
    rows = some_answers(records, ALPACA, answers)
    assert len(rows) == 10 and rows == some_answers(records, ALPACA, answers)
    assert {row["wanted"] for row in rows} == {"a", "b"} and rows != some_answers(records, ALPACA, answers, seed=1)
    numbers = [[r.input for r in records].index(row["text"]) for row in rows]
    assert numbers == sorted(set(numbers))
    assert all((row[TUNED] == "✓ a") == (row["wanted"] == "a") for row in rows)
    assert len(some_answers(records[:3], ALPACA, {TUNED: ["a"] * 3})) == 3


def test_every_method_was_asked_about_the_answers_that_are_drawn():
    rows = some_answers(LABELLED, ALPACA, {TUNED: ["a"] * 30, "base": ["b"] * 6})
    assert len(rows) == 6 and {row["base"] for row in rows} == {"✓ b", "✗ b"}
    assert [row["base"] for row in answer_rows(LABELLED[:2], ALPACA, {"base": ["b"]})] == ["✗ b", "(not asked)"]


def test_texts_are_whole_and_a_question_of_its_own_is_shown():
    long = "word " * 500
    asked = [Record(q, long, "none", "extraction") for q in ("Who?", "When?")]
    assert answer_rows(asked, ALPACA, {}) == [
        {"question": q, "text": long, "wanted": "none"} for q in ("Who?", "When?")
    ]
    mixed = [Record("Sum it up.", "A text", "x"), Record("Say hi.", "", "Hi")]
    shown = [(row["question"], row["text"]) for row in answer_rows(mixed, ALPACA, {})]
    assert shown == [("Sum it up.", "A text"), ("Say hi.", "")]
    for records, form in ((LABELLED, ALPACA), ([Record(f"Say {i}", "", "x") for i in range(3)], ALPACA),
                          ([Record(f"Say {i}", "", "x") for i in range(3)], REVERSE_INSTRUCTION)):  # fmt: skip
        assert "question" not in answer_rows(records, form, {})[0]

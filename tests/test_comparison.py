"""The tuned model beside others: one table for every task, and no verdict that the interval does not carry."""

import pytest

from utils.comparison import (
    BASE,
    TUNED,
    baseline_answers,
    differences,
    is_right,
    kind_of,
    predictions,
    score,
    score_table,
    some_answers,
    verdict,
    wanted,
)
from utils.evaluation import Interval
from utils.records import Record
from utils.templates import ALPACA, REVERSE_INSTRUCTION, PromptTemplate

LABELLED = [Record("Which?", f"text {i} {'ab'[i % 2] * 3}", "ab"[i % 2], "classification") for i in range(30)]
MARKED = [Record("Find.", f"Ann and Bo {i}", "Ann; Bo", "extraction") for i in range(10)]
LETTERS = [Record(f"Write {i}.", "", f"Letter {i}", "document") for i in range(10)]
WORDED = PromptTemplate(name="w", text="{instruction}\nA:\n", response_marker="A:\n", completion="It is {output}")


def test_the_kind_of_score_follows_the_records():
    assert kind_of(LABELLED, ALPACA) == "classification" and kind_of(MARKED, ALPACA) == "extraction"
    assert kind_of(LETTERS, REVERSE_INSTRUCTION) == "text" and kind_of(LABELLED + MARKED, ALPACA) == "text"
    assert kind_of(LABELLED, WORDED) == "text" and wanted(LABELLED[0], WORDED) == "It is a"


@pytest.mark.parametrize(
    ("records", "template"), [(LABELLED, ALPACA), (MARKED, ALPACA), (LETTERS, REVERSE_INSTRUCTION)]
)
def test_right_answers_score_one_and_every_baseline_fits(records, template):
    perfect = [wanted(record, template) for record in records]
    scores = {TUNED: score(perfect, records, template)}
    scores |= {name: score(a, records, template) for name, a in baseline_answers(records, records, template).items()}
    good = [
        row for row in score_table(scores)[TUNED].items() if row[0] not in ("label not allowed", "span not in text")
    ]
    assert len(scores) > 1 and all(cell.value == 1 for _, cell in good)
    assert all(is_right(f" {answer}\n", record, template) for answer, record in zip(perfect, records, strict=True))


def test_of_one_label_only_the_majority_is_left_to_compare_with():
    assert baseline_answers(LABELLED[::2], LABELLED[:2], ALPACA) == {"majority label": ["a", "a"]}


def test_letters_are_compared_as_the_scores_compare_them():
    cafe = Record("Find.", "the Café", "Cafe\N{COMBINING ACUTE ACCENT}; Bo", "extraction")
    assert is_right("Bo;  Café", cafe, ALPACA)
    assert is_right("Café", Record("Which?", "x", "Cafe\N{COMBINING ACUTE ACCENT}", "classification"), ALPACA)


def test_the_order_of_phrases_does_not_matter_and_their_number_does():
    assert is_right("Bo; Ann", MARKED[0], ALPACA)
    assert not is_right("Ann; Bo; Bo", MARKED[0], ALPACA) and not is_right("Ann", MARKED[0], ALPACA)


def test_differences_are_fine_tuned_minus_the_other():
    answers = {BASE: ["a"] * 30, TUNED: [record.output for record in LABELLED]}
    scores = {name: score(given, LABELLED, ALPACA) for name, given in answers.items()}
    found = differences(scores, "label_accuracy")
    assert found.keys() == {BASE} and found[BASE].value == pytest.approx(0.5) and found[BASE].low > 0.2


@pytest.mark.parametrize(
    ("interval", "words"),
    [((0.1, 0.02, 0.2), "is ahead"), ((-0.1, -0.2, -0.02), "TF-IDF is the better"), ((0.1, 0.0, 0.2), "cannot tell")],
)
def test_a_verdict_says_no_more_than_its_interval(interval, words):
    assert words in verdict(Interval(*interval), "TF-IDF")


@pytest.mark.parametrize("errors", [0, 3, 15, 30])
def test_ten_answers_right_and_wrong(errors):
    given = [record.output if i >= errors else "c" for i, record in enumerate(LABELLED)]
    rows = some_answers(LABELLED, ALPACA, given)
    wrong = sum(row["verdict"] == "wrong" for row in rows)
    assert len(rows) == 10 and wrong == {0: 0, 3: 3, 15: 5, 30: 10}[errors]


def test_predictions_hold_prompt_answer_and_judgement():
    rows = predictions(LABELLED[:2], ALPACA, {TUNED: ["a", "a "], BASE: ["x", "y"]})
    assert [row["correct"] for row in rows] == [True, False] and [row["expected"] for row in rows] == ["a", "b"]
    assert rows[0]["prompt"] == ALPACA.prompt(LABELLED[0]) and rows[0]["base_answer"] == "x"

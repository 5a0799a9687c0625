"""The tuned model beside others: one table for every task, and no verdict that the interval does not carry."""

import pytest

from utils.evaluation import (
    BASE,
    BASE_OWN_FORM,
    MAIN,
    TUNED,
    baseline_answers,
    differences,
    is_right,
    lead,
    outcome,
    predictions,
    score,
    score_table,
    strongest,
    verdict,
    wanted,
)
from utils.evaluation.comparison import CONSTANT, on_common_rows
from utils.evaluation.intervals import Interval
from utils.prompts import ALPACA, REVERSE_INSTRUCTION
from utils.records import Record

LABELLED = [Record("Which?", f"text {i} {'ab'[i % 2] * 3}", "ab"[i % 2], "classification") for i in range(30)]
MARKED = [Record("Find.", f"Ann and Bo {i}", "Ann; Bo", "extraction") for i in range(10)]
LABELS = [f"label_{i:03}" for i in range(150)]
LETTERS = [Record(f"Write {i}.", "", f"Letter {i}", "document") for i in range(10)]


@pytest.mark.parametrize(
    ("records", "template"), [(LABELLED, ALPACA), (MARKED, ALPACA), (LETTERS, REVERSE_INSTRUCTION)]
)
def test_right_answers_score_one_and_every_baseline_fits(records, template):
    perfect = [wanted(record, template) for record in records]
    scores = {TUNED: score(perfect, records, template)}
    scores |= {name: score(a, records, template) for name, a in baseline_answers(records, records, template).items()}
    good = [
        row for row in score_table(scores).loc[TUNED].items() if row[0] not in ("label not allowed", "span not in text")
    ]
    assert len(scores) == 3 and CONSTANT in scores and all(cell.value == 1 for _, cell in good)
    assert all(is_right(f" {answer}\n", record, template) for answer, record in zip(perfect, records, strict=True))


def test_of_one_label_only_the_constant_answer_is_left_to_compare_with():
    assert baseline_answers(LABELLED[::2], LABELLED[:2], ALPACA) == {CONSTANT: ["a", "a"]}


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
    decided = {"is ahead": "ahead", "TF-IDF is the better": "behind", "cannot tell": "undecided"}
    assert outcome(Interval(*interval)) == decided[words]


def test_a_method_that_answered_the_first_rows_only_is_compared_on_these():
    right = [record.output for record in LABELLED]
    tuned = ["c"] * 10 + right[10:]  # wrong where the base was asked, right everywhere else
    answers = {BASE: ["c"] * 10, BASE_OWN_FORM: right[:8] + ["c"] * 2, CONSTANT: ["a"] * 30, TUNED: tuned}
    scores = {name: score(given, LABELLED[: len(given)], ALPACA) for name, given in answers.items()}
    main = MAIN["classification"]
    found = differences(scores, main)
    assert found[BASE].value == 0 and found[BASE_OWN_FORM].value == pytest.approx(-0.8)
    assert found[CONSTANT].value == pytest.approx(20 / 30 - 0.5)
    assert strongest(scores, main) == BASE_OWN_FORM
    assert "(base model, own form, on 10 rows)" in lead(scores, main) and "is behind" in lead(scores, main)
    assert [len(one.rows) for one in on_common_rows(scores[BASE][main], scores[TUNED][main])] == [10, 10]


def test_where_most_texts_hold_nothing_a_model_that_says_so_is_not_ahead():
    train = [Record("Find.", f"nobody {i}", "none", "extraction") for i in range(12)] + MARKED[:4]
    test = [Record("Find.", f"no one {i}", "none", "extraction") for i in range(12)]
    test += [Record("Find.", f"Zoe {i}", "Zoe", "extraction") for i in range(8)]
    answers = {TUNED: ["none"] * 20, BASE: ["?"] * 20, **baseline_answers(train, test, ALPACA)}
    assert answers[CONSTANT] == ["none"] * 20
    scores = {method: score(given, test, ALPACA) for method, given in answers.items()}
    main = MAIN["extraction"]
    assert scores[strongest(scores, main)][main].value == scores[CONSTANT][main].value
    assert "ahead" not in lead(scores, main)


def test_the_strongest_opponent_has_the_highest_score_whichever_it_is():
    right = [record.output for record in LABELLED]
    answers = {BASE: ["a"] * 30, BASE_OWN_FORM: [*right[:20], *["c"] * 10], CONSTANT: ["b"] * 30, TUNED: right}
    scores = {name: score(given, LABELLED, ALPACA) for name, given in answers.items()}
    assert strongest(scores, "label_accuracy") == BASE_OWN_FORM
    assert strongest(scores, "label_not_allowed") == BASE_OWN_FORM  # the highest value, whatever is scored
    assert "rows)" not in lead(scores, "label_accuracy")  # all of them, so nothing has to be said
    del scores[BASE_OWN_FORM]
    assert strongest(scores, "label_accuracy") == BASE  # of equals, the first
    sentence = lead(scores, "label_accuracy")
    assert sentence.startswith("Against the strongest opponent (base model): +0.50 [") and "is ahead" in sentence
    with pytest.raises(ValueError, match="needs an opponent"):
        strongest({TUNED: scores[TUNED]}, "label_accuracy")


def test_an_opponent_that_answered_few_rows_is_not_the_strongest_for_a_small_lead_on_them():
    right = [record.output for record in LABELLED]
    tuned = ["?"] * 10 + right[10:]  # it leads nobody on the rows that the base answered
    answers = {BASE: ["?"] * 10, CONSTANT: ["?"] * 10 + ["a"] * 20, TUNED: tuned}
    scores = {name: score(given, LABELLED[: len(given)], ALPACA) for name, given in answers.items()}
    assert strongest(scores, "label_accuracy") == CONSTANT  # equal on those ten, better on the others
    answers[CONSTANT] = ["a"] * 30
    scores[CONSTANT] = score(answers[CONSTANT], LABELLED, ALPACA)
    assert strongest(scores, "label_accuracy") == CONSTANT


def test_predictions_hold_prompt_answer_and_judgement():
    rows = predictions(LABELLED[:2], ALPACA, {TUNED: ["a", "a "], BASE: ["x", "y"], BASE_OWN_FORM: ["b"]})
    assert [row["correct"] for row in rows] == [True, False] and [row["expected"] for row in rows] == ["a", "b"]
    assert rows[0]["prompt"] == ALPACA.prompt(LABELLED[0]) and rows[0]["base_answer"] == "x"
    assert [row["base_own_form_answer"] for row in rows] == ["b", None]  # the second one was not asked


def test_the_table_has_a_row_per_method_and_nothing_where_a_score_is_missing():
    right = [record.output for record in LABELLED]
    scores = {CONSTANT: score(["a"] * 30, LABELLED, ALPACA)}
    scores[TUNED] = score(right, LABELLED, ALPACA, stopped=[True] * 30)
    table = score_table(scores)
    assert list(table.index) == [CONSTANT, TUNED] and table.index.name == "method"
    assert list(table) == ["label accuracy", "label macro f1", "label not allowed", "stop rate", "echo rate"]
    assert table.loc[CONSTANT, "stop rate"] == "" and table.loc[TUNED, "stop rate"].value == 1


def judged(answers, records=LABELLED):
    """The lead sentence, and what the difference behind it decides."""
    scores = {name: score(given, records[: len(given)], ALPACA) for name, given in answers.items()}
    main = MAIN["classification"]
    return lead(scores, main), outcome(differences(scores, main)[strongest(scores, main)])


def test_a_model_that_answers_like_the_constant_answer_is_never_called_ahead():
    others = baseline_answers(LABELLED, LABELLED, ALPACA) | {BASE: ["?"] * 30}
    sentence, decided = judged(others | {TUNED: others[CONSTANT]})
    assert decided == "behind" and "(TF-IDF + logistic regression)" in sentence and "is behind" in sentence
    sentence, decided = judged({BASE: ["?"] * 30, CONSTANT: ["a"] * 30, TUNED: ["a"] * 30})
    assert decided == "undecided" and f"({CONSTANT})" in sentence and "+0.00" in sentence


@pytest.mark.parametrize("level", [0, 15, 30])  # all wrong, half right, all right
def test_a_tie_decides_nothing_at_any_level(level):
    given = [record.output if i < level else "?" for i, record in enumerate(LABELLED)]
    sentence, decided = judged({BASE: given, CONSTANT: given, TUNED: given})
    assert decided == "undecided" and f"({BASE})" in sentence and "cannot tell the two apart" in sentence


def test_a_winner_is_ahead_of_its_strongest_opponent_on_the_same_rows():
    right = [record.output for record in LABELLED]
    sentence, decided = judged({CONSTANT: ["a"] * 30, BASE_OWN_FORM: right[:4] + ["?"] * 8, TUNED: right})
    assert decided == "ahead" and f"({CONSTANT})" in sentence and "+0.50 [" in sentence


def test_150_labels_are_judged_as_two_are():
    records = [Record("Which?", f"text {i}", LABELS[i % 150], "classification") for i in range(450)]
    right = [record.output for record in records]
    half = [label if i % 2 else LABELS[0] for i, label in enumerate(right)]
    sentence, decided = judged({CONSTANT: [LABELS[0]] * 450, BASE: half, TUNED: right}, records)
    assert decided == "ahead" and f"({BASE})" in sentence
    assert judged({CONSTANT: [LABELS[0]] * 450, BASE: right, TUNED: half}, records)[1] == "behind"

"""Verdicts on constructed answers: a constant model never wins, a tie is called a tie, and a winner a winner."""

import re

import pytest

from utils.evaluation import BASE, BASE_OWN_FORM, TUNED, baseline_answers
from utils.inference import Answer, Choice
from utils.prompts import ALPACA
from utils.records import Record
from utils.your_data import CHOSEN, choose_labels, judge

TRAIN = [Record("Which?", f"{'fine' if i % 4 else 'poor'} thing {i}", "good" if i % 4 else "bad", "classification")
         for i in range(60)]  # fmt: skip
TEST = [Record("Which?", f"{'fine' if i % 4 else 'poor'} item {i}", "good" if i % 4 else "bad", "classification")
        for i in range(80)]  # fmt: skip
RIGHT = [record.output for record in TEST]
CONSTANT = ["good"] * len(TEST)
NOISE = ["what?"] * len(TEST)


def judged(tuned, records=TEST, train=TRAIN, **settings):
    answers = {BASE: NOISE[:20], BASE_OWN_FORM: NOISE[:20], **baseline_answers(train, records, ALPACA), TUNED: tuned}
    allowed = sorted({record.output for record in records})
    return judge(answers, records, ALPACA, allowed=allowed, stopped=[True] * len(records), **settings)


def test_a_model_that_always_says_the_same_is_not_ahead():
    found = judged(CONSTANT)
    assert found.outcome == "behind" and found.rival == "TF-IDF + logistic regression"
    assert found.lead.startswith("Against the strongest opponent (TF-IDF + logistic regression)")
    assert any("constant answer" in sentence and "cannot tell" in sentence for sentence in found.sentences)


def test_a_model_that_always_says_none_is_not_ahead_in_extraction():
    records = [Record("Find.", f"text {i} of Ann", "Ann" if i % 3 == 0 else "none", "extraction") for i in range(60)]
    found = judged(["none"] * 60, records, records)
    assert found.outcome != "ahead"
    assert found.differences["constant answer"].value == 0


def test_a_tie_is_called_a_tie():
    found = judged(RIGHT)
    assert found.rival == "TF-IDF + logistic regression" and found.differences[found.rival].value == 0
    assert found.outcome == "undecided" and "cannot tell the two apart" in found.lead


def test_a_winner_is_called_a_winner():
    scrambled = [Record(r.instruction, f"item {i}", r.output, r.task) for i, r in enumerate(TRAIN)]
    found = judged(RIGHT, train=scrambled)
    assert found.outcome == "ahead" and "Fine-tuning is ahead" in found.lead


def test_mistakes_are_counted_and_confused_labels_named():
    answers = [*RIGHT]
    answers[1], answers[2], answers[0] = "bad", "unheard of", "good"
    found = judged(answers)
    assert found.mistakes["answers"].to_dict() == {"not allowed": 1, "wrong label": 2, "cut off": 0}
    assert {(row.true, row.answer) for row in found.confused.itertuples()} >= {("good", "bad"), ("bad", "good")}


def test_numbers_are_plain_data():
    numbers = judged(RIGHT).numbers()
    assert numbers["scores"][TUNED]["label_accuracy"]["value"] == 1
    assert numbers["fine_tuned_minus"].keys() == numbers["scores"].keys() - {TUNED}


# --- labels with a probability ---


@pytest.fixture
def weighed(monkeypatch):
    """Choices of a model that is sure, and right three times of four."""

    def classify(model, tokenizer, records, template, labels, *, temperature=1.0, batch_size):
        rows = []
        for at, record in enumerate(records):
            says = record.output if at % 4 else {"good": "bad", "bad": "good"}[record.output]
            rows.append(Choice({label: -0.01 if label == says else -6.0 for label in labels}, temperature))
        return rows

    monkeypatch.setattr("utils.inference.classify", classify)
    written = [Answer(text, True, 5, 1) for text in CONSTANT]
    return choose_labels(None, None, TRAIN[:40], TEST, ALPACA, ["bad", "good"], written=written)


def test_the_temperature_is_fitted_on_validation_rows_and_makes_it_honest(weighed):
    assert weighed.temperature > 2 and weighed.rows == 40
    assert weighed.after < weighed.before and weighed.after < 0.1
    assert sum(weighed.probabilities) / len(weighed.probabilities) == pytest.approx(0.75, abs=0.1)


def test_choosing_is_compared_with_writing_on_the_same_rows(weighed):
    assert weighed.gain.value == pytest.approx(0, abs=1e-9)  # three of four, as the constant answer
    assert weighed.score["label_accuracy"].value == pytest.approx(0.75)
    found = judged(CONSTANT, choices=weighed)
    assert CHOSEN in found.table.index and CHOSEN not in found.differences


def test_what_is_said_of_choices_does_not_depend_on_the_clock(weighed):
    assert not re.search(r"second", " ".join(weighed.sentences()))
    assert weighed.sentences()[2].startswith("Every one of the 2 labels is weighed for every row")
    assert re.fullmatch(r"choosing: [\d.]+ rows a second; writing: [\d.]+", weighed.speed(2.0))


def test_without_validation_rows_there_is_no_temperature(monkeypatch, weighed):
    written = [Answer(text, True, 5, 1) for text in CONSTANT]
    found = choose_labels(None, None, [], TEST, ALPACA, ["bad", "good"], written=written)
    assert found.temperature == 1 and found.before == found.after
    assert "No temperature, since there are no validation rows" in found.sentences()[1]


def test_how_often_the_tuned_model_ended_by_itself_is_a_score_of_its_own():
    answers = {TUNED: CONSTANT, **baseline_answers(TRAIN, TEST, ALPACA)}
    stopped = [True] * 60 + [False] * 20
    found = judge(answers, TEST, ALPACA, allowed=["bad", "good"], stopped=stopped)
    assert found.scores[TUNED]["stop_rate"].value == 0.75 and "stop rate" not in found.table
    assert found.form() == "75% of the fine-tuned model's answers ended by themselves; 0% repeat the prompt."
    assert all("stop_rate" not in scores for method, scores in found.scores.items() if method != TUNED)

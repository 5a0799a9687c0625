"""One scorer for every task: what is asked comes from the records, and both sides are parsed."""

import pytest

from utils.evaluation import is_right, kind_of, score, shown, wanted
from utils.prompts import ALPACA, REVERSE_INSTRUCTION, PromptTemplate
from utils.records import Record

LABELLED = [Record("Which?", f"text {i}", "ab"[i % 2], "classification") for i in range(30)]
MARKED = [Record("Find.", f"Ann and Bo {i}", "Ann; Bo", "extraction") for i in range(10)]
LETTERS = [Record(f"Write {i}.", "", f"Letter {i}", "document") for i in range(10)]
WORDED = PromptTemplate(name="w", text="{instruction}\nA:\n", response_marker="A:\n", completion="It is {output}")


def values(scores):
    return {name: one.value for name, one in scores.items()}


def test_the_kind_of_score_follows_the_records():
    assert kind_of(LABELLED, ALPACA) == "classification" and kind_of(MARKED, ALPACA) == "extraction"
    assert kind_of(LETTERS, REVERSE_INSTRUCTION) == "text" and kind_of(LABELLED + MARKED, ALPACA) == "text"
    assert kind_of(LABELLED, WORDED) == "text" and wanted(LABELLED[0], WORDED) == "It is a"


def test_letters_are_compared_as_the_scores_compare_them():
    cafe = Record("Find.", "the Café", "Cafe\N{COMBINING ACUTE ACCENT}; Bo", "extraction")
    assert is_right("Bo;  Café", cafe, ALPACA)
    assert is_right("Café", Record("Which?", "x", "Cafe\N{COMBINING ACUTE ACCENT}", "classification"), ALPACA)


def test_the_order_of_phrases_does_not_matter_and_their_number_does():
    assert is_right("Bo; Ann", MARKED[0], ALPACA)
    assert not is_right("Ann; Bo; Bo", MARKED[0], ALPACA) and not is_right("Ann", MARKED[0], ALPACA)


def test_answers_that_are_not_one_a_record_are_refused():
    with pytest.raises(ValueError, match="2 answers to 30 records"):
        score(["a", "b"], LABELLED, ALPACA)
    with pytest.raises(ValueError, match="2 stopped"):
        score(["a"], LABELLED[:1], ALPACA, stopped=[True, True])


def test_the_form_is_scored_where_it_is_known_how_the_answers_ended():
    answers = ["a", "b\n### Instruction:\nWhich?"]
    scores = values(score(answers, LABELLED[:2], ALPACA, stopped=[True, False]))
    assert scores["label_accuracy"] == scores["stop_rate"] == scores["echo_rate"] == 0.5
    assert scores.keys() - score(answers, LABELLED[:2], ALPACA).keys() == {"stop_rate", "echo_rate"}


def test_labels_that_no_test_row_has_are_allowed_where_they_are_named():
    assert values(score(["c"], LABELLED[:1], ALPACA))["label_not_allowed"] == 1
    assert values(score(["c"], LABELLED[:1], ALPACA, allowed=["a", "b", "c"]))["label_not_allowed"] == 0
    with pytest.raises(ValueError, match="not among the allowed"):
        score(["c"], LABELLED[:1], ALPACA, allowed=["b", "c"])


def test_slots_count_where_a_row_has_any():
    asked = [Record("Write to Ann.", "", "Dear Ann", "document"), Record("Write.", "", "Dear", "document")]
    for slots, recall in (([["Ann"], []], 1), ([["Bo"], []], 0)):
        scores = score(["Write to Ann.", "Write."], asked, REVERSE_INSTRUCTION, slots=slots)
        assert scores["slot_recall"].value == recall and scores["exact"].value == 1
    assert "slot_recall" not in score(["x", "y"], asked, REVERSE_INSTRUCTION, slots=[[], []])


def test_what_is_shown_is_the_text_to_work_on():
    assert shown(MARKED[0], ALPACA) == "Ann and Bo 0" and shown(Record("Say hi.", "", "Hi"), ALPACA) == "Say hi."
    assert shown(LETTERS[0], REVERSE_INSTRUCTION) == "Letter 0"

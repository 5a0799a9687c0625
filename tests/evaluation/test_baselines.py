"""Baselines are fitted to training records and answer others, in the form that the model is asked for."""

import pytest

from utils.evaluation import tfidf_classifier
from utils.evaluation.baselines import constant_answer, nearest_answer, phrase_dictionary
from utils.prompts import ALPACA, REVERSE_INSTRUCTION
from utils.records import Record
from utils.series import load_tasks

REVIEWS = [("lovely kind staff", "good"), ("lovely view", "good"), ("dirty room", "bad"), ("dirty rude loud", "bad")]
LABELLED = [Record("Which?", text, label) for text, label in REVIEWS]
FITS = [
    lambda records: constant_answer(records, ALPACA),
    tfidf_classifier,
    phrase_dictionary,
    lambda records: nearest_answer(records, ALPACA),
]


def blank(record: Record) -> Record:
    return Record(record.instruction, record.input, "", record.task)


def test_the_constant_answer_is_the_most_frequent_and_of_several_the_first():
    answer = constant_answer([*LABELLED, Record("Which?", "!", "good")], ALPACA)
    assert answer([Record("Which?", "dirty")] * 2) == ["good", "good"]
    assert constant_answer(LABELLED, ALPACA)([Record("Which?", "x")]) == ["bad"]


def test_the_constant_answer_is_what_the_template_asks_for():
    letters = [Record("Ask for leave.", "", f"Dear {name}") for name in "ABC"] + [Record("Apologise.", "", "Sorry")]
    assert constant_answer(letters, REVERSE_INSTRUCTION)([Record("", "", "Dear D")]) == ["Ask for leave."]


def test_tfidf_reads_the_words():
    answer = tfidf_classifier(LABELLED)
    assert answer([Record("Which?", "what a lovely place"), Record("Which?", "DIRTY!")]) == ["good", "bad"]
    assert answer([Record("Which?", "")])[0] in ("good", "bad")


def test_tfidf_needs_two_labels():
    with pytest.raises(ValueError, match="all 2 records have the label 'good'"):
        tfidf_classifier(LABELLED[:2])


def test_tfidf_needs_a_text():
    with pytest.raises(ValueError, match="all 2 records have an empty input"):
        tfidf_classifier([Record("Which?", "", "good"), Record("Which?", " ", "bad")])


def test_phrases_known_from_training_are_found_whole_and_longest_first():
    train = [
        Record("Find.", "He lives in New York.", "New York"),
        Record("Find.", "York is old.", "York"),
        Record("Find.", "Ann met O'Neil & Co.", "Ann; O'Neil & Co."),
    ]
    answer = phrase_dictionary(train)
    texts = ["Yorkshire is not York, nor New York.", "Annual: ann", "O'Neil & Co. paid Ann; Ann left"]
    assert answer([Record("Find.", text) for text in texts]) == ["York; New York", "none", "O'Neil & Co.; Ann"]


def test_a_phrase_that_is_mostly_unmarked_is_forgotten():
    may = [Record("Find.", f"They may {i}.", "none") for i in range(3)] + [Record("Find.", "may is a name", "may")]
    assert phrase_dictionary(may)([Record("Find.", "we may go")]) == ["none"]
    assert phrase_dictionary(may[2:])([Record("Find.", "we may go")]) == ["may"]


def test_the_nearest_prompt_lends_its_answer():
    train = [Record("Name the capital.", "France", "Paris"), Record("What is 2 + 2?", "", "4")]
    asked = [Record("What is 2 + 3?"), Record("Name the capital.", "Greece")]
    assert nearest_answer(train, ALPACA)(asked) == ["4", "Paris"]
    letters = [
        Record("Write a complaint.", "", "Dear Sir, the room was dirty"),
        Record("Write thanks.", "", "Thank you!"),
    ]
    asked = [Record("", "", "dirty dirty room"), Record("", "", "oh thank you")]
    assert nearest_answer(letters, REVERSE_INSTRUCTION)(asked) == ["Write a complaint.", "Write thanks."]


@pytest.mark.parametrize("fit", FITS)
def test_what_is_asked_for_is_never_read(fit):
    answer = fit(LABELLED)
    asked = [Record("Which?", "lovely dirty view", secret) for secret in ("good", "bad")]
    assert len(set(answer(asked))) == 1
    assert answer([]) == []


@pytest.mark.parametrize("fit", FITS)
def test_no_records_are_refused(fit):
    with pytest.raises(ValueError, match="no training records"):
        fit([])


def test_they_beat_chance_on_the_projects_own_rows():
    tasks = load_tasks()
    labels, phrases = tasks["labels"], tasks["phrases"]
    given = tfidf_classifier(labels.train)([blank(record) for record in labels.test])
    right = sum(a == r.output for a, r in zip(given, labels.test, strict=True)) / len(given)
    assert right > 0.65
    given = phrase_dictionary(phrases.train)([blank(record) for record in phrases.test])
    assert any(answer == record.output != "none" for answer, record in zip(given, phrases.test, strict=True))

"""The four tasks: complete, rendered by the right template, and scored as they should be."""

from dataclasses import replace

import pytest

from utils.evaluation import score
from utils.prompts import ALPACA, REVERSE_INSTRUCTION
from utils.series import LABELS, load_tasks

TASKS = load_tasks()


DEV = load_tasks(evaluate_on="dev")


def score_task(task, answers):
    ended = [True] * len(answers)
    return score(answers, task.test, task.template, allowed=task.labels, slots=task.slots, stopped=ended)


def test_there_are_four_tasks_through_two_templates():
    assert {name: task.template for name, task in TASKS.items()} == {
        "labels": ALPACA,
        "phrases": ALPACA,
        "reverse": REVERSE_INSTRUCTION,
        "instructions": ALPACA,
    }


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_training_and_test_records_carry_the_same_kinds_of_instruction(task):
    if task.name in ("labels", "phrases"):
        assert len({record.instruction for record in task.train + task.test}) == 1
    assert len(task.train) >= 300 and len(task.test) >= 140


@pytest.mark.parametrize("name", TASKS)
def test_development_records_take_the_place_of_the_test_records_when_asked_for(name):
    test, dev = TASKS[name], DEV[name]
    assert dev.train == test.train and dev.template == test.template
    assert len(dev.test) == 100 and not set(dev.test) & set(test.test)
    assert len(dev.slots) == (100 if name == "reverse" else 0)
    scores = score_task(dev, [dev.wanted(record) for record in dev.test])
    for metric in {"label_accuracy", "span_f1", "exact", "slot_recall"} & scores.keys():
        assert scores[metric].value == 1, metric


def test_another_split_is_refused():
    with pytest.raises(ValueError, match="choose 'test' or 'dev'"):
        load_tasks(evaluate_on="train")


def test_rows_without_slots_have_no_part_in_slot_recall():
    task = replace(TASKS["reverse"], test=TASKS["reverse"].test[:2], slots=[["qwxz"], []])
    given = [task.wanted(record) for record in task.test]
    assert score_task(task, given)["slot_recall"].value == 0  # the one slot is missed
    found = replace(task, slots=[[], TASKS["reverse"].slots[1]])
    assert score_task(found, given)["slot_recall"].value == 1  # those of the other row are all there
    assert "slot_recall" not in score_task(replace(task, slots=[[], []]), given)


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_the_right_answers_score_full_marks(task):
    scores = score_task(task, [task.wanted(record) for record in task.test])
    for name in {"label_accuracy", "label_macro_f1", "span_f1", "exact", "rouge_l", "slot_recall"} & scores.keys():
        assert scores[name].value == 1, name


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_wrong_answers_score_nothing(task):
    scores = score_task(task, ["qwxz"] * len(task.test))
    for name in {"label_accuracy", "span_f1", "exact", "rouge_l", "slot_recall"} & scores.keys():
        assert scores[name].value == 0, name


def test_every_slot_stands_in_the_answer_that_is_wanted():
    task = TASKS["reverse"]
    assert len(task.slots) == len(task.test)
    for record, slots in zip(task.test, task.slots, strict=True):
        assert all(slot in task.wanted(record) for slot in slots)


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_the_first_test_records_keep_their_slots(task):
    few = task.first(20)
    assert few.test == task.test[:20] and few.slots == task.slots[:20] and few.train == task.train
    scores = score_task(few, [few.wanted(record) for record in few.test])
    assert scores["stop_rate"].value == 1 and scores.keys() >= {"echo_rate"}


def test_all_labels_are_used():
    task = TASKS["labels"]
    assert task.labels == LABELS and not TASKS["phrases"].labels
    assert {record.output for record in task.train} == {record.output for record in task.test} == set(LABELS)


def test_answers_of_another_number_are_refused():
    with pytest.raises(ValueError):
        score_task(TASKS["labels"], ["Complaint"])

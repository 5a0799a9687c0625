"""The four tasks: complete, rendered by the right template, and scored as they should be."""

import pytest

from utils.inference import Answer
from utils.tasks import LABELS, load_tasks, score_task
from utils.templates import ALPACA, REVERSE_INSTRUCTION

TASKS = load_tasks()


def answers(texts):
    return [Answer(text=text, stopped=True, prompt_tokens=1, answer_tokens=1) for text in texts]


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
    assert len(task.train) >= 400 and len(task.test) >= 120


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_the_right_answers_score_full_marks(task):
    scores = score_task(task, answers([task.wanted(record) for record in task.test]))
    for name in {"label_accuracy", "label_macro_f1", "span_f1", "exact", "rouge_l", "slot_recall"} & scores.keys():
        assert scores[name].value == 1, name


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_wrong_answers_score_nothing(task):
    scores = score_task(task, answers(["qwxz"] * len(task.test)))
    for name in {"label_accuracy", "span_f1", "exact", "rouge_l", "slot_recall"} & scores.keys():
        assert scores[name].value == 0, name


def test_every_slot_stands_in_the_answer_that_is_wanted():
    task = TASKS["reverse"]
    assert len(task.slots) == len(task.test)
    for record, slots in zip(task.test, task.slots, strict=True):
        assert all(slot in task.wanted(record) for slot in slots)


def test_all_labels_are_used():
    task = TASKS["labels"]
    assert {record.output for record in task.train} == {record.output for record in task.test} == set(LABELS)


def test_answers_of_another_number_are_refused():
    with pytest.raises(ValueError):
        score_task(TASKS["labels"], answers(["Complaint"]))

"""The record of what a mixture's loss is averaged over: of today's code and data, and what notebook 03 says of it."""

import pytest

from utils.files import read_json, write_json
from utils.series import mixture_rows
from utils.series.mixture_record import RECORD, RUNS, TASKS, depends_on


def test_the_committed_record_is_of_todays_code_and_data():
    record = read_json(RECORD)
    assert record["depends_on"] == depends_on(), "train again: make mixture"
    assert [run["name"] for run in record["runs"]] == list(RUNS)


def test_each_run_has_a_score_for_every_task_that_it_learned(tmp_path):
    runs = [
        {"name": "one", "steps": 9, "labels": {"score": [0.5, 0.4, 0.6], "against first": [0, 0, 0]}},
        {"name": "two", "steps": 9, "labels": {"score": [0.7, 0.6, 0.8], "against first": [0.2, -0.1, 0.3]}},
    ]
    one, two, difference = mixture_rows(write_json(tmp_path / "record.json", {"runs": runs}))
    assert one["labels"] == "0.50 [0.40, 0.60]" and two["labels"] == "0.70 [0.60, 0.80]"
    assert [one[task] for task in TASKS if task != "labels"] == ["not trained"] * 3
    assert difference == {"run": "minus the first", "labels": "+0.20 [-0.10, 0.30]"}


def test_without_a_record_the_error_says_how_to_make_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="make mixture"):
        mixture_rows(tmp_path / "none.json")


def test_the_record_says_what_notebook_03_says_of_it():
    token, weight, row, more, alone, longer = read_json(RECORD)["runs"]
    for run in (weight, row, more):  # none is surely better, none is surely worse
        assert all(run[task]["against first"][1] <= 0 <= run[task]["against first"][2] for task in TASKS)
    for run in (token, weight, row, more, alone):
        assert run["labels"]["score"][1] < 0.5  # a coin may get as much
    assert longer["labels"]["against first"][1] < 0
    assert longer["labels"]["score"][1] > 0.5 and longer["steps"] == 2 * alone["steps"]

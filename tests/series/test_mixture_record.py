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
    runs = [{"name": "one", "steps": 9, "labels": {"score": [0.5, 0.4, 0.6]}}]
    [row] = mixture_rows(write_json(tmp_path / "record.json", {"runs": runs}))
    assert row["labels"] == "0.50 [0.40, 0.60]"
    assert [row[task] for task in TASKS if task != "labels"] == ["not trained"] * 3


def test_without_a_record_the_error_says_how_to_make_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="make mixture"):
        mixture_rows(tmp_path / "none.json")


def test_the_record_says_what_notebook_03_says_of_it():
    token, weight, row, more, alone, longer = read_json(RECORD)["runs"]
    for run in (weight, row, more):
        assert all(run[task]["against first"][1] <= 0 for task in TASKS)  # none is surely better
    for run in (token, weight, row, more, alone):
        assert run["labels"]["score"][1] < 0.5  # a coin may get as much
    for task in ("phrases", "reverse"):
        assert all(ours < first for ours, first in paired(row[task], token[task]))
    assert longer["labels"]["score"][1] > 0.5 and longer["steps"] == 2 * alone["steps"]
    better = [ours > first for ours, first in paired(more["labels"], token["labels"])]
    assert sorted(better) == [False, True]


def paired(one: dict, other: dict) -> list[tuple[float, float]]:
    """The scores of both, seed by seed."""
    return list(zip(one["of each seed"], other["of each seed"], strict=True))

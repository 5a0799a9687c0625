"""The record of what the settings do: it is of today's code and data, and the table says which setting is which."""

import pytest

from utils.files import read_json, write_json
from utils.series import settings_rows
from utils.series.settings_record import AS_IN_03, RECORD, RUNS, depends_on

RUN = {"steps": 83, "trained": 4_884_480, "loss": 0.1, "heldout_loss": 0.5, "span_f1": [0.7, 0.6, 0.8]}


def test_the_committed_record_is_of_todays_code_and_data():
    record = read_json(RECORD)
    assert record["depends_on"] == depends_on(), "train again: make settings"
    assert [{name: run[name] for name in AS_IN_03} for run in record["runs"]] == RUNS


def test_a_run_is_named_by_the_setting_that_differs(tmp_path):
    runs = [AS_IN_03 | RUN, AS_IN_03 | {"rank": 2} | RUN]
    rows = settings_rows(write_json(tmp_path / "record.json", {"runs": runs}))
    assert [row["run"] for row in rows] == ["as in section 6", "rank 2"]
    assert rows[1]["F1 of phrases"] == "0.70 [0.60, 0.80]"


def test_without_a_record_the_error_says_how_to_make_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="make settings"):
        settings_rows(tmp_path / "none.json")


def test_each_run_changes_one_setting_of_the_first():
    assert all(sum(run[name] != AS_IN_03[name] for name in AS_IN_03) == 1 for run in RUNS[1:])


def test_the_record_says_what_notebook_03_says_of_it():
    runs = read_json(RECORD)["runs"]
    first, small_rank, large_rank, small_alpha, large_alpha, small_rate, large_rate, few_epochs = runs
    assert all(run["loss"] > 3 * first["loss"] for run in (small_rank, small_alpha, small_rate, few_epochs))
    assert max(large_rank["loss"], large_alpha["loss"], large_rate["loss"]) < first["loss"]
    assert large_rank["heldout_loss"] < first["heldout_loss"] < large_alpha["heldout_loss"]
    assert first["heldout_loss"] < large_rate["heldout_loss"]
    assert large_alpha["heldout_loss"] == pytest.approx(large_rate["heldout_loss"], abs=0.03)
    for run in (large_rank, large_alpha, large_rate):
        (_, low, high), (_, other_low, other_high) = run["span_f1"], first["span_f1"]
        assert low < other_high and other_low < high

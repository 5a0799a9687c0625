"""Notebook 04 where nothing has run, so that 03 trains for it, and every notebook that asks the adapter it leaves.

These are the notebooks that people read: no test path, no smaller model, no mock, only smaller values from their
parameters cells. Each runs through papermill in a copy of the project that has the adapter and nothing else.
"""

import json

import pytest

from tests.project_copy import FEW_ROWS, copy_project, run_in
from utils.notebook import read_results
from utils.series import find_notebooks

FIRST = {"rows": FEW_ROWS, "test_rows_per_task": 24, "base_rows_per_task": 4}
# What such a training must reach, with room for another machine's rounding: above the base everywhere.
FLOORS = {
    "tuned_label_accuracy": 0.35,
    "tuned_span_f1": 0.35,
    "tuned_reverse_slot_recall": 0.40,
    "tuned_instructions_exact": 0.10,
    "tuned_stop_rate": 0.90,
}
SMALLER = {
    "05": {"test_rows": 6, "trained_rows": 12, "epochs": 1.0},
    "08": {"rows_per_task": 2, "at_once": [1, 4], "max_new_tokens": 24},
    "solutions/04": {"test_rows": 4},
    "solutions/05": {"trained_rows": 12, "test_rows": 4},
    "solutions/08": {"test_rows": 4},
}


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return run_in(copy_project(tmp_path_factory.mktemp("first") / "a fresh copy"), "04", FIRST)


def test_04_makes_an_adapter_where_there_is_none(first):
    provenance = json.loads((first.project / "outputs" / "adapter" / "provenance.json").read_text(encoding="utf-8"))
    assert provenance["metrics"]["rows"] == sum(FEW_ROWS.values())
    [committed] = find_notebooks(["04"])
    assert read_results(committed).keys() <= first.results.keys()


def test_03_learns_more_than_half_of_the_loss_away(first):
    [trained] = (first.project / "outputs").glob("03_*.ipynb")
    losses = read_results(trained)
    assert losses["tuned_heldout_loss"] < losses["base_heldout_loss"] / 2


def test_what_03_has_learned_in_a_short_time_shows_in_04(first):
    assert not {score: first.results[score] for score, floor in FLOORS.items() if first.results[score] < floor}


@pytest.mark.parametrize("name", SMALLER)
def test_runs_with_the_adapter_of_03(name, first, tmp_path):
    project = copy_project(tmp_path / "a copy", adapter=first.project / "outputs" / "adapter")
    assert run_in(project, name, SMALLER[name]).results

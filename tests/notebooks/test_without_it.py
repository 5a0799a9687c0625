"""Every notebook and solution that needs no adapter of notebook 03.

Each runs through papermill in a copy of the project where nothing has run before. What is short enough runs as it is
committed, and gives what is committed.
"""

import nbformat
import pytest

from tests.committed import changed_cells
from tests.project_copy import copy_project, run_in
from utils.notebook import read_results
from utils.series import find_notebooks

LOOP = {
    "seed_rows": 48,
    "text_rows": 12,
    "samples": 1,
    "reverse_test_rows": 4,
    "test_rows": 8,
    "write": 2,
    "reverse_steps": 8,
    "forward_steps": 2,
    "batch_size": 4,
}
SMALLER = {
    "07": {"limit": 72, "epochs": 1.0, "test_rows": 16},
    "solutions/03": {"rows": 8, "epochs": 1.0},
    "solutions/07": {"limit": 32, "fewer": 20, "test_rows": 8, "epochs": 0.5},
}
AS_THEY_ARE = ["01", "02", "solutions/01", "solutions/02"]
# What a notebook must be able to do without: it starts in seconds, on a machine that has none of these.
NOT_LOADED = {"01": ["torch", "transformers", "trl", "peft"], "02": ["trl", "peft"]}


@pytest.mark.parametrize("name", SMALLER)
def test_runs(name, tmp_path):
    assert run_in(copy_project(tmp_path / "a fresh copy"), name, SMALLER[name]).results


def test_solutions_06_run_06_where_it_has_not_run(tmp_path):
    parameters = {"forward_steps": 2, "test_rows": 8, "sizes": [2, 5], "loop": LOOP}
    run = run_in(copy_project(tmp_path / "a fresh copy"), "solutions/06", parameters)
    [loop] = (run.project / "outputs").glob("06_*.ipynb")
    assert run.results and read_results(loop)


@pytest.mark.parametrize("name", AS_THEY_ARE)
def test_runs_and_gives_what_is_committed(name, tmp_path):
    not_loaded = NOT_LOADED.get(name, [])
    run = run_in(copy_project(tmp_path / "a fresh copy"), name, ask_for=not_loaded)
    assert not [package for package in not_loaded if run.results[f"loaded_{package}"]]
    [path] = find_notebooks([name])
    committed, executed = (nbformat.read(file, as_version=4) for file in (path, run.executed))
    assert not changed_cells(committed, executed), "run `make notebooks`"

"""The exercises' solutions: there is one for each notebook, they run, and what is committed is what they give."""

import re

import nbformat
import pytest

from tests.committed import changed_cells, same_text
from tests.project_copy import WITHOUT_AN_ADAPTER, copy_project
from utils.files import ROOT
from utils.series import find_notebooks, run_notebook

SMALLER = {  # runs with a model; the others run as they are
    "03": {"rows": 8},
    # It finds the adapter that 03 has saved; alone it trains one of its own.
    "04": {"output_dir": "outputs/solutions", "rows": WITHOUT_AN_ADAPTER["rows"], "test_rows": 4},
    "05": {"output_dir": "outputs/solutions", "rows": WITHOUT_AN_ADAPTER["rows"], "trained_rows": 12, "test_rows": 4},
    "07": {"limit": 48, "fewer": 36, "test_rows": 12, "epochs": 0.5},
}
SOLUTIONS = find_notebooks(["solutions"])


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project in which nothing has run, shared, so that an adapter is made only once."""
    return copy_project(tmp_path_factory.mktemp("solutions") / "project")


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_solutions_run_and_are_those_that_are_committed(path, project, tmp_path):
    number = path.name[:2]
    copy = project / path.relative_to(ROOT)
    assert run_notebook(copy, tmp_path / "out.ipynb", parameters=SMALLER.get(number), cwd=copy.parent)
    if number not in SMALLER:
        committed, executed = (nbformat.read(p, as_version=4) for p in (path, tmp_path / "out.ipynb"))
        assert not changed_cells(committed, executed), "run `make notebooks`"


@pytest.mark.parametrize("path", find_notebooks(), ids=lambda path: path.stem)
def test_every_exercise_has_a_hint_and_a_solution(path):
    cells = nbformat.read(path, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown").partition("## Exercises")[2]
    exercises = re.findall(r"^\d\. \*\*(.+?)\.?\*\* (.+)$", text, re.MULTILINE)
    assert 2 <= len(exercises) <= 4
    assert not [name for name, rest in exercises if "*Hint: " not in rest]
    [solution] = find_notebooks([f"solutions/{path.name[:2]}"])
    solved = "\n".join(cell.source for cell in nbformat.read(solution, as_version=4).cells)
    headings = re.findall(r"^## \d\. (.+)$", solved, re.MULTILINE)
    assert [heading.split(",")[0] for heading in headings] == [name.split(",")[0] for name, _ in exercises]


@pytest.mark.parametrize(
    ("ours", "fresh", "same"),
    [
        ("72% of 144 are right", "70% of 144 are right", True),
        ("72% of 144 are right", "60% of 144 are right", False),
        ("loss 0.57, 1,920 rows", "loss 0.59, 1,900 rows", True),
        ("the answer: snow", "the answer: rain", False),
        ("3 rows", "rows 3", False),
    ],
)
def test_texts_are_compared_with_tolerance_for_numbers_only(ours, fresh, same):
    assert same_text(ours, fresh) is same

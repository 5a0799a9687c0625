"""The table that puts the label accuracies of several notebooks side by side: all of it is read, nothing is typed."""

import nbformat

from utils.notebook import read_results
from utils.series import accuracy_row, find_notebooks, recorded_accuracies


def test_the_table_shows_what_the_committed_notebooks_recorded():
    first, terse, own = recorded_accuracies()
    [inference], [job] = find_notebooks(["04"]), find_notebooks(["07"])
    assert first["fine-tuned"] == f"{read_results(inference)['tuned_label_accuracy']:.2f}"
    assert terse["TF-IDF"] == f"{read_results(inference)['simple_terse_label_accuracy']:.2f}"
    assert own["constant"] == f"{read_results(job)['constant_label_accuracy']:.2f}"
    assert own["test rows"] == read_results(job)["test_rows"]
    for row in (first, terse, own):
        path = row["test set"]
        assert path.endswith("_test") and row["learned from"][0].isdigit(), path


def test_notebook_05_shows_what_the_other_notebooks_recorded():
    [path] = find_notebooks(["05"])
    outputs = [o for cell in nbformat.read(path, as_version=4).cells for o in cell.get("outputs", [])]
    [table] = [o.data["text/plain"] for o in outputs if "give or take" in o.get("data", {}).get("text/plain", "")]
    shown = [line.split() for line in table.splitlines()[2:]]  # below the headings and its own row
    others = [[str(cell) for cell in row.values() if cell is not None] for row in recorded_accuracies()]
    assert shown == [" ".join(row).split() for row in others], "run `make notebooks`"


def test_what_nobody_recorded_stays_empty():
    row = accuracy_row("04", learned="9 rows", steps=None, test="a_test", rows=None, tuned=0.5, simple=None)
    assert row["steps"] is row["test rows"] is row["give or take"] is row["TF-IDF"] is row["constant"] is None
    assert row["fine-tuned"] == "0.50"

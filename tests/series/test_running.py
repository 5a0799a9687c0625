"""The command that runs notebooks in real kernels, and what it leaves of them."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from notebooks_fixture import write_notebook

from utils.notebook import read_results
from utils.series import NotebookFailed, run_notebook, run_notebooks, running
from utils.series.cleaning import KERNELSPEC, WIDGET_MIME, clean
from utils.your_data import ParameterError


def at_home(monkeypatch, folder):
    """Let `folder` be the project's root."""
    for module in (running, run_notebooks):
        monkeypatch.setattr(module, "ROOT", folder)


def test_an_unknown_parameter_is_an_error_before_anything_runs(tmp_path):
    notebook = write_notebook(tmp_path / "in.ipynb", "raise SystemError('it ran')")
    with pytest.raises(ParameterError, match="no parameter 'm': there are n"):
        run_notebook(notebook, tmp_path / "out.ipynb", parameters={"m": 1}, cwd=tmp_path)
    assert not (tmp_path / "out.ipynb").exists()


def test_a_line_that_was_added_without_a_type_is_a_parameter_of_its_values_type(tmp_path):
    path = write_notebook(tmp_path / "in.ipynb", "")
    notebook = nbformat.read(path, as_version=4)
    [cell] = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    cell.source += "\nrows = {'labels': 8}"
    nbformat.write(notebook, path)
    assert running.parameters_of(path)["rows"][:2] == (dict, {"labels": 8})


def test_a_failing_cell_is_named_and_its_notebook_kept(tmp_path):
    notebook = write_notebook(tmp_path / "in.ipynb", "1 / 0")
    with pytest.raises(NotebookFailed, match=r"in\.ipynb, cell .*ZeroDivisionError: division by zero"):
        run_notebook(notebook, tmp_path / "out.ipynb", cwd=tmp_path)
    assert (tmp_path / "out.ipynb").exists()


def test_the_command_runs_in_order_and_ends_with_a_table(tmp_path, monkeypatch, capsys):
    (tmp_path / "notebooks").mkdir()
    write_notebook(tmp_path / "notebooks" / "02_b.ipynb", "record_results(base_x=1, tuned_x=n)")
    write_notebook(tmp_path / "notebooks" / "01_a.ipynb", "record_results(rows=20)")
    at_home(monkeypatch, tmp_path)
    assert run_notebooks.main(["-p", "n", "7"]) == 0
    printed = capsys.readouterr().out
    assert printed.index("01_a") < printed.index("02_b") < printed.index("rows") < printed.index("base  tuned")
    assert printed.splitlines()[-3].split() == ["x", "1", "7"]
    assert str(tmp_path / "outputs") in printed
    assert run_notebooks.main(["02", "-p", "seed", "7"]) == 1
    assert "there is no parameter 'seed'" in capsys.readouterr().err
    assert run_notebooks.main(["09"]) == 1
    assert "no notebook starts with '09'" in capsys.readouterr().err


def test_in_place_leaves_a_clean_notebook_and_a_second_run_changes_nothing(tmp_path, monkeypatch, capsys):
    (tmp_path / "notebooks").mkdir()
    path = write_notebook(tmp_path / "notebooks" / "01_a.ipynb", "record_results(n=n)")
    at_home(monkeypatch, tmp_path)
    assert run_notebooks.main(["--in-place"]) == 0
    first = path.read_bytes()
    assert b"papermill" not in first and b"execution_count" in first and str(tmp_path).encode() not in first
    assert read_results(path) == {"n": 3}
    assert run_notebooks.main(["--in-place"]) == 0
    assert path.read_bytes() == first


def test_clean_drops_machine_and_run_and_keeps_the_rest():
    kept = new_output("display_data", data={"text/plain": "kept"}, metadata={"image/png": {"alt": "a curve"}})
    widget = new_output("display_data", data={"text/plain": "HBox(…", WIDGET_MIME: {"model_id": "1"}})
    metadata = {"tags": ["setup", "papermill-error-cell-tag"], "execution": {"iopub.execute_input": "now"}}
    cells = [
        new_code_cell(
            "1", metadata=metadata | {"papermill": {"duration": 1}}, outputs=[widget, kept], execution_count=1
        ),
        new_code_cell("n = 4", metadata={"tags": ["injected-parameters"]}),
    ]
    language = {"name": "python", "version": "3.11.7"}
    notebook = clean(new_notebook(cells=cells, metadata={"widgets": {}, "language_info": language}))
    assert notebook.metadata == {"kernelspec": KERNELSPEC, "language_info": {"name": "python"}}
    assert [cell.source for cell in notebook.cells] == ["1"]
    assert notebook.cells[0].metadata == {"tags": ["setup"]}
    assert notebook.cells[0].execution_count == 1
    assert notebook.cells[0].outputs == [kept]
    nbformat.validate(notebook)


def test_braces_in_a_path_are_only_braces(tmp_path):
    folder = tmp_path / "{n} {0} {"
    folder.mkdir()
    notebook = write_notebook(folder / "in{n}.ipynb", "record_results(n=n)")
    found = run_notebook(notebook, folder / "out{n}.ipynb", parameters={"n": 7}, cwd=folder)
    assert found == {"n": 7} and {path.name for path in folder.iterdir()} == {"in{n}.ipynb", "out{n}.ipynb"}


def test_a_broken_kernel_of_the_users_is_not_asked(tmp_path, monkeypatch):
    broken = tmp_path / "jupyter" / "kernels" / "python3"
    broken.mkdir(parents=True)
    (broken / "kernel.json").write_text('{"argv": ["/nowhere/python", "{connection_file}"], "display_name": "x"}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    notebook = write_notebook(tmp_path / "in.ipynb", "import sys", "record_results(n=n)")
    assert run_notebook(notebook, tmp_path / "out.ipynb", cwd=tmp_path) == {"n": 3}


def test_the_name_of_the_error_that_stopped_a_notebook_is_known(tmp_path):
    notebook = write_notebook(tmp_path / "in.ipynb", "class Ended(Exception): pass", "raise Ended('it is over')")
    with pytest.raises(NotebookFailed) as failed:
        run_notebook(notebook, tmp_path / "out.ipynb", cwd=tmp_path)
    assert (failed.value.error, failed.value.reason) == ("Ended", "it is over")

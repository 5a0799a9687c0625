"""The adapter of the series is taken where it lies, and trained by notebook 03 where there is none."""

import sys

import pytest

from utils.series import trained_adapter

ROWS = {"labels": 8}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty project, and the runs of notebooks that were asked for in it."""
    module, runs = sys.modules["utils.series.adapter"], []
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "run_notebook", lambda path, output, **how: runs.append((path.name, output, how)))
    return tmp_path, runs


def test_an_adapter_that_is_there_is_not_trained_again(project):
    root, runs = project
    (root / "out" / "adapter").mkdir(parents=True)
    (root / "out" / "adapter" / "provenance.json").write_text("{}")
    assert trained_adapter("out", rows=ROWS) == root / "out" / "adapter" and not runs


def test_where_there_is_none_notebook_03_is_run_with_the_same_rows(project):
    root, runs = project
    assert trained_adapter("out", rows=ROWS) == root / "out" / "adapter"
    [(name, output, how)] = runs
    assert name.startswith("03") and output == root / "out" / name
    assert how["parameters"] == {"output_dir": "out", "rows": ROWS}


def test_a_folder_that_a_run_left_unfinished_is_not_an_adapter(project):
    root, runs = project
    (root / "out" / "adapter").mkdir(parents=True)
    trained_adapter("out", rows=ROWS)
    assert len(runs) == 1

"""Answers that a notebook shows are read back as they were, and a notebook that shows none has none."""

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook, new_output

from utils.series import find_notebooks, shown_answers
from utils.show import answers_table

SHOWN = st.text(st.sampled_from("a<b>&\"'✓\n|é"), min_size=1).filter(lambda text: not text.startswith("\n"))


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    return tmp_path_factory.mktemp("answers") / "04_any.ipynb"


def write(path, rows, *, task="labels"):
    outputs = [new_output("execute_result", {"text/html": answers_table(rows).html}, execution_count=1)] if rows else []
    cell = new_code_cell(f'def show(name): ...\n\nshow("{task}")', outputs=outputs)
    nbformat.write(new_notebook(cells=[new_code_cell("1 + 1"), cell]), path)
    return path


@given(st.lists(st.tuples(SHOWN, SHOWN), min_size=1, max_size=3))
def test_what_was_shown_is_read_back(notebook, answers):
    rows = [{"text": text, "wanted": "<b>", "fine-tuned": f"✗ {answer}"} for text, answer in answers]
    assert shown_answers(write(notebook, rows), "labels") == rows


def test_a_notebook_that_shows_no_answers_has_none(notebook):
    assert shown_answers(write(notebook, []), "labels") == []
    assert shown_answers(write(notebook, [{"text": "a"}], task="phrases"), "labels") == []


@pytest.mark.parametrize("task", ["labels", "phrases", "reverse"])
def test_the_committed_notebook_shows_the_answers_of_both_models(task):
    [inference] = find_notebooks(["04"])
    first = shown_answers(inference, task)[0]
    names = list(first)
    assert names[:2] == ["text", "wanted"] and names[2].startswith("base") and names[3] == "fine-tuned"
    assert all(first[name][:2] in ("✓ ", "✗ ") for name in names[2:])

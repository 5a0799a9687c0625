"""utils/evaluation.py: what it opens the door to, and the comparison table."""

import doctest

import pytest

import utils.evaluation
from utils.evaluation import comparison_table, form_scores


def test_the_example_at_the_top_holds():
    assert doctest.testmod(utils.evaluation).failed == 0


def test_the_front_door_leads_to_everything_that_it_names():
    assert all(hasattr(utils.evaluation, name) for name in utils.evaluation.__all__)


def test_the_comparison_table_holds_intervals_that_read_well():
    base = form_scores(["a", "b"], prompts=["p", "p"], stopped=[False, False])
    tuned = form_scores(["a", "b"], prompts=["p", "p"], stopped=[True, False])
    table = comparison_table(base, tuned)
    assert list(table.index) == ["stop rate", "echo rate"] and list(table.columns) == ["base", "tuned", "difference"]
    assert table.loc["stop rate", "tuned"].value == table.loc["stop rate", "difference"].value == 0.5
    assert "0.50 [0.00, 1.00]" in table.to_html()
    with pytest.raises(ValueError, match="stop_rate"):
        comparison_table(base, {"echo_rate": tuned["echo_rate"]})

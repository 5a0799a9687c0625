"""The plots of scores: all bars and dots have their values, zero is printed, and ink can be read on every colour."""

import matplotlib
import pandas as pd
import pytest

from utils.evaluation import Interval, comparison, score, score_table
from utils.prompts import ALPACA
from utils.records import Record
from utils.show import bar_with_intervals, dots_with_intervals, heat_map
from utils.show.canvas import COLOURS

matplotlib.use("Agg")


def test_bars_stand_together_and_a_bar_of_no_height_says_so():
    figure = bar_with_intervals(
        {
            "one\nf1": {"base": Interval(0.0, 0.0, 0.1), "tuned": Interval(0.5, 0.4, 0.6)},
            "two": {"dictionary": Interval(0.004, 0, 0.01)},
        },
        ylabel="score",
        title="Title",
    )
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["0", "0"] and axes.texts[0].xy == (-0.2, 0.1)
    assert [patch.get_x() + patch.get_width() / 2 for patch in axes.patches] == pytest.approx([-0.2, 0.2, 1])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["one\nf1", "two"]
    figure.draw_without_rendering()
    legend, plot = axes.get_legend().get_window_extent(), axes.get_window_extent()
    title = figure.get_suptitle() and figure.texts[0].get_window_extent()
    assert plot.y1 <= legend.y0 and legend.y1 <= title.y0 and legend.x0 >= 0


def test_a_score_table_is_drawn_as_it_is():
    asked = [Record("Which?", "x", "ab"[i % 2], "classification") for i in range(8)]
    scores = {comparison.CONSTANT: score(["a"] * 8, asked, ALPACA)}
    scores[comparison.TUNED] = score(["a", "b"] * 4, asked, ALPACA, stopped=[True] * 8)
    table = score_table(scores)
    axes = bar_with_intervals(table[["label accuracy", "stop rate"]].to_dict(), ylabel="score").axes[0]
    assert [patch.get_height() for patch in axes.patches] == pytest.approx([0.5, 1, 1])  # no bar without a score


def test_a_bar_outside_its_interval_is_drawn_all_the_same():
    axes = bar_with_intervals({"macro F1": {"base": Interval(0.2, 0.25, 0.4)}}, ylabel="score").axes[0]
    [line] = axes.collections[0].get_segments()
    assert line[:, 1].tolist() == pytest.approx([0.2, 0.4])


def test_dots_have_the_colour_of_who_answered_and_their_value_beside_them():
    rows = {"as in training": Interval(0.8, 0.7, 0.9), "constant answer": Interval(0.0, 0.0, 0.1)}
    figure = dots_with_intervals({"labels": rows, "phrases": {"as in training": Interval(0.5, 0.4, 0.6)}})
    first, second = figure.axes
    dots = [line for line in first.lines if line.get_marker() == "o"]
    assert [dot.get_markerfacecolor() for dot in dots] == [COLOURS["tuned"], COLOURS["constant"]]
    assert all(dot.get_markeredgecolor() != dot.get_markerfacecolor() for dot in dots)
    assert [text.get_text() for text in first.texts] == ["0.80 [0.70, 0.90]", "0.00 [0.00, 0.10]"]
    assert [label.get_text() for label in first.get_yticklabels()] == list(rows)
    figure.draw_without_rendering()
    edge = first.get_window_extent().x1
    assert all(text.get_window_extent().x0 > edge for text in first.texts) and len(second.texts) == 1


def test_a_heat_map_writes_each_difference_in_ink_that_can_be_read():
    table = pd.DataFrame({"Alpaca": [0.0, -0.8], "chat": [0.3, float("nan")]}, index=["Alpaca", "chat"])
    table = table.rename_axis(index="asked with", columns="trained with")
    axes = heat_map(table, settled=table.abs() > 0.1, title="Lost slots").axes[0]
    assert [text.get_text() for text in axes.texts] == ["(0)", "+30", "−80", "–"]
    assert [text.get_color() == "white" for text in axes.texts] == [False, False, True, False]
    assert axes.get_xlabel() == "trained with" and axes.get_ylabel() == "asked with"
    assert heat_map(table).axes[0].texts[0].get_text() == "0"

"""The plots: labelled, shown once, one colour per method, readable in print."""

import matplotlib
import pandas as pd
import pytest

from utils.evaluation import MAIN, Interval, comparison, score, score_table
from utils.prompts import ALPACA
from utils.records import Record
from utils.show import bar_with_intervals, heat_map, length_histogram, looks, loss_curves, reliability_diagram
from utils.show.plots import COLOURS, FURTHER, running_mean

matplotlib.use("Agg")


def test_plots_have_labels_and_are_shown_once():
    import matplotlib.pyplot as plt

    scores = {
        "labels": {"base": Interval(0.1, 0.0, 0.2), "tuned": Interval(0.9, 0.8, 0.95)},
        "phrases": {"tuned": Interval(0.5, 0.4, 0.6), "base": ""},
    }
    figures = [
        length_histogram([3, 5, 900], max_length=100),
        bar_with_intervals(scores, ylabel="share right"),
        loss_curves([(1, 2.0), (2, 1.5)], [(0, 2.5), (2, 1.0)]),
        loss_curves([], [(0, 2.5)]),
        reliability_diagram([0.9, 0.95, 0.3], [True, False, True]),
    ]
    assert not plt.get_fignums()
    for figure in figures:
        assert figure.axes[0].get_ylabel() and figure.axes[0].get_legend()
    assert "1 are longer" in figures[0].axes[0].get_legend().get_texts()[0].get_text()
    assert len(figures[1].axes[0].patches) == 3


def test_a_method_has_one_colour_in_every_plot_of_the_series():
    shades = {COLOURS[key] for key in ("base", "tuned", "TF-IDF", "constant")}
    assert len(shades | set(FURTHER)) == len(shades) + len(FURTHER)
    fits = [comparison.baseline_answers([Record("?", "ab", o, t) for o in "xy"], [], ALPACA) for t in MAIN]
    for names in (["base", "tuned"], [comparison.BASE, comparison.TUNED], *map(list, fits)):
        assert {look["color"] for look in looks(names).values()} <= shades
    assert looks(["fine-tuned"])["fine-tuned"] == looks(["x", "tuned"])["tuned"]
    one, other = looks([comparison.BASE, comparison.BASE_OWN_FORM]).values()
    assert one["color"] == other["color"] == COLOURS["base"] and one["hatch"] != other["hatch"]
    assert [look["color"] for look in looks(["mine", "yours"]).values()] == list(FURTHER[:2])


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
    assert [text.get_text() for text in axes.texts] == ["0.00", "0.00"] and axes.texts[0].xy == (-0.2, 0.1)
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


def test_the_loss_of_many_steps_has_its_running_mean():
    train = [(step, float(step % 2)) for step in range(40)]
    jumps, mean = loss_curves(train, []).axes[0].lines
    assert "running mean over 4 steps" in mean.get_label()
    assert set(mean.get_ydata()[3:]) == {0.5} and set(jumps.get_ydata()) == {0, 1}
    assert len(loss_curves(train[:12], []).axes[0].lines) == 1  # of so few, each step can be seen
    assert running_mean([1.0, 2.0], 1) == [1.0, 2.0]


def test_a_heat_map_writes_each_difference_in_ink_that_can_be_read():
    table = pd.DataFrame({"Alpaca": [0.0, -0.8], "chat": [0.3, -0.1]}, index=["Alpaca", "chat"])
    figure = heat_map(table.rename_axis(index="asked with", columns="trained with"), title="Lost slots")
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["+0.00", "+0.30", "-0.80", "-0.10"]
    assert [text.get_color() == "white" for text in axes.texts] == [False, False, True, False]
    assert axes.get_xlabel() == "trained with" and axes.get_ylabel() == "asked with"


def test_the_reliability_diagram_says_how_many_rows_a_dot_stands_for():
    axes = reliability_diagram([0.9, 0.95, 0.3], [True, False, True]).axes[0]
    assert [text.get_text() for text in axes.texts] == ["1", "2"]
    assert "0.517 apart" in axes.get_legend().get_texts()[1].get_text()

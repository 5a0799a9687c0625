"""The plots of lengths, losses, memory and probabilities: labelled, shown once, nothing hidden."""

import matplotlib
import pandas as pd
import pytest

from utils.evaluation import Interval
from utils.show import bar_with_intervals, length_histogram, loss_curves, memory_chart, reliability_diagram
from utils.show.plots import running_mean

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
        loss_curves([], [(0, 2.5)], mean="row"),
        reliability_diagram([0.9, 0.95, 0.3], [True, False, True]),
    ]
    assert not plt.get_fignums()
    for figure in figures:
        assert figure.axes[0].get_ylabel() and figure.axes[0].get_legend()
    assert "1 are longer" in figures[0].axes[0].get_legend().get_texts()[0].get_text()
    assert len(figures[1].axes[0].patches) == 3


def test_the_loss_of_many_steps_has_its_running_mean():
    train = [(step, float(step % 2)) for step in range(40)]
    jumps, mean = loss_curves(train, []).axes[0].lines
    assert "running mean over 4 steps" in mean.get_label()
    assert set(mean.get_ydata()[3:]) == {0.5} and set(jumps.get_ydata()) == {0, 1}
    assert len(loss_curves(train[:12], []).axes[0].lines) == 1  # of so few, each step can be seen
    assert running_mean([1.0, 2.0], 1) == [1.0, 2.0]


def test_the_reliability_diagram_says_how_many_rows_a_dot_stands_for():
    axes = reliability_diagram([0.9, 0.95, 0.3], [True, False, True]).axes[0]
    assert [text.get_text() for text in axes.texts] == ["1", "2"]
    assert "0.517 apart" in axes.get_legend().get_texts()[1].get_text()


def test_the_memory_chart_has_ticks_and_cards_that_people_read():
    table = pd.DataFrame({"qlora": [0.9, 6.5], "full": [3.0, 104.3]}, index=["small", "Llama 2 7B"])
    axes = memory_chart(table, cards={"T4": 15, "24 GB": 24, "80 GB": 80}).axes[0]
    axes.figure.draw_without_rendering()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "5", "15", "24", "80"]
    assert not [label for label in axes.get_xticklabels(minor=True) if label.get_text()]
    assert [line.get_xdata()[0] for line in axes.lines] == [15, 24, 80]
    ends = [bar.get_x() + bar.get_width() for bar in axes.patches]
    assert ends == pytest.approx([0.9, 6.5, 3.0, 104.3]) and axes.get_xlim()[1] > max(ends)
    assert {"0.9", "6.5", "3.0", "104", "T4", "24 GB", "80 GB"} == {text.get_text() for text in axes.texts}
    assert axes.yaxis_inverted()  # the first row stands at the top
    legend, cards = axes.get_legend().get_window_extent(), [t for t in axes.texts if t.get_text() == "24 GB"]
    assert legend.y0 >= cards[0].get_window_extent().y1

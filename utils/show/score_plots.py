"""The plots of scores and of differences between scores, each with what the test rows leave open."""

from collections.abc import Mapping
from textwrap import fill
from typing import TYPE_CHECKING

from utils.show.canvas import COLOURS, empty_axes, legend_above, looks
from utils.show.view import INK

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from utils.evaluation import Interval

EDGE, EMPTY = "#c9ced4", "#8a96a3"  # of cells, and of the dash in those without a number


def bar_with_intervals(scores: Mapping[str, Mapping[str, "Interval"]], *, ylabel: str, title: str = "") -> "Figure":
    """Grouped bars with error bars: `scores[group][series]`, as `{"labels": {"base model": Interval(...)}}`.

    `score_table(...).to_dict()` of `utils.evaluation` is of that form; its cells without an interval ("") have no bar.
    A series has the colour that its method has everywhere (`COLOURS`). A group shows the series that it has, in its own
    order, and a bar of no height says "0".
    """
    scores = {name: {method: _bar(cell) for method, cell in group.items() if cell} for name, group in scores.items()}
    figure, axes = empty_axes("", ylabel, title)
    most = max(map(len, scores.values()), default=1)
    width = 0.8 / most
    for name, look in looks(list(dict.fromkeys(name for group in scores.values() for name in group))).items():
        groups = [(at, list(group)) for at, group in enumerate(scores.values()) if name in group]
        places = [at + (order.index(name) - (len(order) - 1) / 2) * width for at, order in groups]
        value, low, high = zip(*(group[name] for group in scores.values() if name in group), strict=True)
        reach = [[v - a for v, a in zip(value, low, strict=True)], [b - v for v, b in zip(value, high, strict=True)]]
        frame = {"edgecolor": INK, "linewidth": 0.6, "error_kw": {"ecolor": INK}}
        axes.bar(places, value, width, yerr=reach, capsize=3, label=name, **look, **frame)
        for place, one, top in zip(places, value, high, strict=True):
            if round(one, 2) == 0:
                above = {"xytext": (0, 3), "textcoords": "offset points", "ha": "center", "va": "bottom"}
                axes.annotate("0", (place, max(one, top)), fontsize=8, **above)
    wide = max(12, 60 // max(len(scores), 1))  # characters under a group
    axes.set_xticks(range(len(scores)), ["\n".join(fill(line, wide) for line in name.split("\n")) for name in scores])
    if all(0 <= bound <= 1 for group in scores.values() for cell in group.values() for bound in cell):
        axes.set_ylim(0, 1.02)  # shares: the same scale in every plot
    legend_above(axes)
    return figure


def dots_with_intervals(panels: Mapping[str, Mapping[str, "Interval"]]) -> "Figure":
    """A dot with its interval for each row of each panel, and its value beside it: `panels[title][row]`.

    A row that is named like a method has that method's colour. All others are forms in which the fine-tuned model was
    asked, so they have its colour; a dotted line goes down from the first of them.
    """
    import matplotlib.pyplot as plt

    rows = [len(panel) for panel in panels.values()]
    size = {"figsize": (7.2, 0.55 * len(rows) + 0.25 * sum(rows)), "height_ratios": rows, "sharex": True}
    figure, every = plt.subplots(len(rows), 1, squeeze=False, layout="constrained", facecolor="white", **size)
    plt.close(figure)
    for axes, (title, panel) in zip(every[:, 0], panels.items(), strict=True):
        axes.axvline(next(iter(panel.values())).value, color=INK, linestyle=":", linewidth=1, zorder=0)
        for place, (name, score) in enumerate(panel.items()):
            value, low, high = _bar(score)
            colour = next((colour for part, colour in COLOURS.items() if part in name), COLOURS["tuned"])
            axes.plot([low, high], [place, place], color=INK, linewidth=1)
            axes.plot(value, place, "o", color=colour, markeredgecolor=INK, markeredgewidth=0.8, markersize=8)
            beside = {"xycoords": ("axes fraction", "data"), "va": "center", "fontsize": 8}
            axes.annotate(str(score), (1.02, place), **beside)
        axes.set_yticks(range(len(panel)), list(panel), fontsize=9)
        axes.set(ylim=(len(panel) - 0.4, -0.6), xlim=(-0.03, 1.03))
        axes.set_title(title, fontsize="medium", loc="left")
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def heat_map(table: "pd.DataFrame", *, settled: "pd.DataFrame | None" = None, title: str = "") -> "Figure":
    """Differences of scores in points, as colours around zero: blue is higher, red is lower, white is the same.

    Args:
        table: differences from -1 to 1; `index.name` and `columns.name` become the labels of the axes. A cell
            without a number gets a dash.
        settled: of the same shape; a difference for which it is False stands in brackets.
    """
    from matplotlib import colormaps

    rows, columns = table.shape
    figure, axes = empty_axes(table.columns.name or "", table.index.name or "", title)
    figure.set_size_inches(2.6 + 1.3 * columns, 1.3 + 0.42 * rows)
    values, colours = table.to_numpy(dtype=float), colormaps["RdBu"]
    axes.imshow(values, cmap=colours, vmin=-1, vmax=1, aspect="auto")
    for y, row in enumerate(values):
        for x, value in enumerate(row):
            if value != value:  # the NaN of a cell without a number
                axes.text(x, y, "–", ha="center", va="center", fontsize=12, color=EMPTY)
                continue
            words = f"{round(100 * value):+d}".replace("+0", "0").replace("-", "−")
            words = words if settled is None or settled.iloc[y, x] else f"({words})"
            red, green, blue, _ = colours((value + 1) / 2)
            ink = "white" if 0.3 * red + 0.59 * green + 0.11 * blue < 0.55 else INK
            axes.text(x, y, words, ha="center", va="center", fontsize=12, color=ink)
    axes.set_xticks(range(columns), [fill(str(name), 18) for name in table.columns])
    axes.set_yticks(range(rows), [fill(str(name), 30) for name in table.index])
    axes.set_xticks([x - 0.5 for x in range(1, columns)], minor=True)
    axes.set_yticks([y - 0.5 for y in range(1, rows)], minor=True)
    axes.grid(which="minor", color=EDGE, linewidth=0.8)  # white cells on a white sheet keep their edges
    axes.tick_params(which="both", length=0)
    axes.spines[["top", "right"]].set_visible(True)
    axes.spines[:].set_color(EDGE)
    return figure


def _bar(score: "Interval") -> tuple[float, float, float]:
    """Value, low and high. With very many labels the interval of macro F1 may lie beside the score."""
    value, low, high = score
    return value, min(low, value), max(high, value)

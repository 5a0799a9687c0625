"""The plots of the series; each is returned closed for pyplot, so that it is shown once, as the value of its cell.

A method has one colour everywhere. matplotlib is imported when the first plot is drawn.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle
from textwrap import fill
from typing import TYPE_CHECKING

from utils.show.view import INK

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from utils.evaluation import Interval

# A method has one colour in the whole series. The first entry whose key is a part of the method's name counts, so that
# every form of the base is grey; lightness and hatch tell them apart in print, and for colour-blind readers.
COLOURS = {
    "base": "#9aa5b1",
    "tuned": "#2f6db3",
    "TF-IDF": "#e08a2e",
    "dictionary": "#e08a2e",
    "phrases known": "#e08a2e",
    "similar": "#e08a2e",  # the answer to the most similar row, by TF-IDF
    "constant": "#e4e8ec",
}
FURTHER = ("#1f8a70", "#8e5ea2", "#b5525c", "#a08a1c")  # for what is no method of the series, in the order of a plot
HATCHES = {COLOURS["base"]: "//", COLOURS["TF-IDF"]: ".."}
SERIES = (COLOURS["base"], COLOURS["tuned"], COLOURS["TF-IDF"], FURTHER[0])


def looks(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Colour and hatch of each series of a plot, by its name; of two with one colour, the later one has a denser hatch.

    >>> looks(["base model", "fine-tuned"])["fine-tuned"]
    {'color': '#2f6db3', 'hatch': ''}
    """
    found: dict[str, dict[str, str]] = {}
    further = cycle(FURTHER)
    for name in names:
        color = next((colour for part, colour in COLOURS.items() if part in name), None) or next(further)
        same = sum(look["color"] == color for look in found.values())
        found[name] = {"color": color, "hatch": HATCHES.get(color, "") + "\\\\" * same}
    return found


def length_histogram(lengths: Sequence[int], *, max_length: int) -> "Figure":
    """How many records have how many tokens, with a line at `max_length`."""
    figure, axes = _axes("tokens in a record (BOS and EOS included)", "records")
    over = sum(length > max_length for length in lengths)
    axes.hist(lengths, bins=40, color=FURTHER[0], edgecolor=INK, linewidth=0.4)
    axes.axvline(max_length, color=FURTHER[2], linestyle="--", label=f"max_length = {max_length}: {over} are longer")
    _legend_above(axes)
    return figure


def bar_with_intervals(scores: Mapping[str, Mapping[str, "Interval"]], *, ylabel: str, title: str = "") -> "Figure":
    """Grouped bars with error bars: `scores[group][series]`, as `{"labels": {"base model": Interval(...)}}`.

    `score_table(...).to_dict()` of `utils.evaluation` is of that form; its cells without an interval ("") have no bar.
    A series has the colour that its method has everywhere (`COLOURS`). A group shows the series that it has, in its own
    order, and a bar of no height says "0.00".
    """
    scores = {name: {method: _bar(cell) for method, cell in group.items() if cell} for name, group in scores.items()}
    figure, axes = _axes("", ylabel, title)
    most = max(map(len, scores.values()), default=1)
    width, turned = 0.8 / most, 90 if most * len(scores) > 18 else 0
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
                axes.annotate("0.00", (place, max(one, top)), fontsize=7, rotation=turned, **above)
    wide = max(12, 60 // max(len(scores), 1))  # characters under a group
    axes.set_xticks(range(len(scores)), ["\n".join(fill(line, wide) for line in name.split("\n")) for name in scores])
    if all(0 <= bound <= 1 for group in scores.values() for cell in group.values() for bound in cell):
        axes.set_ylim(0, 1.02)  # shares: the same scale in every plot
    _legend_above(axes)
    return figure


def loss_curves(train: Sequence[tuple[float, float]], heldout: Sequence[tuple[float, float]]) -> "Figure":
    """Training and held-out loss over the steps; both are lists of (step, loss in nats per trained token).

    The loss of a step is that of its few rows, so it jumps; the line through it is the mean of a tenth of all steps.
    """
    figure, axes = _axes("training step", "loss (nats per trained token)")
    if train:
        steps, losses = zip(*train, strict=True)
        window = max(1, len(train) // 10)
        axes.plot(steps, losses, color=FURTHER[0], linewidth=0.8, alpha=0.45, label="training rows, each step")
        if window > 1:
            label = f"their running mean over {window} steps"
            axes.plot(steps, running_mean(losses, window), color=FURTHER[0], linewidth=2, label=label)
    if heldout:
        axes.plot(*zip(*heldout, strict=True), color=COLOURS["tuned"], marker="o", linewidth=1.8, label="held-out rows")
    axes.set_ylim(bottom=0)
    _legend_above(axes)
    return figure


def running_mean(values: Sequence[float], window: int) -> list[float]:
    """Each value with those before it, `window` in all; at the start, as many as there are.

    >>> running_mean([4, 2, 3, 1], 2)
    [4.0, 3.0, 2.5, 2.0]
    """
    parts = [values[max(0, end - window) : end] for end in range(1, len(values) + 1)]
    return [sum(part) / len(part) for part in parts]


def heat_map(table: "pd.DataFrame", *, title: str = "", most: float = 1.0) -> "Figure":
    """A table of differences as colours that stay apart in print: blue above 0, red below, white at 0, each with sign.

    Args:
        table: rows and columns with names; `index.name` and `columns.name` become the labels of the axes.
        most: the difference, in either direction, that has the full colour.
    """
    rows, columns = table.shape
    figure, axes = _axes(table.columns.name or "", table.index.name or "", title)
    figure.set_size_inches(2.2 + 1.5 * columns, 1.3 + 0.6 * rows)
    axes.imshow(table.to_numpy(dtype=float), cmap="RdBu", vmin=-most, vmax=most, aspect="auto")
    for y, row in enumerate(table.to_numpy(dtype=float)):
        for x, value in enumerate(row):
            ink = "white" if abs(value) > 0.6 * most else INK
            axes.text(x, y, f"{value:+.2f}", ha="center", va="center", fontsize=12, color=ink)
    axes.set_xticks(range(columns), [fill(str(name), 18) for name in table.columns])
    axes.set_yticks(range(rows), [fill(str(name), 24) for name in table.index])
    axes.tick_params(length=0)
    return figure


def reliability_diagram(probabilities: Sequence[float], right: Sequence[bool]) -> "Figure":
    """How often a label was right (y) by how sure the model was of it (x); on the diagonal it was as often as that.

    A dot stands for a bin of `utils.evaluation.reliability`: it is as large as the bin has rows, and says how many.

    Args:
        probabilities: of the label that each row was given, 0 to 1.
        right: whether it was the right one.
    """
    from utils.evaluation import expected_calibration_error, reliability

    table, error = reliability(probabilities, right), expected_calibration_error(probabilities, right)
    figure, axes = _axes("probability of the chosen label (mean of its bin)", "share of right labels")
    axes.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1, label="as right as it is sure")
    sizes = 30 + 270 * table["rows"] / table["rows"].sum()
    label = f"the model; {error:.3f} apart on average"
    look = {"color": COLOURS["tuned"], "edgecolor": INK, "linewidth": 0.6, "zorder": 3}
    axes.scatter(table["probability"], table["accuracy"], s=sizes, label=label, **look)
    for sure, right, rows in zip(table["probability"], table["accuracy"], table["rows"], strict=True):
        beside = {"xytext": (-11, 0), "textcoords": "offset points", "ha": "right", "va": "center"}
        axes.annotate(f"{rows}", (sure, right), fontsize=8, **beside)
    axes.set(xlim=(-0.05, 1.05), ylim=(-0.05, 1.05))
    _legend_above(axes)
    return figure


def _bar(score: "Interval") -> tuple[float, float, float]:
    """Value, low and high. With very many labels the interval of macro F1 may lie beside the score."""
    value, low, high = score
    return value, min(low, value), max(high, value)


def _legend_above(axes: "Axes") -> None:
    """A legend between the plot and its title, where it hides nothing."""
    names = axes.get_legend_handles_labels()[1]
    columns = max(1, min(len(names), 80 // (max(map(len, names), default=0) + 8)))
    axes.figure.set_figheight(3 + 0.2 * -(-len(names) // columns))
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), borderaxespad=0.2, ncols=columns)


def _axes(xlabel: str, ylabel: str, title: str = "") -> tuple["Figure", "Axes"]:
    """An empty figure on white, closed for pyplot, so that it is shown once: as the value of its cell."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained", facecolor="white")
    plt.close(figure)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    if title:
        figure.suptitle(title, fontsize="medium")
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes

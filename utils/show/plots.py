"""The plots of lengths, losses, memory and probabilities; scores are drawn by `score_plots`.

Each is returned closed for pyplot, so that it is shown once, as the value of its cell. matplotlib is imported when the
first plot is drawn.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from utils.show.canvas import COLOURS, FURTHER, empty_axes, legend_above, looks
from utils.show.view import INK

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def length_histogram(lengths: Sequence[int], *, max_length: int) -> "Figure":
    """How many records have how many tokens, with a line at `max_length`."""
    figure, axes = empty_axes("tokens in a record (BOS and EOS included)", "records")
    over = sum(length > max_length for length in lengths)
    axes.hist(lengths, bins=40, color=FURTHER[0], edgecolor=INK, linewidth=0.4)
    axes.axvline(max_length, color=FURTHER[2], linestyle="--", label=f"max_length = {max_length}: {over} are longer")
    legend_above(axes)
    return figure


def loss_curves(
    train: Sequence[tuple[float, float]], heldout: Sequence[tuple[float, float]], *, mean: str = "token"
) -> "Figure":
    """Training and held-out loss over the steps; both are lists of (step, loss in nats).

    The loss of a step is that of its few rows, so it jumps; the line through it is the mean of a tenth of all steps.

    Args:
        mean: what the losses are averaged over, every trained "token" alike or every "row".
    """
    unit = {"token": "nats per trained token", "row": "nats, a mean over rows"}[mean]
    figure, axes = empty_axes("training step", f"loss ({unit})")
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
    legend_above(axes)
    return figure


def running_mean(values: Sequence[float], window: int) -> list[float]:
    """Each value with those before it, `window` in all; at the start, as many as there are.

    >>> running_mean([4, 2, 3, 1], 2)
    [4.0, 3.0, 2.5, 2.0]
    """
    parts = [values[max(0, end - window) : end] for end in range(1, len(values) + 1)]
    return [sum(part) / len(part) for part in parts]


def memory_chart(table: "pd.DataFrame", *, cards: Mapping[str, float]) -> "Figure":
    """The memory that each model needs with each method, on a logarithmic axis, beside what cards have.

    Args:
        table: GiB, a row per model and a column per method; the first row stands at the top.
        cards: GiB by the name of a card. Each is a line: a bar that crosses it does not fit.
    """
    figure, axes = empty_axes("memory at the peak of a training step (GiB, logarithmic)", "")
    (models, methods), least = table.shape, min(1.0, table.to_numpy().min()) / 2
    width = 0.8 / methods
    for at, (method, look) in enumerate(looks(list(table.columns)).items()):
        places = [row + (at - (methods - 1) / 2) * width for row in range(models)]
        sizes = table[method].to_numpy(dtype=float)
        bars = axes.barh(places, sizes - least, width, left=least, label=method, edgecolor=INK, linewidth=0.6, **look)
        words = [f"{size:.1f}" if size < 100 else f"{size:.0f}" for size in sizes]
        for word in axes.bar_label(bars, words, padding=3, fontsize=8):
            word.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5})  # the line of a card may pass here
    for card, size in cards.items():
        axes.axvline(size, color=INK, linestyle="--", linewidth=1, zorder=0)
        above = {"xytext": (0, 2), "textcoords": "offset points", "ha": "center", "va": "bottom"}
        axes.annotate(card, (size, 1), xycoords=("data", "axes fraction"), fontsize=8, **above)
    ticks = sorted({1, 2, 5, *cards.values()})
    axes.set(xscale="log", xlim=(least, 2 * max(ticks[-1], table.to_numpy().max())), ylim=(models - 0.4, -0.6))
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_yticks(range(models), list(table.index))
    legend_above(axes, gap=1.4)
    figure.set_figheight(1.4 + 0.2 * models * methods)
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
    figure, axes = empty_axes("probability of the chosen label (mean of its bin)", "share of right labels")
    axes.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1, label="as right as it is sure")
    sizes = 30 + 270 * table["rows"] / table["rows"].sum()
    label = f"the model; {error:.3f} apart on average"
    look = {"color": COLOURS["tuned"], "edgecolor": INK, "linewidth": 0.6, "zorder": 3}
    axes.scatter(table["probability"], table["accuracy"], s=sizes, label=label, **look)
    for sure, right, rows in zip(table["probability"], table["accuracy"], table["rows"], strict=True):
        beside = {"xytext": (-11, 0), "textcoords": "offset points", "ha": "right", "va": "center"}
        axes.annotate(f"{rows}", (sure, right), fontsize=8, **beside)
    axes.set(xlim=(-0.05, 1.05), ylim=(-0.05, 1.05))
    legend_above(axes)
    return figure

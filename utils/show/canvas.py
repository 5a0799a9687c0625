"""What all plots share: one colour per method, a white sheet in light and dark pages, a legend that hides nothing.

matplotlib is imported when the first plot is drawn.
"""

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# A method has one colour in the whole series. The first entry whose key is a part of the method's name counts, so that
# every form of the base is grey. All of them are drawn with an edge in ink, without which light grey is lost on white;
# lightness and hatch tell them apart in print, and for colour-blind readers.
COLOURS = {
    "base": "#8a96a3",
    "tuned": "#2f6db3",
    "TF-IDF": "#e08a2e",
    "dictionary": "#e08a2e",
    "phrases known": "#e08a2e",
    "similar": "#e08a2e",  # the answer to the most similar row, by TF-IDF
    "constant": "#d3d9df",
}
FURTHER = ("#1f8a70", "#8e5ea2", "#b5525c", "#a08a1c")  # for what is not a method of the series, in order
HATCHES = {COLOURS["base"]: "//", COLOURS["TF-IDF"]: ".."}


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


def empty_axes(xlabel: str, ylabel: str, title: str = "") -> tuple["Figure", "Axes"]:
    """An empty figure on white, closed for pyplot, so that it is shown once: as the value of its cell."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained", facecolor="white")
    plt.close(figure)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    if title:
        figure.suptitle(title, fontsize="medium")
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def legend_above(axes: "Axes", *, gap: float = 0.2) -> None:
    """A legend between the plot and its title, where it hides nothing; a `gap` of so many lines is left below it."""
    names = axes.get_legend_handles_labels()[1]
    columns = max(1, min(len(names), 80 // (max(map(len, names), default=0) + 8)))
    axes.figure.set_figheight(3 + 0.2 * -(-len(names) // columns))
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), borderaxespad=gap, ncols=columns)

"""What a reader looks at: prompts side by side, the loss mask token by token, and the plots.

Every view is HTML with a plain-text form beside it (terminals, screen readers, printed logs). GitHub strips all styles
from HTML, so nothing is said by colour alone: trained tokens are also underlined, marked fields also carry their name.
Everything that comes from data is escaped. What this module does not do: print, or keep state; matplotlib is imported
when the first plot is drawn.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from html import escape
from itertools import cycle, groupby
from textwrap import fill
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from transformers import PreTrainedTokenizerBase as Tokenizer

IGNORED = -100
# Text and ground are set together, so that a dark theme cannot put light text on a light ground. The trained tokens are
# the darker ones in print, and green and red of such different lightness stay apart for colour-blind readers.
TRAINED = "background:#17693a;color:#fff;border:1px solid #0b3d20;padding:0 1px;text-decoration:underline"
MASKED = "background:#fbe3df;color:#4a1a12;border:1px dotted #b0563f;padding:0 1px;text-decoration:none"
BORDER = '<span style="font-size:0"> | </span>'  # without styles the boxes are gone, and this is seen instead
MARKS = ("#ffd54f", "#81d4fa", "#ce93d8", "#a5d6a7")
# JupyterLab's own style makes raised words as large as the others and moves the lines apart.
RAISED = "line-height:0;vertical-align:baseline;position:relative;top:-.35em;font-size:.75em"
INK = "#222"
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


class View:
    """HTML with its plain-text form: the richest one that the reader's front end can show is shown."""

    def __init__(self, html: str, text: str) -> None:
        self.html, self.text = html, text

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def visible(text: str, *, spaces: bool = True) -> str:
    """Make white space and invisible characters seen: `·` space, `↵` newline, `→` tab, `‹U+200B›` for any other.

    With `spaces=False` a single space between two words stays as it is; one at the end of a line, or doubled, is shown.
    """
    text = "".join(char if char in " \n\t" or _is_seen(char) else f"‹U+{ord(char):04X}›" for char in text)
    text = text.replace(" ", "·") if spaces else re.sub(r"(?m)  +|^ | $", lambda run: "·" * len(run[0]), text)
    return text.replace("\t", "→\t").replace("\n", "↵\n")


def _is_seen(char: str) -> bool:
    return unicodedata.category(char)[0] not in "CZ"


def side_by_side(texts: Mapping[str, str], *, marks: Mapping[str, str] | None = None) -> View:
    """Texts in columns under their titles; each value of `marks` has one colour and its name wherever it occurs.

    >>> print(side_by_side({"prompt": "Say: hi", "completion": "hi"}, marks={"output": "hi"}))
    prompt
      Say:·[output: hi]
    completion
      [output: hi]
    """
    named = {value: name for name, value in (marks or {}).items() if value}
    pattern = "|".join(re.escape(value) for value in sorted(named, key=len, reverse=True)) or "(?!)"
    colours = dict(zip(named, MARKS * len(named), strict=False))
    heads, cells, plain = "", "", []
    for title, text in texts.items():
        html, flat, end = "", "", 0
        for match in [*re.finditer(pattern, text), None]:
            between = visible(text[end : match.start() if match else None], spaces=False)
            html, flat = html + escape(between), flat + between
            if match:
                value, name, end = visible(match[0], spaces=False), named[match[0]], match.end()
                style = f"background:{colours[match[0]]};color:{INK}"
                html += f'<mark style="{style}">{escape(value)}<sup style="{RAISED}">{escape(name)}</sup></mark>'
                flat += f"[{name}: {value}]"
        heads += f'<th style="text-align:left">{escape(title)}</th>'
        cells += '<td style="vertical-align:top;text-align:left">'
        cells += f'<pre style="white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere">{html}</pre></td>'
        plain.append(f"{title}\n  " + flat.replace("\n", "\n  "))
    table = f'<table style="table-layout:fixed;width:100%"><tr>{heads}</tr><tr>{cells}</tr></table>'
    return View(table, "\n".join(plain))


def loss_mask(row: Mapping[str, Sequence[int]], tokenizer: "Tokenizer", *, ids: bool = False) -> View:
    """The tokens of one encoded row: those that are trained on (label = id) against the masked ones (label = -100).

    Args:
        row: `input_ids` and `labels` of equal length, as `utils.tokens.encode` or a data collator makes them.
        ids: write each token's id beside it (hovering shows it anyway).

    Raises:
        ValueError: the two lists differ in length, or a label is neither -100 nor the id of its token.
    """
    input_ids, labels = [int(i) for i in row["input_ids"]], [int(i) for i in row["labels"]]
    wrong = [i for i, (one, label) in enumerate(zip(input_ids, labels, strict=False)) if label not in (IGNORED, one)]
    if len(input_ids) != len(labels) or wrong:
        raise ValueError(f"{len(input_ids)} ids, {len(labels)} labels, wrong at {wrong[:5]}: a label is its id or -100")
    chips, plain = [], []
    pieces = zip(token_texts(input_ids, tokenizer), input_ids, labels, strict=True)
    for masked, group in groupby(pieces, key=lambda piece: piece[2] == IGNORED):
        shown = []
        for text, index, _ in group:
            tag, style = ("span", MASKED) if masked else ("ins", TRAINED)
            number = f"<sub>{index}</sub>" if ids else ""
            lines = visible(text).count("\n")
            label = escape(visible(text).replace("\n", "")) + number
            chips.append(f'<{tag} style="{style}" title="id {index}">{label}</{tag}>' + BORDER + "<br>" * lines)
            shown.append(visible(text).replace("\n", "") + (f"({index})" if ids else ""))
        plain.append(("masked : " if masked else "TRAINED: ") + " | ".join(shown))
    legend = f'<span style="{MASKED}">masked: read, not learned</span> <ins style="{TRAINED}">trained: has a loss</ins>'
    body = f'<code style="background:none;white-space:normal;line-height:1.8">{"".join(chips)}</code>'
    return View(f"<div><p>{legend}</p><p>{body}</p></div>", "\n".join(plain))


def token_texts(ids: Sequence[int], tokenizer: "Tokenizer") -> list[str]:
    """The text that each token adds; a token with only part of a character appears as the vocabulary has it, in ‹ ›.

    Tokens are decoded in context: alone, SentencePiece's lose their leading space.
    """
    texts, start, shown = [], 0, ""
    for end, index in enumerate(ids, start=1):
        decoded = tokenizer.decode(ids[start:end], skip_special_tokens=False, clean_up_tokenization_spaces=False)
        whole = decoded.startswith(shown) and not decoded.endswith("\ufffd")
        texts.append(decoded[len(shown) :] if whole else f"‹{tokenizer.convert_ids_to_tokens(index)}›")
        if whole:  # the next token is decoded behind this one alone: that is context enough, and keeps the time linear
            start = end - 1
            shown = tokenizer.decode([index], skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return texts


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


def bar_with_intervals(
    scores: Mapping[str, Mapping[str, tuple[float, float, float]]], *, ylabel: str, title: str = ""
) -> "Figure":
    """Grouped bars with error bars: `scores[group][series] = (value, low, high)`, as `{"labels": {"base": ...}}`.

    A series has the colour that its method has everywhere (`COLOURS`). A group shows the series that it has, in its own
    order, and a bar of no height says "0.00".
    """
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
    """Training and held-out loss over the steps; both are lists of (step, loss in nats per trained token)."""
    figure, axes = _axes("training step", "loss (nats per trained token)")
    if train:
        axes.plot(*zip(*train, strict=True), color=FURTHER[0], linewidth=1.2, label="training rows")
    if heldout:
        axes.plot(*zip(*heldout, strict=True), color=COLOURS["tuned"], marker="o", linewidth=1.8, label="held-out rows")
    axes.set_ylim(bottom=0)
    _legend_above(axes)
    return figure


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

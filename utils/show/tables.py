"""Tables to read: whole texts in columns, left-aligned and wrapped, with a plain-text form for terminals."""

from collections.abc import Mapping, Sequence
from html import escape
from textwrap import indent

from utils.show.view import View
from utils.text import visible

# A bar beside an answer repeats what its ✓ or ✗ says; where styles are stripped, the sign is left.
BARS = {"✓": "border-left:5px solid #17693a", "✗": "border-left:5px solid #c2521b"}
CELL = "text-align:left;vertical-align:top;white-space:pre-wrap"
# Where a browser may break a word anywhere, it makes columns of one syllable; so it may only where a word is this long.
LONG_WORD = 30


def answers_table(rows: Sequence[Mapping[str, str]]) -> View:
    """Rows of texts under their headings, as `utils.evaluation.answer_rows` and `some_answers` make them.

    Nothing is cut: a long text wraps, and what nobody could see in it is written out. A cell that begins with ✓ or ✗ is
    an answer, and is marked by colour, too.

    >>> print(answers_table([{"text": "Dirty room", "wanted": "Complaint", "fine-tuned": "✓ Complaint"}]))
    Dirty room
        wanted: Complaint
      ✓ fine-tuned: Complaint
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    page = _page(names, [[row.get(name, "") for name in names] for row in rows])
    return View(page, "\n\n".join(map(_plain, rows)))


def aligned_table(rows: Sequence[Mapping[str, object]]) -> View:
    """Rows of short values under their headings, such as scores with their intervals.

    The plain-text form has columns of one width and is never broken into pieces, as a wide table of pandas is. Where a
    row has no value, or None, its cell is empty.

    >>> print(aligned_table([{"method": "TF-IDF", "score": 0.82}, {"method": "fine-tuned", "score": 0.8}]))
    method      score
    TF-IDF      0.82
    fine-tuned  0.8
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [["" if row.get(name) is None else _on_one_line(row[name]) for name in names] for row in rows]
    lines = [[_on_one_line(name) for name in names], *cells]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    plain = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return View(_page(names, cells), "\n".join(plain))


def _page(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th align="left" style="{CELL}">{escape(name)}</th>' for name in names)
    body = "".join(f"<tr>{''.join(map(_html, row))}</tr>" for row in rows)
    return f'<table style="width:100%"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _html(text: str) -> str:
    bar = next((style for sign, style in BARS.items() if text.startswith(sign)), "")
    lines = escape(_readable(text)).replace("\n", "<br>")
    wrap = "overflow-wrap:anywhere;" if max(map(len, text.split()), default=0) > LONG_WORD else ""
    return f'<td align="left" style="{CELL};{wrap}{bar}">{lines}</td>'


def _plain(row: Mapping[str, str]) -> str:
    """The first text as it is, the others below it, each after its heading; a sign stands before the heading."""
    (_, first), *others = row.items()
    lines = [_readable(first)]
    for name, text in others:
        sign, space, rest = text.partition(" ")
        start, said = (f"  {sign} ", rest) if sign in BARS and space else ("    ", text)
        lines.append(start + name + ": " + indent(_readable(said), " " * 6).strip(" "))
    return "\n".join(lines)


def _on_one_line(value: object) -> str:
    return visible(str(value), spaces=False).replace("\n", " ")


def _readable(text: str) -> str:
    """Line ends stay line ends; control and invisible characters are written out."""
    return "\n".join(visible(line, spaces=False) for line in text.split("\n"))

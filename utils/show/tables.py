"""Tables to read: whole texts in columns, left-aligned and wrapped, with a plain-text form for terminals."""

from collections.abc import Mapping, Sequence
from html import escape
from textwrap import indent

from utils.show.view import View
from utils.text import visible

# A bar beside an answer repeats what its ✓ or ✗ says; where styles are stripped, the sign is left.
BARS = {"✓": "border-left:5px solid #17693a", "✗": "border-left:5px solid #c2521b"}
CELL = "text-align:left;vertical-align:top;white-space:pre-wrap;overflow-wrap:anywhere"


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
    head = "".join(f'<th align="left" style="{CELL}">{escape(name)}</th>' for name in names)
    body = "".join(f"<tr>{''.join(_html(row.get(name, '')) for name in names)}</tr>" for row in rows)
    table = f'<table style="width:100%"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return View(table, "\n\n".join(map(_plain, rows)))


def _html(text: str) -> str:
    bar = next((style for sign, style in BARS.items() if text.startswith(sign)), "")
    lines = escape(_readable(text)).replace("\n", "<br>")
    return f'<td align="left" style="{CELL};{bar}">{lines}</td>'


def _plain(row: Mapping[str, str]) -> str:
    """The first text as it is, the others below it, each after its heading; a sign stands before the heading."""
    (_, first), *others = row.items()
    lines = [_readable(first)]
    for name, text in others:
        sign, space, rest = text.partition(" ")
        start, said = (f"  {sign} ", rest) if sign in BARS and space else ("    ", text)
        lines.append(start + name + ": " + indent(_readable(said), " " * 6).strip(" "))
    return "\n".join(lines)


def _readable(text: str) -> str:
    """Line ends stay line ends; control and invisible characters are written out."""
    return "\n".join(visible(line, spaces=False) for line in text.split("\n"))

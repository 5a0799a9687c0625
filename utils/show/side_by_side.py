"""Texts in columns, with the values that stand in them marked by colour and by name."""

import re
from collections.abc import Mapping
from html import escape

from utils.show.view import INK, RAISED, View
from utils.text import visible

# In <samp>: where styles are stripped, <pre> would not wrap, and GitHub lets <code> have no line ends.
TEXT = "font-family:monospace;white-space:pre-wrap;overflow-wrap:anywhere"
MARKS = ("#ffd54f", "#81d4fa", "#ce93d8", "#a5d6a7")


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
        heads += f'<th align="left" style="text-align:left">{escape(title)}</th>'
        cells += '<td align="left" valign="top" style="vertical-align:top;text-align:left">'
        cells += f'<samp style="{TEXT}">{html.replace(chr(10), "<br>")}</samp></td>'
        plain.append(f"{title}\n  " + flat.replace("\n", "\n  "))
    table = f'<table style="table-layout:fixed;width:100%"><tr>{heads}</tr><tr>{cells}</tr></table>'
    return View(table, "\n".join(plain))

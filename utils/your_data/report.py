"""A report as one HTML file: no scripts, no links to other files, pictures inside. Everything from data is escaped.

    >>> report = Report("SMS spam", "What came of it.")
    >>> report.add("Data", "5 rows in, <5> records.")
    >>> "&lt;5&gt;" in report.html()
    True

What this module does not do: compute anything, or write half a file (`save` writes it whole).
"""

import base64
import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from utils.show import View
from utils.text import visible, written_out

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: #1c2430; background: #eef1f4;
  margin: 0; }
main { max-width: 60rem; margin: 2rem auto; padding: 2rem 3rem 3rem; background: #fff; border-radius: 10px;
  box-shadow: 0 1px 4px rgba(20, 30, 50, .15); }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .6rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 .6rem; padding-top: 1.2rem; border-top: 1px solid #dde2e8; }
.lead { font-size: 1.1rem; background: #eef1f4; border-left: 5px solid #5c6b7a; padding: .8rem 1.1rem; margin: 1rem 0;
  white-space: pre-line; }
.lead.ahead { background: #e9f4ee; border-color: #17693a; }
.lead.behind { background: #fbeee6; border-color: #c2521b; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .8rem 0; width: 100%; font-size: .92rem; }
caption { text-align: left; font-weight: 600; padding-bottom: .3rem; }
th, td { padding: .4rem .7rem; text-align: left; vertical-align: top; border-bottom: 1px solid #e3e7ec; }
td { overflow-wrap: anywhere; white-space: pre-wrap; min-width: 8rem; }
td:first-child { min-width: 3rem; overflow-wrap: break-word; }
thead th { white-space: nowrap; background: #f5f7f9; border-bottom: 2px solid #c6ced8; }
tbody tr.right td:first-child { box-shadow: inset 5px 0 #17693a; }
tbody tr.wrong td:first-child { box-shadow: inset 5px 0 #c2521b; }
pre { background: #f5f7f9; border-radius: 6px; padding: .8rem 1rem; overflow-x: auto; white-space: pre-wrap;
  overflow-wrap: anywhere; font-size: .88rem; line-height: 1.45; }
img { max-width: 100%; height: auto; display: block; margin: 1rem 0; }
@media print { body { background: #fff; } main { box-shadow: none; margin: 0; padding: 0; } }
@media (max-width: 40rem) { main { padding: 1rem; margin: 0; } }
"""


@dataclass(frozen=True)
class Picture:
    """A figure with the text for those who do not see it."""

    figure: "Figure"
    alt: str


@dataclass(frozen=True)
class Code:
    """Text in fixed width, such as a prompt or a command."""

    text: str


@dataclass(frozen=True)
class Rows:
    """A table: rows of values by column name. `mark` names the rows' class, "right" or "wrong"."""

    rows: list[Mapping[str, Any]]
    caption: str = ""
    mark: Callable[[Mapping[str, Any]], str] | None = None


class Report:
    """Collects sections in order and writes them at the end. `lead` says what came of it, a sentence a line.

    Its box is green where that is good (`outcome` is "ahead"), red where it is not ("behind"), else grey.
    """

    def __init__(
        self, title: str, lead: str = "", *, outcome: Literal["ahead", "behind", "undecided"] = "undecided"
    ) -> None:
        self.title, self.lead, self.outcome = title, lead, outcome
        self._sections: list[str] = []

    def add(self, heading: str, *parts: "str | Picture | Code | Rows | View | pd.DataFrame") -> None:
        """Add a section; a string is a paragraph."""
        self._sections.append(f"<section><h2>{_text(heading)}</h2>{''.join(map(_html, parts))}</section>")

    def html(self) -> str:
        """The whole document."""
        lead = f'<p class="lead {escape(self.outcome)}">{_text(self.lead)}</p>' if self.lead else ""
        return (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{_text(self.title)}</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<style>{STYLE}</style></head>\n<body><main><h1>{_text(self.title)}</h1>{lead}"
            + "\n".join(self._sections)
            + "</main></body></html>\n"
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the document under another name and rename it, so that it is there whole or not at all."""
        path = Path(path)
        partial = path.with_name(path.name + ".partial")
        # A lone surrogate in an answer must not cost the report.
        partial.write_text(self.html(), encoding="utf-8", errors="backslashreplace")
        os.replace(partial, path)
        return path


def _html(part: Any) -> str:
    if isinstance(part, str):
        return f"<p>{_text(part)}</p>"
    if isinstance(part, View):
        return part.html
    if isinstance(part, Code):
        return f"<pre>{_text(part.text)}</pre>"
    if isinstance(part, Picture):
        return f'<img src="{_data_url(part.figure)}" alt="{_text(part.alt)}">'
    if not isinstance(part, Rows):  # a DataFrame: its index comes first, unless it only counts
        counted_off = type(part.index).__name__ == "RangeIndex"
        part = Rows((part if counted_off else part.reset_index()).to_dict("records"))
    heads = list(dict.fromkeys(name for row in part.rows for name in row))
    head = "".join(f'<th scope="col">{_cell(name)}</th>' for name in heads)
    body = ""
    for row in part.rows:
        mark = f' class="{escape(part.mark(row))}"' if part.mark else ""
        body += f"<tr{mark}>" + "".join(f"<td>{_cell(row.get(name, ''))}</td>" for name in heads) + "</tr>"
    caption = f"<caption>{_text(part.caption)}</caption>" if part.caption else ""
    return f'<div class="wide"><table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _text(text: str) -> str:
    # NUL ends a document for some readers, and a bidirectional control turns the rest of a line round.
    return escape(written_out(text, but=" \n\t"))


def _cell(value: Any) -> str:
    # Control and invisible characters are shown by their numbers; line ends stay line ends. A long label such as
    # transfer_not_received_by_recipient is rather broken after an underscore than within a word.
    return escape("\n".join(visible(line, spaces=False) for line in str(value).split("\n"))).replace("_", "_<wbr>")


def _data_url(figure: "Figure") -> str:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=144, metadata={"Software": None})  # no version: the same bytes on each run
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")

"""Text that people read: counted nouns, visible characters, and the start of something long on one line."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

EXCERPT = 80  # characters that a report shows of a row
_WHITE_SPACE = re.compile(r"[ \t\r\n]+")


def counted(number: int, noun: str) -> str:
    """A number and its noun, for messages.

    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def written_out(text: str, *, but: str = " ") -> str:
    """`text` with control, format, surrogate and space characters as `‹U+200B›`, those in `but` left as they are.

    A terminal or a page would obey them, hide them or fail.
    """
    return "".join(c if c in but or unicodedata.category(c)[0] not in "CZ" else f"‹U+{ord(c):04X}›" for c in text)


def visible(text: str, *, spaces: bool = True) -> str:
    """Make white space and invisible characters seen: `·` space, `↵` newline, `→` tab, `‹U+200B›` for any other.

    With `spaces=False` a single space between two words stays as it is; one at the end of a line, or doubled, is shown.
    """
    text = written_out(text, but=" \n\t")
    text = text.replace(" ", "·") if spaces else re.sub(r"(?m)  +|^ | $", lambda run: "·" * len(run[0]), text)
    return text.replace("\t", "→\t").replace("\n", "↵\n")


def excerpt(what: Any) -> str:
    """The start of a text, or of a row's values, on one line; what nobody could see in it is written out.

    >>> excerpt("Fire\\nalarm\\x07 at\\u00a0four")
    'Fire alarm‹U+0007› at‹U+00A0›four'
    """
    text = " | ".join(str(value)[:EXCERPT] for value in what.values()) if isinstance(what, Mapping) else str(what)
    line = written_out(_WHITE_SPACE.sub(" ", text[: 2 * EXCERPT]).strip(" "))
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1] + "…"

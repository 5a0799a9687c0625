"""What every reader returns: a `Table`, whose rows may be bad."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from utils.text import excerpt

NAMES_SHOWN, NAME_LENGTH = 8, 40  # of columns in a message


@dataclass(frozen=True)
class BadRow:
    """Stands in a table for a row that could not be read; row is its number in the file, 0 for its place here."""

    reason: str
    excerpt: str
    row: int = 0


@dataclass(frozen=True)
class Table:
    """Rows with a name for error messages; `rows()` starts a new iteration, `classes` maps columns to class lists.

    has_header: the columns were named by the first line of a text file, which may have been a row.
    row_column: the column with the number of the row in the file, where a row here is a part of one, or several of
        them; without it rows are counted from 1.
    left_out: what the file holds besides these columns.
    """

    name: str
    columns: list[str | int]
    rows: Callable[[], Iterator[Mapping[Any, Any] | BadRow]]
    classes: Mapping[str, list[str]] = field(default_factory=dict)
    has_header: bool = False
    row_column: str = ""
    left_out: tuple[str, ...] = ()


def columns_in_words(columns: Iterable[str | int]) -> str:
    """The names of columns for a message: the first few, each cut to an excerpt.

    >>> columns_in_words(["Text", 1]), columns_in_words(range(10))
    ("'Text', 1", '0, 1, 2, 3, 4, 5, 6, 7 and 2 more')
    """
    names = [repr(short(name)) if isinstance(name, str) else str(name) for name in columns]
    more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more


def short(name: str | int) -> str:
    """A column's name as messages show it, however long it is."""
    text = excerpt(str(name))
    return text if len(text) <= NAME_LENGTH else text[: NAME_LENGTH - 1] + "…"

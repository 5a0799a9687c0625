"""What every reader returns: a `Table`, whose rows may be bad."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class BadRow:
    """Stands in a table for a row that could not be read."""

    reason: str
    excerpt: str


@dataclass(frozen=True)
class Table:
    """Rows with a name for error messages; `rows()` starts a new iteration, `classes` maps columns to class lists.

    has_header: the columns were named by the first line of a text file, which may have been a row.
    """

    name: str
    columns: list[str | int]
    rows: Callable[[], Iterator[Mapping[Any, Any] | BadRow]]
    classes: Mapping[str, list[str]] = field(default_factory=dict)
    has_header: bool = False

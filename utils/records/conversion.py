"""`Record`, and the loop that turns a table into records and accounts for every row that is rejected."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

from utils.errors import DataError
from utils.records.tables import BadRow, Table
from utils.text import counted, excerpt


@dataclass(frozen=True, slots=True)
class Record:
    """One training example. Two records are equal if these three texts are.

    task: set by the converters: "classification", "extraction", "question", "instruction", "document" or "".
        The linter, the split and the scores need to know.
    group: records of one group (one hotel, one author) never straddle a train/test split.
    """

    instruction: str
    input: str = ""
    output: str = ""
    task: str = field(default="", compare=False)
    group: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class RowNote:
    """What happened to a row: its number (1 is the first after any header), why, and how it starts."""

    row: int
    reason: str
    excerpt: str


@dataclass(frozen=True)
class Conversion:
    """The result of a converter. Always `rows_in == len(records) + len(rejected)`.

    notes: rows that did become records, but not with all they held (a conversation with several exchanges).
    """

    records: list[Record]
    rejected: list[RowNote]
    rows_in: int
    notes: list[RowNote] = field(default_factory=list)

    def summary(self) -> str:
        """One line for people: '4 rows in, 3 records, 1 rejected (text is empty: 1)'."""

        def grouped(notes: list[RowNote]) -> str:
            reasons = Counter(note.reason for note in notes).most_common()
            shown = [f"{reason}: {count:,}" for reason, count in reasons[:4]]
            return "; ".join(shown + ([f"{len(reasons) - 4} other reasons"] if len(reasons) > 4 else []))

        line = f"{counted(self.rows_in, 'row')} in, {counted(len(self.records), 'record')}, "
        line += f"{len(self.rejected):,} rejected"
        line += f" ({grouped(self.rejected)})" if self.rejected else ""
        return line + (f", {len(self.notes):,} shortened ({grouped(self.notes)})" if self.notes else "")


class Reject(Exception):
    """Raised by a converter's row function: this row cannot become a record, for this reason."""


def convert(table: Table, make: Callable[[Mapping[Any, Any]], Record | tuple[Record, str]]) -> Conversion:
    """Call `make` on every row; a `Reject` becomes a rejected row, `(record, reason)` a record with a note."""
    records: list[Record] = []
    rejected: list[RowNote] = []
    notes: list[RowNote] = []
    number = 0
    for number, row in enumerate(table.rows(), start=1):
        if isinstance(row, BadRow):
            rejected.append(RowNote(number, row.reason, excerpt(row.excerpt)))
            continue
        try:
            made = make(row)
        except Reject as why:
            rejected.append(RowNote(number, str(why), excerpt(row)))
            continue
        if isinstance(made, tuple):
            made, reason = made
            notes.append(RowNote(number, reason, excerpt(row)))
        records.append(made)
    return Conversion(records, rejected, number, notes)


def require(table: Table, **columns: str | int | None) -> None:
    """Check that the table has these columns; the keyword is the converter's argument that names the column.

    Raises:
        DataError: names the table, the missing column, the columns found and the argument to pass.
    """
    for argument, column in columns.items():
        if column in table.columns and table.columns.count(column) > 1:
            raise DataError(f"{table.name} has {table.columns.count(column)} columns named {column!r}: rename them")
        if column is None or column in table.columns or not table.columns:
            continue
        found = ", ".join(
            repr(excerpt(name)[:40]) if isinstance(name, str) else str(name) for name in table.columns[:20]
        )
        hint = f"pass {argument}=<one of these>"
        if isinstance(column, str) and table.has_header:
            hint += f"; if the file has no header line, positions: {argument}=0"
        if table.has_header and len(table.columns) == 1:
            hint += f"; if another sign divides the fields: read_table({table.name!r}, sep='|')"
        raise DataError(f"{table.name} has no column {column!r}; found {found}; {hint}")


def text_of(row: Mapping[Any, Any], column: str | int, *, missing: str | None = None) -> str:
    """The value of a column as text, numbers written out; `missing` stands in for a null or absent value."""
    value = row.get(column)
    if is_missing(value):
        if missing is not None:
            return missing
        raise Reject(f"{column} is missing")
    return checked(value, column)


def is_missing(value: Any) -> bool:
    """Is this None, NaN, or what pandas puts for a missing value?"""
    is_nan = isinstance(value, float) and math.isnan(value)
    return value is None or is_nan or type(value).__name__ in ("NAType", "NaTType")


def plain(value: Any) -> Any:
    """A list in place of a numpy array, which is how pandas reads lists from Parquet."""
    return value.tolist() if hasattr(value, "tolist") else value


def group_of(row: Mapping[Any, Any], column: str | int | None) -> str:
    """The value of the group column, if there is one."""
    return "" if column is None else text_of(row, column, missing="")


def checked(value: Any, what: str | int) -> str:
    """`value` as text that can be saved, or a `Reject`."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 1.0 is what pandas makes of a 1 in a column with gaps
    if not isinstance(value, str | Real):  # Real: also what numpy and pandas call a number
        raise Reject(f"{what} is of type {type(value).__name__}, not text")
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Reject(f"{what} holds half of a surrogate pair, which no file can store") from None
    return text

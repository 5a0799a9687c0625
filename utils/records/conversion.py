"""`Record`, and the loop that turns a table into records and accounts for every row that is rejected."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, NamedTuple

from utils.errors import DataError, Pass
from utils.records.notes import Note, grouped_reasons
from utils.records.tables import BadRow, Table, columns_in_words, short
from utils.text import counted, excerpt

VERDICTS = ("accept", "reject", "ignore")  # what annotation tools write under "answer"; only the first is to be used


class Turn(NamedTuple):
    """One message of a conversation.

    role: "system", "user" or "assistant".
    trained: for an answer of the assistant: is it to be learned, or only read?
    """

    role: str
    content: str
    trained: bool = True


@dataclass(frozen=True, slots=True)
class Record:
    """One training example. Two records are equal if their texts are.

    task: set by the converters: "classification", "extraction", "question", "instruction", "document" or "".
        The linter, the split and the scores need to know.
    group: records of one group (one hotel, one author) never straddle a train/test split.
    row: the number of its row in the file that it came from, counted from 1; 0 for one that was made by hand.
    history: what was said before, in a conversation of several exchanges: [system,] user, assistant, … Then the
        instruction is the last message of the user, the input is empty, and the output is the last answer.
    """

    instruction: str
    input: str = ""
    output: str = ""
    task: str = field(default="", compare=False)
    group: str = field(default="", compare=False)
    row: int = field(default=0, compare=False, repr=False)
    history: tuple[Turn, ...] = ()

    def __repr__(self) -> str:
        shown = ["instruction", "input", "output", "task", "group", *(["history"] if self.history else [])]
        return f"Record({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


@dataclass(frozen=True)
class Conversion:
    """The result of a converter. Always `rows_in == len(records) + len(rejected)`.

    notes: rows that did become records, but of which something has to be said (a phrase had outer spaces).
    unused: the columns that went into no record.
    """

    records: list[Record]
    rejected: list[Note]
    rows_in: int
    notes: list[Note] = field(default_factory=list)
    unused: tuple[str, ...] = ()

    def summary(self) -> str:
        """One line for people: '4 rows in, 3 records, 1 rejected (text is empty: 1); not used: id'."""

        def grouped(notes: list[Note]) -> str:
            reasons = grouped_reasons(note.reason for note in notes)
            shown = [f"{reason}: {count:,}" for reason, count in reasons[:4]]
            return "; ".join(shown + ([f"{len(reasons) - 4} other reasons"] if len(reasons) > 4 else []))

        line = f"{counted(self.rows_in, 'row')} in, {counted(len(self.records), 'record')}, "
        line += f"{len(self.rejected):,} rejected"
        line += f" ({grouped(self.rejected)})" if self.rejected else ""
        line += f", {len(self.notes):,} with a note ({grouped(self.notes)})" if self.notes else ""
        more = f" and {len(self.unused) - 8:,} more" if len(self.unused) > 8 else ""
        return line + (f"; not used: {', '.join(self.unused[:8])}{more}" if self.unused else "")


class Reject(Exception):
    """Raised by a converter's row function: this row cannot become a record, for this reason."""


def convert(
    table: Table,
    make: Callable[[Mapping[Any, Any]], Record | tuple[Record, str]],
    *,
    used: Iterable[str | int | None] | None = None,
) -> Conversion:
    """Call `make` on every row; a `Reject` becomes a rejected row, `(record, reason)` a record with a note.

    used: the columns that `make` reads, so that the others can be named; None if that is not known. If "answer" is
        none of them, it holds what an annotator thought of the row: "reject" and "ignore" reject it.
    """
    records: list[Record] = []
    rejected: list[Note] = []
    notes: list[Note] = []
    known = None if used is None else {*used, table.row_column}
    has_verdicts = known is not None and "answer" in table.columns and "answer" not in known
    count = 0
    for count, row in enumerate(table.rows(), start=1):
        if isinstance(row, BadRow):
            rejected.append(Note(row.row or count, "converted", row.reason, excerpt(row.excerpt)))
            continue
        number = row[table.row_column] if table.row_column else count
        try:
            if has_verdicts and isinstance(verdict := row.get("answer"), str) and verdict in VERDICTS:
                known.add("answer")
                if verdict != VERDICTS[0]:
                    raise Reject(f"the answer of the annotator is {verdict!r}")
            made = make(row)
        except Reject as why:
            rejected.append(Note(number, "converted", str(why), excerpt(row)))
            continue
        if isinstance(made, tuple):
            made, reason = made
            notes.append(Note(number, "converted", reason, excerpt(row)))
        object.__setattr__(made, "row", number)  # it is new, and `replace` would copy all its fields
        records.append(made)
    others = [] if known is None else [name for name in table.columns if name not in known and name != ""]
    unused = dict.fromkeys(short(name) if isinstance(name, str) else f"column {name}" for name in others)
    return Conversion(records, rejected, count, notes, (*unused, *table.left_out))


def require(table: Table, **columns: str | int | None) -> None:
    """Check that the table has these columns; the keyword is the converter's argument that names the column.

    Raises:
        DataError: names the table, the missing column, the columns found and the argument to pass.
    """
    for argument, column in columns.items():
        if column in table.columns and table.columns.count(column) > 1:
            raise DataError(
                f"{table.name} has {table.columns.count(column)} columns named {short(column)!r}", "rename them"
            )
        if column is None or column in table.columns or not table.columns:
            continue
        ways = [Pass(argument, "<one of these>")]
        if isinstance(column, str) and table.has_header:
            ways.append(Pass(argument, "0", when="if the file has no header line, columns are given by position"))
        if table.has_header and len(table.columns) == 1:
            ways.append(
                Pass("sep", "'|'", when="if another sign divides the fields", call=f"read_table({table.name!r}, …)")
            )
        raise DataError(f"{table.name} has no column {column!r}; found {columns_in_words(table.columns)}", *ways)


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
    if value is None or isinstance(value, str):
        return value is None
    return type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, Real) and math.isnan(value))


def plain(value: Any) -> Any:
    """A list in place of a numpy array, which is how pandas reads lists from Parquet."""
    return value.tolist() if hasattr(value, "tolist") else value


def group_of(row: Mapping[Any, Any], column: str | int | None) -> str:
    """The value of the group column, if there is one."""
    return "" if column is None else text_of(row, column, missing="")


def checked(value: Any, what: str | int) -> str:
    """`value` as text that can be saved, or a `Reject`."""
    if not isinstance(value, str):
        if not isinstance(value, Real):  # Real: also what numpy and pandas call a number
            raise Reject(f"{what} is of type {type(value).__name__}, not text")
        # 1.0 is what pandas makes of a 1 in a column with gaps
        is_whole = not isinstance(value, Integral) and float(value).is_integer()
        value = str(int(value) if is_whole else value)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Reject(f"{what} holds half of a surrogate pair, which no file can store") from None
    return value

"""Delimited text (CSV, TSV and the like) as a `Table`, without losing or inventing a row.

The standard `csv` module in strict mode does the reading, not `pandas.read_csv`: pandas pads short rows and
lets a stray quote swallow the lines after it, both without a word (the SMS spam corpus comes out two rows
short). A row of the wrong width becomes a `BadRow`.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from utils.tables import BadRow, DataError, Table, read_text


def read_delimited(path: Path, *, header: bool, sep: str | None, quoted: bool | None, encoding: str) -> Table:
    """What `utils.readers.read_table` does with a text file; the options and errors are described there."""
    text = read_text(path, encoding=encoding)
    first = text.split("\n", 1)[0]
    if sep is None:  # a tab is never part of a sentence; a comma may be, so ';' wins only where there is no comma
        sep = "\t" if "\t" in first else ";" if ";" in first and "," not in first else ","
    if quoted is None:
        quoted = _is_quoted(text, sep, path.name)

    def lines() -> Iterator[list[str]]:
        return _split_lines(text, sep, quoted, path.name)

    try:
        columns: list[Any] = [name.strip() for name in next(lines())]
    except StopIteration:
        raise DataError(f"{path.name} is empty") from None
    if not header:
        columns = list(range(len(columns)))
    elif sum(1 for _ in zip(lines(), range(2), strict=False)) < 2:
        raise DataError(f"{path.name} holds a header ({', '.join(columns)}) but no rows")

    def rows() -> Iterator[dict[Any, str] | BadRow]:
        source = lines()
        if header:
            next(source)
        for fields in source:
            if len(fields) == len(columns):
                yield dict(zip(columns, fields, strict=True))
            else:
                yield BadRow(f"{len(fields)} fields where {len(columns)} are expected", sep.join(fields))

    return Table(path.name, columns, rows)


def _split_lines(text: str, sep: str, quoted: bool, name: str) -> Iterator[list[str]]:
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # the default of 131,072 is less than a long text
    quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    file = io.StringIO(text, newline="")
    try:
        for fields in csv.reader(file, delimiter=sep, quoting=quoting, strict=True, skipinitialspace=True):
            if fields:
                yield fields
    except csv.Error as error:
        raise DataError(
            f"{name}: the double quotes do not pair up ({error}); repair the file, or, if quotes are part of the text, "
            f"pass read_table({name!r}, quoted=False)"
        ) from None


def _is_quoted(text: str, sep: str, name: str) -> bool:
    """Do double quotes wrap fields here, or are they part of the text (as in the SMS spam corpus)?"""
    if '"' not in text:
        return True
    lines = Counter(len(fields) for fields in _split_lines(text, sep, False, name))
    is_rectangle = len(lines) == 1 and 1 not in lines
    try:
        rows = sum(1 for _ in _split_lines(text, sep, True, name))
    except DataError:
        if is_rectangle:
            return False
        raise
    # Where tabs make every line complete, a quote that spans lines is not a wrapper but a stray.
    return not (sep == "\t" and is_rectangle and rows < lines.total())

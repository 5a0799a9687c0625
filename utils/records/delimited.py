"""Delimited text (CSV, TSV and the like) as a `Table`, without losing or inventing a row.

The standard `csv` module in strict mode does the reading, not `pandas.read_csv`: pandas pads short rows and
lets a stray quote swallow the lines after it, both without a word (the SMS spam corpus comes out two rows
short). A row of the wrong width becomes a `BadRow`.
"""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from utils.errors import DataError
from utils.files import read_text
from utils.records.tables import BadRow, Table
from utils.text import counted

MANY_LINES = 20  # so many lines with equally many commas are no coincidence
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_LONE_CR = re.compile(r"\r(?!\n)")
_STAND_IN = "\ufdd0"  # for a lone CR inside a line, which `csv` would take for the end of it; no text holds this one


def read_delimited(path: Path, *, header: bool, sep: str | None, quoted: bool | None, encoding: str) -> Table:
    """What `readers.read_table` does with a text file; the options and errors are described there."""
    text = read_text(path, encoding=encoding)
    if not text.strip():
        raise DataError(f"{path.name} is empty")
    if sep is not None and len(sep) != 1:
        raise DataError(f"sep is {sep!r}: pass one character, such as ';'")
    if 0 < len(_LONE_CR.findall(text)) < text.count("\n"):
        text = _LONE_CR.sub(_STAND_IN, text)
    sep = sep or _find_sep(text)
    if quoted is None:
        text, quoted = _find_quotes(text, sep, path.name)

    def lines() -> Iterator[list[str]]:
        try:
            yield from _split_lines(text, sep, quoted)
        except csv.Error as error:
            raise _unpaired(path.name, error) from None

    first = next(lines(), [""])
    columns: list[Any] = [name.strip() for name in first] if header else list(range(len(first)))
    if header and sum(1 for _ in zip(lines(), range(2), strict=False)) < 2:
        raise DataError(f"{path.name} holds a header ({', '.join(columns)}) but no rows")

    def rows() -> Iterator[dict[Any, str] | BadRow]:
        source = lines()
        if header:
            next(source)
        for fields in source:
            if len(fields) == len(columns):
                yield dict(zip(columns, fields, strict=True))
            else:
                yield BadRow(f"{counted(len(fields), 'field')} instead of {len(columns)}", sep.join(fields))

    return Table(path.name, columns, rows, has_header=header)


def _split_lines(text: str, sep: str, quoted: bool) -> Iterator[list[str]]:
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # the default of 131,072 is less than a long text
    quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    file = io.StringIO(text, newline="")
    for fields in csv.reader(file, delimiter=sep, quoting=quoting, strict=True, skipinitialspace=True):
        if fields:
            yield [field.replace(_STAND_IN, "\r") for field in fields]


def _find_sep(text: str) -> str:
    """Tab, semicolon or comma, from the first lines without what stands in quotes."""
    lines = [line for line in _QUOTED.sub("", text[:50_000]).split("\n")[:MANY_LINES] if line.strip()]
    first = lines[0] if lines else ""
    if "\t" in first:  # a tab is never part of a sentence; a comma may be
        return "\t"
    is_even = {sep: len({line.count(sep) for line in lines}) == 1 for sep in ";,"}
    return ";" if ";" in first and ("," not in first or is_even[";"] > is_even[","]) else ","


def _find_quotes(text: str, sep: str, name: str) -> tuple[str, bool]:
    """Do double quotes wrap fields, or are they part of the text (as in the SMS spam corpus)? The text to read, and
    the answer. Quotes that are escaped with a backslash (MySQL, some of Kaggle's files) are doubled in it."""
    if '"' not in text:
        return text, True
    plain = [len(fields) for fields in _split_lines(text, sep, False)]
    for reading in (text, text.replace('\\"', '""')):
        try:
            wrapped = [len(fields) for fields in _split_lines(reading, sep, True)]
        except csv.Error as failed:
            error = failed
            continue
        # A stray quote swallows the lines up to the next one: then there are more rows without quoting. Between
        # tabs that is proof; commas stand in quoted texts, too, so there all lines must be complete.
        if sep == "\t":
            is_stray = plain.count(plain[0]) > wrapped.count(wrapped[0])
        else:
            is_stray = len(set(plain)) == 1 and len(wrapped) < len(plain) >= MANY_LINES
        return (text, False) if is_stray else (reading, True)
    if sep == "\t" and plain.count(plain[0]) > len(plain) / 2 and not _wraps_fields(text, sep):
        return text, False
    raise _unpaired(name, error)


def _wraps_fields(text: str, sep: str) -> bool:
    """Of the fields with quotes, do most begin and end with one? Then a quote that is alone is a mistake."""
    fields = [field for fields in _split_lines(text, sep, False) for field in fields if '"' in field]
    return sum(len(field) > 1 and field[0] == field[-1] == '"' for field in fields) > len(fields) / 2


def _unpaired(name: str, error: csv.Error) -> DataError:
    return DataError(
        f"{name}: the double quotes do not pair up ({error}); repair the file, or, if quotes are part of the text, "
        f"pass read_table({name!r}, quoted=False)"
    )

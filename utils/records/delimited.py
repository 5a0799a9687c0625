"""Delimited text (CSV, TSV and the like) as a `Table`, without losing or inventing a row.

The standard `csv` module in strict mode does the reading, not `pandas.read_csv`: pandas pads short rows and
lets a stray quote swallow the lines after it, both without a word (the SMS spam corpus comes out two rows
short). A row of the wrong width becomes a `BadRow`.
"""

import csv
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from utils.errors import DataError, Pass
from utils.files import read_text
from utils.records.tables import BadRow, Table, columns_in_words
from utils.text import counted, excerpt

MANY_LINES = 20  # so many lines with equally many commas are not a coincidence
NOT_QUOTING = "none"  # in place of a quote character: quotes are part of the text
_SEP_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # what Excel reads and writes before the header
_LONE_CR = re.compile(r"\r(?!\n)")
# With its end. `io.StringIO` would hold the text a second time, in four bytes a character.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_STAND_IN = "\ufdd0"  # for a lone CR inside a line, which `csv` would take for the end of it; no text holds this one


def read_delimited(path: Path, *, header: bool, sep: str | None, quote: str | None, encoding: str) -> Table:
    """What `readers.read_table` does with a text file; the options and errors are described there."""
    text = read_text(path, encoding=encoding)
    if not text.strip():
        raise DataError(f"{path.name} is empty")
    if sep is not None and (len(sep) != 1 or sep in "\r\n" or sep == quote):
        raise DataError(f"sep is {sep!r}, which is not one character between fields", Pass("sep", "';'"))
    if quote not in (None, NOT_QUOTING) and (len(quote) != 1 or quote.isspace()):
        raise DataError(
            f"quote is {quote!r}, which is not one character around fields",
            Pass("quote", '"\'"'),
            Pass("quote", "'none'", when="if quotes are part of the text"),
        )
    if said := _SEP_LINE.match(text):
        text, sep = "\n" + text[said.end() :], sep or said[1]  # an empty line in its place: it counts, but is not a row
    if 0 < len(_LONE_CR.findall(text)) < text.count("\n"):
        text = _LONE_CR.sub(_STAND_IN, text)
    sep = sep or _find_sep(text, '"' if quote in (None, NOT_QUOTING) else quote)
    if quote is None:
        text, quote = _find_quotes(text, sep, path.name)

    def lines() -> Iterator[list[str]]:
        try:
            yield from _split_lines(text, sep, quote)
        except UnpairedQuotes as error:
            raise error.refusal(path.name) from None

    first = next(lines(), [""])
    columns: list[Any] = [name.strip() for name in first] if header else list(range(len(first)))
    if header and sum(1 for _ in zip(lines(), range(2), strict=False)) < 2:
        raise DataError(f"{path.name} holds a header ({columns_in_words(columns)}) but no rows")

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


class UnpairedQuotes(Exception):
    """A quote that opens or closes where it must not; `line` is that on which its row begins, counted from 1."""

    def __init__(self, line: int, start: str, error: csv.Error) -> None:
        self.line, self.start, self.error = line, start, error

    def refusal(self, name: str) -> DataError:
        return DataError(
            f"{name}, line {self.line:,}: the quotes do not pair up ({self.error}) in {self.start!r}",
            "repair the line",
            Pass("quote", "'none'", when="if quotes are part of the text", call=f"read_table({name!r}, …)"),
        )


def _split_lines(text: str, sep: str, quote: str) -> Iterator[list[str]]:
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # the default of 131,072 is less than a long text
    options: dict[str, Any] = {"quoting": csv.QUOTE_NONE} if quote == NOT_QUOTING else {"quotechar": quote}
    options["skipinitialspace"] = sep != " "
    reader = csv.reader(_lines(text), delimiter=sep, strict=True, **options)
    read = 0  # lines that belong to whole rows
    try:
        for fields in reader:
            read = reader.line_num
            if fields:
                yield [field.replace(_STAND_IN, "\r") for field in fields]
    except csv.Error as error:
        start = next(itertools.islice(_lines(text), read, None), "")
        raise UnpairedQuotes(read + 1, excerpt(start), error) from None


def _lines(text: str) -> Iterator[str]:
    return (match.group() for match in _LINE.finditer(text))


def _find_sep(text: str, quote: str) -> str:
    """Tab, semicolon or comma, from the first lines without what stands in quotes."""
    quoted = re.compile("{0}(?:[^{0}]|{0}{0})*{0}".format(re.escape(quote)))
    lines = [line for line in quoted.sub("", text[:50_000]).split("\n")[:MANY_LINES] if line.strip()]
    first = lines[0] if lines else ""
    if "\t" in first:  # a tab is never part of a sentence; a comma may be
        return "\t"
    is_even = {sep: len({line.count(sep) for line in lines}) == 1 for sep in ";,"}
    return ";" if ";" in first and ("," not in first or is_even[";"] > is_even[","]) else ","


def _find_quotes(text: str, sep: str, name: str) -> tuple[str, str]:
    """Do double quotes wrap fields, or are they part of the text (as in the SMS spam corpus)? The text to read, and
    the quote character. Quotes that are escaped with a backslash (MySQL, some of Kaggle's files) are doubled in it."""
    if '"' not in text:
        return text, '"'
    plain = [len(fields) for fields in _split_lines(text, sep, NOT_QUOTING)]
    errors = []
    for reading in (text, text.replace('\\"', '""')):
        try:
            wrapped = [len(fields) for fields in _split_lines(reading, sep, '"')]
        except UnpairedQuotes as failed:
            errors.append(failed)
            continue
        # A stray quote swallows the lines up to the next one: then there are more rows without quoting. Between
        # tabs that is proof; commas stand in quoted texts, too, so there all lines must be complete.
        if sep == "\t":
            is_stray = plain.count(plain[0]) > wrapped.count(wrapped[0])
        else:
            is_stray = len(set(plain)) == 1 and len(wrapped) < len(plain) >= MANY_LINES
        return (text, NOT_QUOTING) if is_stray else (reading, '"')
    if sep == "\t" and plain.count(plain[0]) > len(plain) / 2 and not _wraps_fields(text, sep):
        return text, NOT_QUOTING
    raise max(errors, key=lambda error: error.line).refusal(name)  # of two readings the one that came further


def _wraps_fields(text: str, sep: str) -> bool:
    """Of the fields with quotes, do most begin and end with one? Then a quote that is alone is a mistake."""
    fields = [field for fields in _split_lines(text, sep, NOT_QUOTING) for field in fields if '"' in field]
    return sum(len(field) > 1 and field[0] == field[-1] == '"' for field in fields) > len(fields) / 2

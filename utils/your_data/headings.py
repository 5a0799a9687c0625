"""Columns as a job names them: by name or position, by usual names where none is given, and so in its errors, too."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from utils.errors import DataError, Pass
from utils.records import BadRow, Table, columns_in_words, read_table

Columns = dict[str, list[str | int]]  # the columns that a parameter names
USUAL = {  # column names to look for, in any case, where none is given
    "classification": {"text_column": ("text", "sentence", "message"), "answer_column": ("label", "category")},
    "extraction": {
        "text_column": ("text", "tokens", "context", "word", "token"),
        "answer_column": ("phrases", "spans", "tags", "ner_tags", "answers", "entities", "label", "labels", "tag"),
    },
    "instructions": {
        "instruction_column": ("instruction",),
        "text_column": ("input", "context"),
        "answer_column": ("output", "response"),
    },
    "documents": {"text_column": ("document", "text"), "answer_column": ("instruction",)},
}
CHATS = ("messages", "conversations", "conversation", "chat", "dialog", "dialogue")  # usual names of columns of turns
USUAL["conversation"] = USUAL["instructions"]  # of a table that has none of these
SENTENCE = ("sentence #", "sentence_id", "sentence_idx", "sent_id")  # usual names of the column that numbers sentences
PARAMETERS = {  # the parameter that stands for an argument of the converters
    **dict.fromkeys(("text", "tokens", "input", "context", "messages", "conversations"), "text_column"),
    **dict.fromkeys(("label", "phrases", "spans", "tags", "answers", "output"), "answer_column"),
    **dict.fromkeys(("labels", "types"), "labels"),
    **dict.fromkeys(("label_names", "tag_names"), "label_names"),
    **{"instruction": "instruction_column", "sentence": "sentence_column", "group": "group_column"},
    **{"columns": "column_labels", "sep": "separator", "quote": "quote", "encoding": "encoding"},
}


def position(name: Any) -> str | int:
    """A column's name, or a number as the position that it is; -1 is the last."""
    return int(name) if re.fullmatch(r"-?\d+", str(name)) else name


def read_columns(source: Any, given: Columns, options: Mapping[str, Any]) -> tuple[Table, Columns]:
    """The table, and the given columns as it names them. Numbers are positions in a file without a header line, unless
    all columns that are given stand in its first line, which is a header then."""
    every = [name for names in given.values() for name in names]
    numbers = [name for name in every if isinstance(position(name), int)]
    if not numbers:
        return read_table(source, **options), given
    table = read_table(source, header=False, **options)
    first = next((row for row in table.rows() if not isinstance(row, BadRow)), {})
    if isinstance(source, str | Path) and 0 in table.columns:
        heading = {str(value).strip() for value in first.values()}
        if {str(name) for name in every} <= heading:
            return read_table(source, **options), {part: list(map(str, names)) for part, names in given.items()}
        if words := [name for name in every if name not in numbers]:
            raise DataError(
                f"column {numbers[0]} is given by its position, {words[0]!r} by its name: use positions only in a "
                "file without a header line, and then for all columns"
            )
    as_here = {str(column): column for column in table.columns}
    return table, {part: [as_here.get(str(name), position(name)) for name in names] for part, names in given.items()}


def usual(table: Table, task: str, parameter: str) -> list[str | int]:
    """The column that is meant where the parameter is empty.

    Raises:
        DataError: there is none.
    """
    names = USUAL[task][parameter]
    found = found_among(table, names)
    if not found and (names, parameter) != (USUAL["instructions"]["text_column"], "text_column"):  # may be left out
        ways = [f"set {parameter} to one of them"]
        ways += ["to its position, such as 0, if the file has no header line"] if table.has_header else []
        raise DataError(
            f"{table.name} has no column {' or '.join(map(repr, names))}; found {columns_in_words(table.columns)}",
            *ways,
        )
    return found[:1]


def found_among(table: Table, names: Sequence[str]) -> list[str | int]:
    """The columns that have one of these names, in any case, in the order of the names."""
    return [column for wanted in names for column in table.columns if str(column).casefold() == wanted]


@contextmanager
def in_parameters(task: str) -> Iterator[None]:
    """Word the errors of the converters in the parameters of a job: "set answer_column to …", not "pass label=…"."""
    try:
        yield
    except DataError as error:
        raise DataError(error.worded(_wording(task))) from None


def _wording(task: str) -> Callable[[Pass], str]:
    parameters = PARAMETERS | ({"instruction": "answer_column"} if task == "documents" else {})

    def say(way: Pass) -> str:
        parameter = parameters.get(way.argument)
        return f"set {parameter} to {way.value.strip('<>')}" if parameter else ""

    return say

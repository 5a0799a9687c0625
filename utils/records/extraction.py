"""Texts with phrases or offsets in them → records whose output lists what is to be found."""

import ast
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from utils.errors import DataError, Pass
from utils.records.conversion import (
    Conversion,
    Record,
    Reject,
    checked,
    convert,
    group_of,
    is_missing,
    plain,
    require,
    text_of,
)  # fmt: skip
from utils.records.phrases import format_phrases, parse_phrases
from utils.records.readers import table_for
from utils.records.tables import Table

EXTRACTION_INSTRUCTION = "Extract the people, organisations, places and things from the text."
TYPED_INSTRUCTION = "Extract the phrases of these types from the text: {types}."
TAG = re.compile(r"[Oo]|[BIESLUbieslu]-\S+")  # of a token: outside, or the place in a phrase and its type
LOOKED_AT = 200  # rows that are enough to know the form of a file


def from_phrases(
    source: Any,
    *,
    text: str | int = "text",
    phrases: str | int = "phrases",
    instruction: str = EXTRACTION_INSTRUCTION,
    separator: str | None = None,
    group: str | int | None = None,
) -> Conversion:
    """Turn texts with lists of phrases into records; the output is `format_phrases(list)`.

    phrases: a column of lists, or of text: a JSON list, a Python list (`['Anna', 'school']`, the brackets may
        be missing), phrases joined by "; ", or by `separator`. An empty cell or list means that there is
        nothing to find.

    Rejected rows: no text, no value for the phrases (null), phrases that are not text.

    Raises:
        DataError: a column that does not exist, or rows of one token each.

    >>> from_phrases([{"text": "Anna went to school", "phrases": ["Anna", "school"]}]).records[0].output
    'Anna; school'
    """
    table = table_for(source, text, phrases)
    require(table, text=text, phrases=phrases, group=group)
    if has_token_rows(table, phrases):
        raise DataError(
            f"{table.name} holds one token and its tag per row, not a text and its phrases",
            Pass("sentence", "<the column that numbers the sentences>", call="from_tagged(…)"),
        )

    def make(row: Mapping[Any, Any]) -> Record:
        found = as_list(row.get(phrases), phrases, separator)
        cleaned = [phrase for item in found if (phrase := checked(item, "a phrase").strip())]
        body = body_of(row, text).strip()
        return Record(instruction, body, format_phrases(cleaned), "extraction", group_of(row, group))

    return convert(table, make, used=(text, phrases, group))


def instruction_for(types: Sequence[str] | None, instruction: str | None) -> str:
    """What the model is told to do: the text that is given, or the usual one; `{types}` becomes the list of types."""
    usual = EXTRACTION_INSTRUCTION if types is None else TYPED_INSTRUCTION
    return (usual if instruction is None else instruction).replace("{types}", ", ".join(types or []))


def check_types(wanted: Sequence[str] | None, there: set[str], name: str) -> None:
    """Refuse a type that is asked for and no phrase of the file has."""
    if missing := [kind for kind in wanted or [] if kind not in there]:
        known = ", ".join(sorted(there - {""})[:20]) or "no types"
        raise DataError(
            f"{name} has no phrase of the type {missing[0]!r}; it has {known}", Pass("types", "<some of them>")
        )


def has_token_rows(table: Table, tags: str | int) -> bool:
    """Does the column hold one tag per row, as text? Then each row is a token, and not a text."""
    rows = (row for row in itertools.islice(table.rows(), LOOKED_AT) if isinstance(row, Mapping))
    cells = [cell for row in rows if not is_missing(cell := row.get(tags))]
    marks = [isinstance(cell, str) and TAG.fullmatch(cell.strip()) is not None for cell in cells]
    return sum(marks) > 0.9 * len(marks) > 0


def body_of(row: Mapping[Any, Any], column: str | int) -> str:
    text = text_of(row, column)
    if not text.strip():
        raise Reject(f"{column} is empty")
    return text


def as_list(value: Any, column: str | int, separator: str | None) -> list[Any]:
    """A list from a list, an array, or a text as described for `from_phrases`; else a `Reject`."""
    value = plain(value)
    if is_missing(value):
        raise Reject(f"{column} is missing (for nothing to find: an empty list)")
    if isinstance(value, list | tuple):
        return list(value)
    if not isinstance(value, str):
        raise Reject(f"{column} is of type {type(value).__name__}, not a list")
    if separator is not None:
        return value.split(separator)
    text = value.strip()
    found = literal(text)
    if isinstance(found, str):
        return [found]
    # "3,000" without brackets is Python, too, and means no list
    if isinstance(found, list | tuple) and (text[0] in "[(" or all(isinstance(item, str) for item in found)):
        return list(found)
    return parse_phrases(text)


def literal(text: str) -> Any:
    """What the text means as JSON, or as the Python that `DataFrame.to_csv` makes of a list; None if neither."""
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if read is ast.literal_eval and re.search(r"""['"]\s+['"]""", text):
            raise Reject("strings without a comma between them (a printed numpy array?): save lists instead")
        return found
    return None

"""Texts with phrases or offsets in them → records whose output lists what is to be found."""

import ast
import json
import re
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

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
)
from utils.records.phrases import format_phrases, parse_phrases
from utils.records.readers import table_for

EXTRACTION_INSTRUCTION = "Extract the people, organisations, places and things from the text."


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
        DataError: a column that does not exist.

    >>> from_phrases([{"text": "Anna went to school", "phrases": ["Anna", "school"]}]).records[0].output
    'Anna; school'
    """
    table = table_for(source, text, phrases)
    require(table, text=text, phrases=phrases, group=group)

    def make(row: Mapping[Any, Any]) -> Record:
        found = as_list(row.get(phrases), phrases, separator)
        cleaned = [phrase for item in found if (phrase := checked(item, "a phrase").strip())]
        body = body_of(row, text).strip()
        return Record(instruction, body, format_phrases(cleaned), "extraction", group_of(row, group))

    return convert(table, make)


def from_spans(
    source: Any,
    *,
    text: str | int = "text",
    spans: str | int = "spans",
    types: Sequence[str] | None = None,
    instruction: str = EXTRACTION_INSTRUCTION,
    group: str | int | None = None,
) -> Conversion:
    """Turn texts with character offsets into records.

    spans: a column of lists (or JSON) of `{"start": 0, "end": 4}` (doccano: "start_offset", "end_offset") with an
        optional "type" or "label" and an optional "text" to check against, or of `[start, end, type]`. Ends
        are exclusive, offsets count Unicode code points.
    types: keep only spans of these types.

    A phrase that occurs several times is listed once. Rejected rows: no text, offsets outside the text or on
    nothing, a "text" that is not what the offsets cut out.

    Raises:
        DataError: a column that does not exist.

    >>> row = {"text": "Anna went to school", "spans": [{"start": 0, "end": 4, "type": "person"}]}
    >>> from_spans([row]).records[0].output
    'Anna'
    """
    table = table_for(source, text, spans)
    require(table, text=text, spans=spans, group=group)

    def make(row: Mapping[Any, Any]) -> Record:
        body = body_of(row, text)
        cut = [_cut(body, span) for span in as_list(row.get(spans), spans, None)]
        kept = [phrase for _, phrase, kind in sorted(cut) if types is None or kind in types]
        output = format_phrases(list(dict.fromkeys(kept)))
        return Record(instruction, body, output, "extraction", group_of(row, group))

    return convert(table, make)


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


def type_of_span(span: Mapping[str, Any] | Sequence[Any]) -> str:
    """The type that a span names, as `from_spans` reads it; "" if it names none."""
    if isinstance(span, Mapping):
        return str(span.get("type") or span.get("label") or "")
    return str(span[2]) if len(span) > 2 else ""


def _cut(text: str, span: Any) -> tuple[int, str, str]:
    if isinstance(span, list | tuple) and len(span) in (2, 3):
        span = dict(zip(("start", "end", "type"), span, strict=False))
    is_span = isinstance(span, Mapping)
    start, end = (span.get(name, span.get(f"{name}_offset")) if is_span else None for name in ("start", "end"))
    if not isinstance(start, Integral) or not isinstance(end, Integral):
        raise Reject(f"a span needs whole numbers start and end, not {str(span)[:60]}")
    phrase = text[start:end]
    if not 0 <= start < end <= len(text) or not phrase.strip():
        raise Reject(f"offsets {start}:{end} cut nothing out of a text of {len(text)} characters")
    if (wanted := span.get("text")) is not None and wanted != phrase:
        raise Reject(f"offsets {start}:{end} cut out {phrase!r}, not {str(wanted)[:40]!r}: do they count bytes?")
    return start, phrase, type_of_span(span)

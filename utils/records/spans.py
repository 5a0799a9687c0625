"""Texts with character offsets of phrases → records whose output lists what is to be found."""

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

from utils.records.conversion import Conversion, Record, Reject, convert, group_of, require
from utils.records.extraction import as_list, body_of, check_types, instruction_for
from utils.records.phrases import format_phrases
from utils.records.readers import table_for


def from_spans(
    source: Any,
    *,
    text: str | int = "text",
    spans: str | int = "spans",
    types: Sequence[str] | None = None,
    instruction: str | None = None,
    group: str | int | None = None,
) -> Conversion:
    """Turn texts with character offsets into records.

    spans: a column of lists (or JSON) of `{"start": 0, "end": 4}` (doccano: "start_offset", "end_offset") with an
        optional "type" or "label", or a list of "labels", and an optional "text" to check against, or of
        `[start, end, type]`. Ends are exclusive, offsets count Unicode code points.
    types: keep only spans of these types.
    instruction: default `EXTRACTION_INSTRUCTION` or, with types, `TYPED_INSTRUCTION`; `{types}` becomes their list.

    A phrase that occurs several times is listed once; outer white space is cut off it, with a note. Rejected rows: no
    text, offsets outside the text or on nothing, a "text" that is not what the offsets cut out.

    Raises:
        DataError: a column that does not exist, or a type that no span has.

    >>> row = {"text": "Anna went to school", "spans": [{"start": 0, "end": 4, "type": "person"}]}
    >>> from_spans([row]).records[0].output
    'Anna'
    """
    table = table_for(source, text, spans)
    require(table, text=text, spans=spans, group=group)
    wording = instruction_for(types, instruction)
    there: set[str] = set()

    def make(row: Mapping[Any, Any]) -> Record | tuple[Record, str]:
        body = body_of(row, text)
        cut = [_cut(body, span) for span in as_list(row.get(spans), spans, None)]
        there.update(kind for _, _, kinds in cut for kind in kinds)
        kept = [phrase for _, phrase, kinds in sorted(cut) if types is None or not kinds.isdisjoint(types)]
        output = format_phrases(list(dict.fromkeys(phrase.strip() for phrase in kept)))
        record = Record(wording, body, output, "extraction", group_of(row, group))
        has_spaces = any(phrase != phrase.strip() for phrase in kept)
        return (record, "offsets with outer spaces, which were cut off") if has_spaces else record

    result = convert(table, make, used=(text, spans, group))
    check_types(types, there, table.name)
    return result


def _types_of(span: Mapping[str, Any]) -> frozenset[str]:
    """The types that a span names: one under "type" or "label", which may be a list, or several under "labels"."""
    named = next((span[key] for key in ("type", "label", "labels") if span.get(key)), [])
    return frozenset(map(str, named if isinstance(named, list | tuple) else [named]))


def _cut(text: str, span: Any) -> tuple[int, str, frozenset[str]]:
    if isinstance(span, list | tuple) and len(span) in (2, 3):
        span = dict(zip(("start", "end", "type"), span, strict=False))
    is_span = isinstance(span, Mapping)
    start, end = (span.get(name, span.get(f"{name}_offset")) if is_span else None for name in ("start", "end"))
    if not isinstance(start, Integral) or not isinstance(end, Integral):
        raise Reject(f"a span needs whole numbers start and end, not {str(span)[:60]}")
    phrase = text[start:end]
    if not 0 <= start < end <= len(text) or not phrase.strip():
        raise Reject(f"offsets {start}:{end} cut nothing out of a text of {len(text)} characters")
    if (wanted := span.get("text")) is not None and str(wanted).strip() != phrase.strip():
        found = f"{str(wanted)[:40]!r}, but {phrase[:40]!r} at {start}:{end}"
        raise Reject(f"the text of a span is not what its offsets cut out: {found}")
    return start, phrase, _types_of(span)

"""Texts with phrases, offsets, tags or answers in them → records whose output lists what is to be found."""

import ast
import json
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

from utils.conversion import Conversion, Record, Reject, checked, convert, group_of, require, text_of
from utils.phrases import NO_PHRASES, format_phrases, parse_phrases
from utils.readers import read_table
from utils.tables import BadRow, Table

EXTRACTION_INSTRUCTION = "Extract the people, organisations, places and things from the text."
QUESTION_INSTRUCTION = "Answer the question with words from the text, or with 'none' if it does not say: {question}"


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
    table = read_table(source, header=not isinstance(text, int) and not isinstance(phrases, int))
    require(table, text=text, phrases=phrases, group=group)

    def make(row: Mapping[Any, Any]) -> Record:
        found = as_list(row.get(phrases), phrases, separator)
        cleaned = [phrase for item in found if (phrase := checked(item, "a phrase").strip())]
        body = _body(row, text).strip()
        return Record(instruction, body, format_phrases(cleaned), "extraction", group_of(row, group))

    return convert(table, make)


def from_spans(
    source: Any,
    *,
    text: str | int = "text",
    spans: str = "spans",
    types: Sequence[str] | None = None,
    instruction: str = EXTRACTION_INSTRUCTION,
    group: str | int | None = None,
) -> Conversion:
    """Turn texts with character offsets into records.

    spans: a column of lists (or JSON) of `{"start": 0, "end": 4}` with an optional "type" or "label" and an
        optional "text" to check against, or of `[start, end, type]`. Ends are exclusive, offsets count
        Unicode code points.
    types: keep only spans of these types.

    A phrase that occurs several times is listed once. Rejected rows: no text, offsets outside the text or on
    nothing, a "text" that is not what the offsets cut out.

    Raises:
        DataError: a column that does not exist.

    >>> row = {"text": "Anna went to school", "spans": [{"start": 0, "end": 4, "type": "person"}]}
    >>> from_spans([row]).records[0].output
    'Anna'
    """
    table = read_table(source)
    require(table, text=text, spans=spans, group=group)

    def make(row: Mapping[Any, Any]) -> Record:
        body = _body(row, text)
        cut = [_cut(body, span) for span in as_list(row.get(spans), spans, None)]
        kept = [phrase for _, phrase, kind in sorted(cut) if types is None or kind in types]
        output = format_phrases(list(dict.fromkeys(kept)))
        return Record(instruction, body, output, "extraction", group_of(row, group))

    return convert(table, make)


def from_squad(source: Any, *, instruction: str = QUESTION_INSTRUCTION) -> Conversion:
    """Turn questions about a context into records: input = context, output = the first answer, "none" without any.

    source: SQuAD-like JSON (articles with paragraphs with `qas`), or rows with `question`, `context` and
        `answers` (`{"text": [...]}`) as on the Hub. One question is one row; the article or context is the
        record's group.
    instruction: `{question}` in it becomes the question.

    Rejected rows: no question, no context, an answer that is not in its context.

    Raises:
        DataError: neither of the two forms.

    >>> row = {"question": "Who went?", "context": "Anna went to school.", "answers": {"text": ["Anna"]}}
    >>> from_squad([row]).records[0].output
    'Anna'
    """
    table = read_table(source)
    if "paragraphs" in table.columns:
        rows = [question for article in table.rows() for question in _questions(article)]
        table = Table(table.name, ["question", "context", "answers", "title"], lambda: iter(rows))
    require(table, question="question", context="context", answers="answers")

    def make(row: Mapping[Any, Any]) -> Record:
        question, context = _body(row, "question").strip(), _body(row, "context")
        answers = row.get("answers")
        answers = answers.get("text") if isinstance(answers, Mapping) else answers
        if not isinstance(answers, list):
            raise Reject(
                "answers is missing" if answers is None else f"answers is a {type(answers).__name__}, not a list"
            )
        texts = [
            checked(answer.get("text") if isinstance(answer, Mapping) else answer, "an answer") for answer in answers
        ]
        if texts and texts[0] not in context:
            raise Reject(f"the answer {texts[0][:40]!r} is not in its context")
        group = text_of(row, "title", missing="") or context
        answer = texts[0] if texts else NO_PHRASES
        return Record(instruction.replace("{question}", question), context, answer, "question", group)

    return convert(table, make)


def _body(row: Mapping[Any, Any], column: str | int) -> str:
    text = text_of(row, column)
    if not text.strip():
        raise Reject(f"{column} is empty")
    return text


def as_list(value: Any, column: str | int, separator: str | None) -> list[Any]:
    if value is None or (isinstance(value, float) and value != value):
        raise Reject(f"{column} is missing (for nothing to find: an empty list)")
    value = value.tolist() if hasattr(value, "tolist") else value  # numpy arrays, as pandas reads them from Parquet
    if isinstance(value, list | tuple):
        return list(value)
    if not isinstance(value, str):
        raise Reject(f"{column} is a {type(value).__name__}, not a list")
    if separator is not None:
        return value.split(separator)
    for read in (json.loads, ast.literal_eval):  # what DataFrame.to_csv makes of a list is Python, not JSON
        try:
            found = read(value.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(found, list | tuple):
            return list(found)
        if isinstance(found, str):
            return [found]
    return parse_phrases(value.strip())


def _cut(text: str, span: Any) -> tuple[int, str, str]:
    if isinstance(span, list | tuple) and len(span) in (2, 3):
        span = dict(zip(("start", "end", "type"), span, strict=False))
    start, end = (span.get("start"), span.get("end")) if isinstance(span, Mapping) else (None, None)
    if not isinstance(start, Integral) or not isinstance(end, Integral):
        raise Reject(f"a span needs whole numbers start and end, not {str(span)[:60]}")
    phrase = text[start:end]
    if not 0 <= start < end <= len(text) or not phrase.strip():
        raise Reject(f"offsets {start}:{end} cut nothing out of a text of {len(text)} characters")
    if (wanted := span.get("text")) is not None and wanted != phrase:
        raise Reject(f"offsets {start}:{end} cut out {phrase!r}, not {str(wanted)[:40]!r}: do they count bytes?")
    return start, phrase, str(span.get("type") or span.get("label") or "")


def _questions(article: Any) -> list[dict[str, Any] | BadRow]:
    if isinstance(article, BadRow):
        return [article]
    title = article.get("title")
    try:
        return [
            {
                "question": qa.get("question"),
                "context": paragraph["context"],
                "answers": qa.get("answers", []),
                "title": title,
            }
            for paragraph in article["paragraphs"]
            for qa in paragraph["qas"]
        ]
    except (KeyError, TypeError, AttributeError):
        return [BadRow("an article without paragraphs of context and qas", str(title))]

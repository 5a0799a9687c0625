"""Sentences of tagged tokens (CoNLL, WNUT, columns of a dataset) → records whose output lists the phrases."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any

from utils.errors import DataError, Pass
from utils.records.conversion import Conversion, Record, Reject, checked, convert, group_of, is_missing, require
from utils.records.extraction import TAG, as_list, check_types, has_token_rows, instruction_for
from utils.records.phrases import format_phrases
from utils.records.readers import table_for
from utils.records.tables import BadRow, Table
from utils.records.token_lines import is_token_file, read_token_lines

NAMELESS = "has no name"
ROW = "row of the file"  # the column of grouped rows that holds the number of the first


def from_tagged(
    source: Any,
    *,
    tokens: str | int | None = None,
    tags: str | int | None = None,
    sentence: str | int | None = None,
    group: str | int | None = None,
    tag_names: Sequence[str] | None = None,
    types: Sequence[str] | None = None,
    instruction: str | None = None,
    encoding: str = "utf-8",
) -> Conversion:
    """Turn sentences of tagged tokens into records; the text is the tokens joined by spaces.

    source: a file of token lines (CoNLL-2003, CoNLL-U, WNUT, WikiNEuRal: one token a line, a blank line between
        sentences; comments and `-DOCSTART-` are not tokens), a table with a column of token lists and one of tag
        lists, or a table of one token and its tag per row.
    tokens, tags: the columns. In token lines the first and the last, unless others are given: by position (-1 is the
        last), or by name if the first line or `# global.columns` names them. In a table "tokens" and "tags".
    sentence: in a table of one token per row, the column that says which sentence it belongs to; an empty cell
        continues the sentence above.
    group: in a table, the column of the groups that a split does not tear apart.
    tag_names: the class list for numbered tags; a `datasets.Dataset` brings its own.
    types: keep only phrases of these types, such as `["PER", "LOC"]`.
    instruction: default `EXTRACTION_INSTRUCTION` or, with types, `TYPED_INSTRUCTION`; `{types}` becomes their list.

    IOB1, IOB2 (BIO) and BIOES are all read by one rule: a phrase begins at B or S, and at I or E where the type
    changes or no phrase is open.

    Rejected rows: a line without a tag, a tag of no known form, token and tag lists of unequal length.

    Raises:
        DataError: a file or a column that does not exist, a file without any tag, tokens that are running numbers,
            tokens one per row without `sentence`, numbered tags without names, or a type that no phrase has.

    >>> row = {"tokens": ["Anna", "saw", "New", "York"], "tags": ["I-PER", "O", "I-LOC", "I-LOC"]}
    >>> from_tagged([row]).records[0].output
    'Anna; New York'
    """
    if sentence is None and is_token_file(source):
        table, tokens, tags = read_token_lines(Path(source), tokens, tags, encoding), "tokens", "tags"
        if group is not None:
            raise DataError(f"group is {group!r}, but the token lines of {table.name} have no groups", "leave it out")
        used = [tokens, tags]
    else:
        tokens, tags = ("tokens" if tokens is None else tokens), ("tags" if tags is None else tags)
        table = table_for(source, tokens, tags, sentence, group)
        require(table, tokens=tokens, tags=tags, sentence=sentence, group=group)
        used = [tokens, tags, sentence, group]
        if sentence is not None:
            table = _grouped(table, tokens, tags, sentence)
        elif has_token_rows(table, tags):
            raise DataError(
                f"{table.name} holds one token and its tag per row, but nothing says where a sentence ends",
                Pass("sentence", "<the column that numbers the sentences>"),
            )
    names = list(tag_names or table.classes.get(tags) or [])
    wording = instruction_for(types, instruction)
    there: set[str] = set()

    def make(row: Mapping[Any, Any]) -> Record:
        words = [_token(token) for token in as_list(row.get(tokens), tokens, None)]
        marks = [_tag_name(tag, names) for tag in as_list(row.get(tags), tags, None)]
        if len(words) != len(marks):
            raise Reject(f"{len(words)} tokens but {len(marks)} tags")
        text = " ".join(words)
        if not text.strip():
            raise Reject("text is empty")
        if any(mark != "O" and not word.strip() for word, mark in zip(words, marks, strict=True)):
            raise Reject("a token of a phrase is empty")
        found = _tagged_phrases(words, marks)
        there.update(kind for _, kind in found)
        kept = [phrase for phrase, kind in found if types is None or kind in types]
        return Record(wording, text, format_phrases(list(dict.fromkeys(kept))), "extraction", group_of(row, group))

    result = convert(table, make, used=used)
    if result.rejected and not result.records and all(note.reason.endswith(NAMELESS) for note in result.rejected):
        raise DataError(
            f"{table.name} holds numbers for tags, and nothing says what they mean ({result.rejected[0].reason})",
            Pass("tag_names", "<one name for each number, from 0>"),
        )
    check_types(types, there, table.name)
    return result


def _grouped(table: Table, tokens: str | int, tags: str | int, sentence: str | int) -> Table:
    """One row per sentence of a table that has one token per row."""

    def rows() -> Iterator[dict[Any, Any] | BadRow]:
        open_rows: list[Mapping[Any, Any] | BadRow] = []
        number, last = 1, None
        for count, row in enumerate(table.rows(), start=1):
            named = None if isinstance(row, BadRow) else row.get(sentence)
            if open_rows and not is_missing(named) and named != last and str(named).strip():
                yield _joined(open_rows, number, tokens, tags)
                open_rows = []
            number = number if open_rows else count
            last = last if is_missing(named) or not str(named).strip() else named
            open_rows.append(row)
        if open_rows:
            yield _joined(open_rows, number, tokens, tags)

    return replace(table, rows=rows, row_column=ROW)


def _joined(
    rows: Sequence[Mapping[Any, Any] | BadRow], number: int, tokens: str | int, tags: str | int
) -> dict[Any, Any] | BadRow:
    bad = next((row for row in rows if isinstance(row, BadRow)), None)
    if bad:
        return replace(bad, row=number, reason=f"a token of the sentence cannot be read: {bad.reason}")
    columns = {tokens: [row.get(tokens) for row in rows], tags: [row.get(tags) for row in rows]}
    return {**rows[0], **columns, ROW: number}


def _token(value: Any) -> str:
    if is_missing(value):
        raise Reject("a token is missing")
    return checked(value, "a token")


def _tag_name(tag: Any, names: Sequence[str]) -> str:
    if isinstance(tag, Integral):
        if not 0 <= tag < len(names):
            raise Reject(f"tag {tag} {NAMELESS}")
        tag = names[tag]
    if not TAG.fullmatch(str(tag)):
        raise Reject(f"tag {str(tag)[:30]!r} is neither 'O' nor like 'B-PER'")
    place, dash, kind = str(tag).partition("-")
    return place.upper() + dash + kind


def _tagged_phrases(words: Sequence[str], marks: Sequence[str]) -> list[tuple[str, str]]:
    phrases: list[tuple[list[str], str]] = []
    open_type = None
    for word, mark in zip(words, marks, strict=True):
        prefix, _, kind = mark.partition("-")
        if prefix == "O":
            open_type = None
            continue
        if prefix in "BSU" or kind != open_type:
            phrases.append(([], kind))
        phrases[-1][0].append(word)
        open_type = None if prefix in "ESLU" else kind
    return [(" ".join(tokens), kind) for tokens, kind in phrases]

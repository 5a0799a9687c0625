"""Sentences of tagged tokens (CoNLL, WNUT, columns of a dataset) → records whose output lists the phrases."""

import os
import re
from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

from utils.errors import DataError
from utils.files import read_text
from utils.records.conversion import Conversion, Record, Reject, checked, convert, require
from utils.records.extraction import EXTRACTION_INSTRUCTION, as_list
from utils.records.phrases import format_phrases
from utils.records.readers import read_table
from utils.records.tables import BadRow, Table

TAG = re.compile(r"O|[BIESLU]-\S+")


def from_tagged(
    source: Any,
    *,
    tokens: str = "tokens",
    tags: str = "tags",
    tag_names: Sequence[str] | None = None,
    types: Sequence[str] | None = None,
    instruction: str = EXTRACTION_INSTRUCTION,
    encoding: str = "utf-8",
) -> Conversion:
    """Turn sentences of tagged tokens, one a row, into records; the text is the tokens joined by spaces.

    source: a token/tag file (CoNLL-2003, WNUT: a token a line, its tag in the last column, a blank line
        between sentences; `-DOCSTART-` lines are no sentences), or any table with a column of token and one
        of tag lists.
    tags: IOB1, IOB2 (BIO) and BIOES are all read by one rule: a phrase begins at B or S, and at I or E where
        the type changes or no phrase is open.
    tag_names: the class list for numbered tags; a `datasets.Dataset` brings its own.
    types: keep only phrases of these types, such as `["PER", "LOC"]`.

    Rejected rows: a line without a tag, a tag of no known form, token and tag lists of unequal length.

    Raises:
        DataError: a file or a column that does not exist, or a file without any tag.

    >>> row = {"tokens": ["Anna", "saw", "New", "York"], "tags": ["I-PER", "O", "I-LOC", "I-LOC"]}
    >>> from_tagged([row]).records[0].output
    'Anna; New York'
    """
    table = _read_tagged(Path(source), tokens, tags, encoding) if _is_tagged_file(source) else read_table(source)
    require(table, tokens=tokens, tags=tags)
    names = list(tag_names or table.classes.get(tags) or [])

    def make(row: Mapping[Any, Any]) -> Record:
        words = [checked(token, "a token") for token in as_list(row.get(tokens), tokens, None)]
        marks = [_tag_name(tag, names) for tag in as_list(row.get(tags), tags, None)]
        if len(words) != len(marks):
            raise Reject(f"{len(words)} tokens but {len(marks)} tags")
        text = " ".join(words)
        if not text.strip():
            raise Reject("text is empty")
        if any(mark != "O" and not word.strip() for word, mark in zip(words, marks, strict=True)):
            raise Reject("a token of a phrase is empty")
        kept = [phrase for phrase, kind in _tagged_phrases(words, marks) if types is None or kind in types]
        return Record(instruction, text, format_phrases(list(dict.fromkeys(kept))), "extraction")

    return convert(table, make)


def _is_tagged_file(source: Any) -> bool:
    tables = (".csv", ".json", ".jsonl", ".ndjson", ".parquet")
    return (
        isinstance(source, str | os.PathLike)
        and Path(source).is_file()
        and not any(suffix.lower() in tables for suffix in Path(source).suffixes)
    )


def _read_tagged(path: Path, tokens: str, tags: str, encoding: str) -> Table:
    """A few lines of our own: no reader of the libraries in use knows this format."""
    rows: list[dict[str, list[str]] | BadRow] = []
    # split("\n"), never splitlines(): tweets hold U+2028 and its like as tokens
    text = read_text(path, encoding=encoding).replace("\r\n", "\n")
    text = text if "\n" in text else text.replace("\r", "\n")  # old Macintosh files
    for block in re.split(r"\n[ \t]*(?:\n[ \t]*)*\n", text):
        lines = [line for line in block.split("\n") if line.strip(" \t") and not line.startswith("-DOCSTART-")]
        fields = [line.split("\t") if "\t" in line else re.split(" +", line.strip(" ")) for line in lines]
        short = next((line for line, parts in zip(lines, fields, strict=True) if len(parts) < 2), None)
        if short is not None:
            rows.append(BadRow("a line without a tag", short))
        elif fields:
            first, last = [parts[0] for parts in fields], [parts[-1].strip() for parts in fields]
            rows.append({tokens: first, tags: last})
    if not any(isinstance(row, dict) for row in rows):
        raise DataError(
            f"{path.name} holds no line of a token and a tag; for a table of texts use from_phrases or from_spans"
        )
    return Table(path.name, [tokens, tags], lambda: iter(rows))


def _tag_name(tag: Any, names: Sequence[str]) -> str:
    if isinstance(tag, Integral):
        if not 0 <= tag < len(names):
            raise Reject(f"tag {tag} has no name: pass tag_names=[…] with one name for each number")
        tag = names[tag]
    if not TAG.fullmatch(str(tag)):
        raise Reject(f"tag {str(tag)[:30]!r} is neither 'O' nor like 'B-PER'")
    return tag


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

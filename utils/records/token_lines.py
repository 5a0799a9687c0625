"""Files of token lines (CoNLL-2003, CoNLL-U, WNUT, GermEval) as a `Table` of one sentence per row.

No reader of the libraries in use knows this form: a token a line, in columns between tabs or spaces, a blank line
between sentences. Which column holds the token and which the tag differs from file to file, so both can be said.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from utils.errors import DataError, Pass
from utils.files import read_text
from utils.records.extraction import TAG
from utils.records.tables import BadRow, Table, columns_in_words, short

TABLES = (".csv", ".json", ".jsonl", ".ndjson", ".parquet")  # names of other forms
HEADINGS = {"tag", "tags", "ner", "ner_tag", "ner_tags", "label", "labels", "entity"}  # of the column of tags
LONGEST = 1000  # tokens: a longer sentence is a file without blank lines
_COMMENT = re.compile(r"#+\s|#[\w.]+=|-DOCSTART-")
_NAMES = re.compile(r"# *global\.columns *= *(.+)")
_PART = re.compile(r"\d+[-.]\d+")  # CoNLL-U: "1-2" stands for the two lines after it, "8.1" for no word of the text


@dataclass(frozen=True)
class _Lines:
    """Sentences as lists of lines, each a list of fields; `width` is how many most lines have."""

    name: str
    sentences: list[list[list[str]]]
    width: int
    names: list[str]

    @cached_property
    def counted(self) -> bool:
        """Are all lines numbered like parts ("1-1", "0-4"), as annotation tools do it? Then none is a part."""
        first = [fields[0] for fields in _every(self)]
        return sum(_PART.fullmatch(field) is not None for field in first) > 0.9 * len(first) > 0

    def is_part(self, fields: Sequence[str]) -> bool:
        """Does this line stand for others, or for no word of the text?"""
        return not self.counted and _PART.fullmatch(fields[0]) is not None

    def position(self, column: str | int, argument: str) -> int:
        """The position of a column that is given by position, from the end if negative, or by name."""
        if isinstance(column, str) and column in self.names:
            return self.names.index(column)
        if isinstance(column, int) and -self.width <= column < self.width:
            return column % self.width
        there = columns_in_words(self.names or range(self.width))
        raise DataError(f"{self.name} has no column {column!r}; found {there}", Pass(argument, "<one of these>"))


def is_token_file(source: Any) -> bool:
    """Is this the path of a file that its name does not call a table?"""
    if not isinstance(source, str | os.PathLike) or not Path(source).is_file():
        return False
    return not any(suffix.lower() in TABLES for suffix in Path(source).suffixes)


def has_tags(source: Any, tags: str | int | None, encoding: str) -> bool:
    """Is this a file of token lines: does nearly each have a tag in its last column, or in the one that is given?"""
    if not is_token_file(source):
        return False
    lines = _read(Path(source), encoding)
    try:
        at = lines.position(-1 if tags is None else tags, "tags")
    except DataError:
        return False
    tokens = [fields for fields in _every(lines) if len(fields) > max(at, 1) and not lines.is_part(fields)]
    marks = [TAG.fullmatch(fields[at]) for fields in tokens]
    return sum(mark is not None for mark in marks) > 0.9 * len(marks) > 0


def read_token_lines(path: Path, tokens: str | int | None, tags: str | int | None, encoding: str) -> Table:
    """Sentences with the columns "tokens" and "tags"; the arguments and errors are those of `from_tagged`."""
    lines = _read(path, encoding)
    if not any(len(fields) > 1 for fields in _every(lines)):
        raise DataError(f"{path.name} holds no line of a token and a tag; is it a table of texts?")
    token_at = lines.position(0 if tokens is None else tokens, "tokens")
    tag_at = lines.position(-1 if tags is None else tags, "tags")
    if tokens is None:
        _refuse_numbers(lines, tags)
    if len(lines.sentences) == 1 and len(lines.sentences[0]) > LONGEST:
        raise DataError(
            f"{path.name} holds {len(lines.sentences[0]):,} tokens and no blank line between sentences",
            Pass("sentence", "<the column that numbers the sentences>"),
        )
    rows = [row for sentence in lines.sentences if (row := _sentence(sentence, lines, token_at, tag_at))]
    others = [at for at in range(lines.width) if at not in (token_at, tag_at)]
    return Table(
        path.name, ["tokens", "tags"], lambda: iter(rows), left_out=tuple(_described(lines, at) for at in others)
    )


def _read(path: Path, encoding: str) -> _Lines:
    # split("\n"), never splitlines(): tweets hold U+2028 and its like as tokens
    text = read_text(path, encoding=encoding).replace("\r\n", "\n")
    text = text if "\n" in text else text.replace("\r", "\n")  # old Macintosh files
    blocks = [
        [line for line in block.split("\n") if line.strip(" \t")]
        for block in re.split(r"\n[ \t]*(?:\n[ \t]*)*\n", text)
    ]
    plain = [line for block in blocks for line in block if not _COMMENT.match(line)]
    has_tabs = sum("\t" in line for line in plain) > len(plain) / 2

    def split(line: str) -> list[str]:
        return [*line.split("\t")[:-1], line.split("\t")[-1].strip()] if has_tabs else re.split(" +", line.strip(" "))

    width = max(Counter(len(split(line)) for line in plain).items(), key=lambda item: item[1], default=(0, 0))[0]

    def is_token(line: str) -> bool:
        """A line that begins like a comment may be a token: "#" with its tag."""
        fields = split(line)
        return not _COMMENT.match(line) or (
            not line.startswith("-") and len(fields) == width > 1 and any(map(TAG.fullmatch, fields[1:]))
        )

    said = next((found for block in blocks for line in block if (found := _NAMES.match(line))), None)
    names = said[1].split() if said else []
    sentences = [[split(line) for line in block if is_token(line)] for block in blocks]
    sentences = [sentence for sentence in sentences if sentence]
    if sentences and not names and HEADINGS & {field.casefold() for field in sentences[0][0][1:]}:
        names = sentences[0].pop(0)
    return _Lines(path.name, [sentence for sentence in sentences if sentence], width, names)


def _every(lines: _Lines) -> Iterator[list[str]]:
    return (fields for sentence in lines.sentences for fields in sentence)


def _sentence(
    sentence: Sequence[list[str]], lines: _Lines, token_at: int, tag_at: int
) -> dict[str, list[str]] | BadRow | None:
    tokens, tags = [], []
    for fields in sentence:
        if len(fields) < 2:
            return BadRow("a line without a tag", " ".join(fields))
        if len(fields) != lines.width:
            return BadRow(f"a line of {len(fields)} columns instead of {lines.width}", " ".join(fields))
        if token_at > 0 and lines.is_part(fields):
            continue
        tokens.append(fields[token_at])
        tags.append(fields[tag_at])
    return {"tokens": tokens, "tags": tags} if tokens else None


def _refuse_numbers(lines: _Lines, tags: str | int | None) -> None:
    """The first column may count the tokens, and the token stand in the second."""

    def counts(sentence: list[list[str]]) -> bool:
        numbers = [fields[0] for fields in sentence if not lines.is_part(fields)]
        if not all(number.isdecimal() for number in numbers):
            return False
        return all(int(after) == int(before) + 1 for before, after in zip(numbers, numbers[1:], strict=False))

    long = [sentence for sentence in lines.sentences if len(sentence) > 1] or lines.sentences
    if not lines.counted and sum(map(counts, long)) < 0.9 * len(long):
        return
    ways = [Pass("tokens", "1")] if lines.width > 2 else []
    marked = [at for at in range(2, lines.width) if all(_is_tag(fields, at) for fields in _every(lines))]
    if tags is None and len(marked) > 1:
        ways.append(Pass("tags", str(marked[0]), when=f"several columns hold tags ({columns_in_words(marked)})"))
    raise DataError(f"the first column of {lines.name} holds running numbers, not tokens", *ways)


def _is_tag(fields: Sequence[str], at: int) -> bool:
    return at >= len(fields) or TAG.fullmatch(fields[at]) is not None


def _described(lines: _Lines, at: int) -> str:
    """What messages call a column that is not used: its name, or its position and what it holds."""
    if at < len(lines.names):
        return short(lines.names[at])
    empty = ("", "O", "_", "-", "-X-")
    value = next((fields[at] for fields in _every(lines) if at < len(fields) and fields[at] not in empty), "")
    return f"column {at} ({short(value)})" if value and not value.isdecimal() else f"column {at}"

"""The types that the phrases of a file are marked with (PER, LOC): which are there, and is each that is wanted?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from utils.errors import DataError
from utils.files import read_text
from utils.records.extraction import type_of_span
from utils.records.tagged import TAG


def tags_at_line_ends(source: Any, encoding: str) -> list[str]:
    """The tags of a CoNLL-like file, in which nearly every line ends in one; of any other source nothing."""
    if not isinstance(source, str | Path) or not Path(source).is_file() or Path(source).suffix == ".parquet":
        return []
    lines = [line for line in read_text(Path(source), encoding=encoding).split("\n") if line.strip()]
    ends = [line.split()[-1] for line in lines if not line.startswith("-DOCSTART-")]
    tags = [end for end in ends if TAG.fullmatch(end)]
    return tags if len(tags) > 0.9 * len(ends) else []


def check_types(wanted: Sequence[str], marks: Sequence[str], name: str) -> None:
    """Is there a phrase of each type that is asked for? `marks` are tags ("B-PER") or plain types."""
    there = {mark.partition("-")[2] if TAG.fullmatch(mark) else mark for mark in marks} - {""}
    if missing := [kind for kind in wanted if kind not in there]:
        raise DataError(
            f"{name} has no phrase of the type {missing[0]!r}; it has {', '.join(sorted(there)[:20]) or 'no types'}: "
            "set labels to some of them"
        )


def type_of(mark: Any, classes: Sequence[str] | None) -> str:
    """The type that a tag, a class number or a span names; "" if it names none."""
    if isinstance(mark, Mapping | list):
        return type_of_span(mark)
    return classes[mark] if isinstance(mark, int) and classes else str(mark)

"""Files of records, and their fingerprint."""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from utils.errors import DataError
from utils.files import read_text, shown, write_jsonl
from utils.records.conversion import Record, Turn


def save_records(records: Iterable[Record], path: str | os.PathLike[str]) -> Path:
    """Write records as JSON Lines (gzipped for a path that ends in `.gz`); `load_records` gives all of each back."""
    return write_jsonl(
        path,
        (
            {"instruction": record.instruction, "input": record.input, "output": record.output}
            | {name: value for name in ("task", "group", "row", "history") if (value := getattr(record, name))}
            for record in records
        ),
    )


def load_records(path: str | os.PathLike[str]) -> list[Record]:
    """Read what `save_records` wrote.

    Raises:
        DataError: a missing file, or a line that is not a record (for other files there is
            `from_instructions`).
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{shown(path)} does not exist; records are written by save_records, in notebook 01")
    records = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            try:
                records.append(_record(json.loads(line)))
            except (TypeError, ValueError, RecursionError) as error:
                raise DataError(
                    f"{path.name}, line {number} is not a record ({error}); use from_instructions"
                ) from None
    return records


def _record(row: Any) -> Record:
    if not isinstance(row, dict):
        raise TypeError(f"it is of type {type(row).__name__}, not an object with named fields")
    history = tuple(Turn(*turn) for turn in row.get("history", ()))
    for name, value in [*row.items(), *((turn.role, turn.content) for turn in history)]:
        if name != "history" and not isinstance(value, int if name == "row" else str):
            wanted = "a number" if name == "row" else "text"
            raise TypeError(f"{name} is of type {type(value).__name__}, not {wanted}")
    return Record(**row | {"history": history})


def fingerprint(records: Iterable[Record]) -> str:
    """A hash (SHA-256, 16 hex digits) of the records' texts in their order, the same on every machine."""
    digest = hashlib.sha256()
    for record in records:
        # JSON marks where one text ends and the next begins: ("ab", "c") must not hash like ("a", "bc")
        texts = [record.instruction, record.input, record.output, *([record.history] if record.history else [])]
        digest.update(json.dumps(texts).encode() + b"\n")
    return digest.hexdigest()[:16]

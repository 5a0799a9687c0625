"""Files of texts to ask about, read a row at a time, however long they are.

What this module does not do: read training data (`utils.records` does, whole and in more forms).
"""

import csv
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from utils.errors import DataError


def texts_in(path: str | os.PathLike[str], *, header: bool = True) -> Iterator[str | dict[str, Any]]:
    """The rows of a file one by one: JSON Lines, CSV or TSV, or else a text a line.

    Args:
        header: a table's first line names its columns; without one they are "0", "1", …

    Raises:
        DataError: it is not UTF-8, or a line is not JSON.
    """
    path = Path(path)
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            if path.suffix in (".csv", ".tsv"):
                table = csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
                names = next(table, []) if header else None
                for row in table:
                    if row:
                        yield dict(zip(names or map(str, range(len(row))), row, strict=False))
                return
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _value(line, path, number) if path.suffix == ".jsonl" else line.rstrip("\r\n")
        except UnicodeDecodeError:
            raise DataError(f"{path.name} is not UTF-8: save it in UTF-8") from None


def _value(line: str, path: Path, number: int) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path.name}, line {number}: not JSON ({error})") from None

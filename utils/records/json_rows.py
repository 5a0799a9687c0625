"""Rows of JSON and JSON Lines files; many a file holds the other of the two than its name says."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from utils.errors import DataError
from utils.files import read_text
from utils.records.tables import BadRow


def json_rows(path: Path, *, lines: bool, encoding: str) -> list[Any]:
    """The rows of a JSON file (one list) or of a JSON Lines file, whichever it is, by its content.

    Args:
        lines: what its name says: an object per line.

    Raises:
        DataError: it holds neither, or no rows.
    """
    text = read_text(path, encoding=encoding)
    problem = ""
    if not lines or text.lstrip().startswith("["):  # many a .jsonl file holds one list
        try:
            whole = json.loads(text)
        except (ValueError, RecursionError) as error:  # ValueError: also a number of thousands of digits
            problem = "" if lines else f"not valid JSON: {error}"
            lines = True  # many a .json file holds one object per line
        else:
            lines = False
            # SQuAD and others wrap their rows once: {"version": ..., "data": [...]}
            whole = whole.get("data", whole) if isinstance(whole, dict) else whole
            if not isinstance(whole, list):
                keys = f" with the keys {', '.join(list(whole)[:8])}" if isinstance(whole, dict) else ""
                keys += f" and {len(whole) - 8:,} more" if keys and len(whole) > 8 else ""
                raise DataError(
                    f"{path.name} holds one {type(whole).__name__}{keys}: pass a list of objects "
                    "(pandas writes one with to_json(orient='records'))"
                )
            rows = whole
    if lines:
        # split("\n"), never splitlines(): U+2028 and its like are allowed inside a JSON string
        rows = [_json_line(line) for line in text.split("\n") if line.strip()]
    if not rows:
        raise DataError(f"{path.name} holds no rows")
    if not any(isinstance(row, Mapping) for row in rows):
        what = getattr(
            rows[0], "reason", f"its rows are of type {type(rows[0]).__name__}, not objects with named fields"
        )
        raise DataError(f"{path.name}: {problem or what}")
    return rows


def _json_line(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        return BadRow(f"not valid JSON: {error}", line)

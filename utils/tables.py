"""What every reader returns (a `Table`), what it raises (`DataError`), and the one place that decodes text files."""

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class DataError(ValueError):
    """The data is not what it should be; the message names it and says what to pass instead."""


@dataclass(frozen=True)
class BadRow:
    """Stands in a table for a row that could not be read."""

    reason: str
    excerpt: str


@dataclass(frozen=True)
class Table:
    """Rows with a name for error messages; `rows()` starts a new iteration, `classes` maps columns to class lists."""

    name: str
    columns: list[str | int]
    rows: Callable[[], Iterator[Mapping[Any, Any] | BadRow]]
    classes: Mapping[str, list[str]] = field(default_factory=dict)


def read_text(path: Path, *, encoding: str = "utf-8") -> str:
    """The whole text of a plain or gzipped file, without BOM, line ends untouched.

    Raises:
        DataError: not in this encoding, or not a whole gzip file.
    """
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return data.decode("utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path.name} cannot be read: {error}") from None
    except UnicodeDecodeError as error:
        guess = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252"
        raise DataError(
            f"{path.name} is not {encoding} (byte 0x{data[error.start]:02x} at position {error.start:,}): "
            f"pass its encoding, as in read_table({path.name!r}, encoding={guess!r})"
        ) from None

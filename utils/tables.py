"""What every reader returns (a `Table`), what it raises (`DataError`), and the one place that opens files."""

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ZIP = b"PK\x03\x04"
GZIP = b"\x1f\x8b"


class DataError(ValueError):
    """The data is not what it should be; the message names it and says what to pass instead."""


@dataclass(frozen=True)
class BadRow:
    """Stands in a table for a row that could not be read."""

    reason: str
    excerpt: str


@dataclass(frozen=True)
class Table:
    """Rows with a name for error messages; `rows()` starts a new iteration, `classes` maps columns to class lists.

    has_header: the columns were named by the first line of a text file, which may have been a row.
    """

    name: str
    columns: list[str | int]
    rows: Callable[[], Iterator[Mapping[Any, Any] | BadRow]]
    classes: Mapping[str, list[str]] = field(default_factory=dict)
    has_header: bool = False


def counted(number: int, noun: str) -> str:
    """A number and its noun, for messages.

    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def shown(path: Path) -> str:
    """A path as messages name it: as it is if relative, else only the end of it."""
    return str(Path("…", *path.parts[-2:])) if path.is_absolute() else str(path)


def no_file(path: Path) -> str:
    """Why nothing can be read from this path, and what there is instead."""
    if (path / "dataset_dict.json").exists():
        splits = sorted(part.name for part in path.iterdir() if part.is_dir())
        return f"holds several splits ({', '.join(splits)}): pass the folder of one of them"
    folder = path if path.is_dir() else path.parent
    there = sorted(p.name for p in folder.glob("[!.]*") if p.is_file())[:8] if folder.is_dir() else []
    found = f" ({'in' if path.is_dir() else 'beside'} it: {', '.join(there)})" if there else ""
    return ("is a folder" if path.is_dir() else "does not exist") + f"; pass a file{found}"


def read_bytes(path: Path) -> bytes:
    """The bytes of a file, unpacked if it is gzipped (by its name or by its first bytes).

    Raises:
        DataError: not a whole gzip file, or a zip archive (which an Excel workbook is, too).
    """
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" or data.startswith(GZIP) else data
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path.name} cannot be read: {error}") from None
    if data.startswith(ZIP):
        raise DataError(f"{path.name} is a zip archive or an Excel workbook: unpack it, or save the sheet as CSV")
    return data


def read_text(path: Path, *, encoding: str = "utf-8") -> str:
    """The whole text of a plain or gzipped file, without BOM, line ends untouched.

    Raises:
        DataError: not in this encoding, an encoding that does not exist, or as `read_bytes`.
    """
    data = read_bytes(path)
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise DataError(f"{encoding!r} is no known encoding: pass one such as 'utf-8', 'cp1252' or 'utf-16'") from None
    except UnicodeDecodeError as error:
        guess = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252"
        raise DataError(
            f"{path.name} is not {encoding} (byte 0x{data[error.start]:02x} at position {error.start:,}): "
            f"{_pass(path, 'latin-1' if guess == encoding.lower() else guess)}"
        ) from None
    except UnicodeError as error:
        raise DataError(f"{path.name} is not {encoding} ({error}): {_pass(path, 'utf-8')}") from None
    if text.count("\0") > len(text) / 4:  # UTF-16 without a BOM is valid UTF-8
        raise DataError(
            f"{path.name} is not {encoding}, for it is full of NUL characters: "
            f"{_pass(path, 'utf-16-be' if data[0] == 0 else 'utf-16-le')}"
        )
    return text


def _pass(path: Path, encoding: str) -> str:
    return f"pass its encoding, as in read_table({path.name!r}, encoding={encoding!r})"

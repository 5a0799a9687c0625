"""Where the project lies, how a path is found, and the one way to read text and to write a file whole.

A file is written under another name and renamed when it is complete, so nobody ever reads half of it.
"""

import gzip
import hashlib
import json
import os
import uuid
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from utils.errors import DataError, Pass

ROOT = Path(__file__).resolve().parents[1]  # the folder that holds utils/, data/ and notebooks/
ZIP, GZIP = b"PK\x03\x04", b"\x1f\x8b"
NOT_TEXT = {  # how files begin that are sometimes given a wrong name
    b"\x89PNG": "a PNG image", b"\xff\xd8\xff": "a JPEG image", b"GIF89a": "a GIF image", b"%PDF-": "a PDF document",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word document", b"PAR1\x15": "a Parquet file",
    b"SQLite format 3\0": "an SQLite database", b"\x7fELF": "a program",
}  # fmt: skip
_CONTROLS = bytes({*range(32)} - set(b"\t\n\v\f\r\x1a\x1b"))


def find_path(path: str | os.PathLike[str]) -> Path | None:
    """The path seen from here or, if there is no such thing, from the project; None if neither is there."""
    return next((place for place in (Path(path), ROOT / path) if place.exists()), None)


def shown(path: Path) -> str:
    """A path as messages name it: as it is if relative, else only the end of it."""
    return str(Path("…", *path.parts[-2:])) if path.is_absolute() else str(path)


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
    if what := next((what for start, what in NOT_TEXT.items() if data.startswith(start)), _binary(data, encoding)):
        raise DataError(f"{path.name} is {what}, not text", "pass another file")

    def other(name: str) -> Pass:
        return Pass("encoding", repr(name), call=f"read_table({path.name!r}, …)")

    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise DataError(f"there is no encoding {encoding!r}", "use one such as 'utf-8', 'cp1252' or 'utf-16'") from None
    except UnicodeDecodeError as error:
        guess = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252"
        raise DataError(
            f"{path.name} is not {encoding} (byte 0x{data[error.start]:02x} at position {error.start:,})",
            other("latin-1" if guess == encoding.lower() else guess),
        ) from None
    except UnicodeError as error:
        raise DataError(f"{path.name} is not {encoding} ({error})", other("utf-8")) from None
    if text.count("\0") > len(text) / 4:  # UTF-16 without a BOM is valid UTF-8
        raise DataError(
            f"{path.name} is not {encoding}, for it is full of NUL characters",
            other("utf-16-be" if data[0] == 0 else "utf-16-le"),
        )
    return text


def _binary(data: bytes, encoding: str) -> str:
    """What data is that no text of this encoding begins with: NUL, and a tenth or more of it control characters.

    UTF-16 and UTF-32, with NUL in two or three of four places, are not meant.
    """
    start = data[:4096]
    is_wide = encoding.lower().startswith(("utf-16", "utf16", "utf-32", "utf32")) or start[:2] in (
        b"\xff\xfe", b"\xfe\xff",
    )  # fmt: skip
    if is_wide or start[0::2].count(0) > len(start) * 0.4 or start[1::2].count(0) > len(start) * 0.4:
        return ""
    controls = len(start) - len(start.translate(None, _CONTROLS))
    return "a file of another kind" if b"\0" in start and controls > len(start) / 10 else ""


def read_json(path: str | os.PathLike[str]) -> Any:
    """The content of a JSON file in UTF-8.

    Raises:
        DataError: it cannot be read, or is not JSON.
    """
    path = Path(path)
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, DataError) else DataError(f"{path.name} is not JSON: {error}") from None


def read_jsonl(path: str | os.PathLike[str]) -> list[Any]:
    """The values of a JSON Lines file in UTF-8; empty lines are passed over.

    Raises:
        DataError: it cannot be read, or a line of it is not JSON.
    """
    path, values = Path(path), []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            try:
                values.append(json.loads(line))
            except (ValueError, RecursionError) as error:
                raise DataError(f"{path.name}, line {number} is not JSON: {error}") from None
    return values


def sha256(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file's bytes, 64 hex digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest(paths: Iterable[Path]) -> str:
    """16 hex digits (SHA-256) that change when the name or the content of one of these files does."""
    of_all = hashlib.sha256()
    for path in paths:
        of_all.update(path.name.encode() + b"\n" + path.read_bytes())
    return of_all.hexdigest()[:16]


def write_text(path: str | os.PathLike[str], text: str | Iterable[str]) -> Path:
    """Write a text, or its parts one by one; gzipped, with the same bytes each time, if the name ends in `.gz`.

    Characters that UTF-8 cannot store (half a surrogate pair) are written as escapes.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        with partial.open("wb") as stream:
            packed = gzip.GzipFile(filename="", fileobj=stream, mode="wb", mtime=0) if path.suffix == ".gz" else stream
            for part in [text] if isinstance(text, str) else text:
                packed.write(part.encode(errors="backslashreplace"))
            if packed is not stream:
                packed.close()
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def write_json(path: str | os.PathLike[str], content: Any) -> Path:
    """Write indented JSON, characters as they are."""
    return write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_jsonl(path: str | os.PathLike[str], rows: Iterable[Any]) -> Path:
    """Write one JSON value a line. U+2028 and its like are escaped, so that every reader finds the same lines."""
    return write_text(path, (json.dumps(row, ensure_ascii=False).translate(_LINE_ENDS) + "\n" for row in rows))


_LINE_ENDS = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}

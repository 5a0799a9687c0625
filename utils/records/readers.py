"""Read a file, a dataset or a list into one kind of table, without losing or inventing a row.

Delimited text goes to `delimited`, Parquet to pyarrow, datasets and Hub names to `datasets`. Values are
not interpreted: "NA" and "007" stay text. An encoding is not guessed.
"""

import io
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from utils.errors import DataError, Pass
from utils.files import read_bytes, shown
from utils.records.delimited import read_delimited
from utils.records.json_rows import json_rows
from utils.records.tables import BadRow, Table

NARROW = ("float", "float32")  # what Arrow and `datasets` call numbers of 32 bits
HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


def read_table(
    source: Any,
    *,
    header: bool = True,
    sep: str | None = None,
    quote: str | None = None,
    encoding: str = "utf-8",
) -> Table:
    """Open a path, a Hub dataset name (its train split), a `datasets.Dataset` or a list of dicts as a `Table`.

    header, sep, quote and encoding matter for text files only. Without a header line the columns are called
    0, 1, 2 …; `sep` is found from a first line `sep=;` or from the first lines. `quote` is the character that wraps
    fields, or "none" where quotes are part of the text; whether double quotes are the one or the other is found from
    the whole file.

    Raises:
        DataError: missing, empty, of an unknown kind, in another encoding, or with quotes that do not pair up.

    >>> read_table([{"Label": "Complaint", "Text": "Dirty room"}]).columns
    ['Label', 'Text']
    """
    if isinstance(source, Table):
        return source
    if isinstance(source, list):
        return _from_list(source, "the list")
    if isinstance(source, Mapping) and hasattr(source, "column_names"):
        raise DataError(
            f"a DatasetDict holds several splits ({', '.join(source)}): pass one of them, "
            f"as in data[{next(iter(source))!r}]"
        )
    if hasattr(source, "column_names") and hasattr(source, "iter") and hasattr(source, "num_rows"):
        return _from_dataset(source, "the dataset")
    if not isinstance(source, str | os.PathLike):
        raise DataError(
            f"cannot read a source of type {type(source).__name__}: pass a path, a Hub name, a datasets.Dataset or a "
            "list of dicts (from a pandas DataFrame: frame.to_dict('records'))"
        )
    path = Path(source)
    try:
        is_folder = path.is_dir()
    except OSError as error:  # a name too long, as where the text itself is passed
        raise DataError(
            f"{str(path)[:40]!r} … is not a path ({error.strerror}): pass that of a file, not its text"
        ) from None
    if is_folder and (path / "state.json").exists():
        return _from_folder(path)
    if path.is_file():
        kind = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"][-1:]
        if path.stat().st_size == 0:
            raise DataError(f"{path.name} is empty")
        if kind == [".parquet"]:
            return _from_parquet(path)
        if kind in ([".json"], [".jsonl"], [".ndjson"]):
            return _from_list(json_rows(path, lines=kind != [".json"], encoding=encoding), path.name)
        return read_delimited(path, header=header, sep=sep, quote=quote, encoding=encoding)
    if isinstance(source, str) and HUB_NAME.fullmatch(source) and not path.suffix[1:].isalpha():
        return _from_hub(source)
    raise DataError(f"{shown(path)} {_no_file(path)}")


def _no_file(path: Path) -> str:
    """Why nothing can be read from this path, and what there is instead."""
    if (path / "dataset_dict.json").exists():
        splits = sorted(part.name for part in path.iterdir() if part.is_dir())
        return f"holds several splits ({', '.join(splits)}): pass the folder of one of them"
    folder = path if path.is_dir() else path.parent
    there = sorted(p.name for p in folder.glob("[!.]*") if p.is_file())[:8] if folder.is_dir() else []
    found = f" ({'in' if path.is_dir() else 'beside'} it: {', '.join(there)})" if there else ""
    return ("is a folder" if path.is_dir() else "does not exist") + f"; pass a file{found}"


def table_for(source: Any, *columns: str | int | None) -> Table:
    """`read_table(source)`; columns given by position mean that a text file has no header line."""
    return read_table(source, header=not any(isinstance(column, int) for column in columns))


def _from_list(rows: list[Any], name: str, classes: Mapping[str, list[str]] | None = None) -> Table:
    bad = {
        i: BadRow(f"of type {type(row).__name__}, not an object with named fields", str(row))
        for i, row in enumerate(rows)
        if not isinstance(row, Mapping | BadRow)
    }
    checked = [bad.get(i, row) for i, row in enumerate(rows)] if bad else rows
    columns = list(dict.fromkeys(key for row in checked if isinstance(row, Mapping) for key in row))
    return Table(name, columns, lambda: iter(checked), classes or {})


def _from_folder(path: Path) -> Table:
    from datasets import load_from_disk

    try:
        return _from_dataset(load_from_disk(str(path)), path.name)
    except Exception as error:  # a folder without rows, or with a part missing: each has another type
        raise DataError(
            f"{path.name} cannot be loaded as a saved dataset ({_first_line(error)}): save it again"
        ) from None


def _from_dataset(data: Any, name: str) -> Table:
    narrow = [column for column, kind in data.features.items() if getattr(kind, "dtype", "") in NARROW]

    def rows() -> Iterator[dict[str, Any]]:
        for batch in data.with_format(None).iter(batch_size=1000):
            batch |= {column: _shortest(batch[column]) for column in narrow}
            yield from (dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True))

    return Table(name, list(data.column_names), rows, _class_lists(data.features))


def _shortest(values: list[float | None]) -> list[float | None]:
    """Numbers of 32 bits by their own digits: 0.1, which is 0.10000000149011612 when read with those of 64 bits."""
    import numpy

    return [None if value is None else float(str(numpy.float32(value))) for value in values]


def _class_lists(features: Mapping[str, Any]) -> dict[str, list[str]]:
    # ClassLabel carries its names; a list of them (CoNLL tags) keeps it under `.feature`.
    inner = {column: getattr(kind, "feature", kind) for column, kind in features.items()}
    return {column: list(kind.names) for column, kind in inner.items() if getattr(kind, "names", None)}


def _from_hub(name: str) -> Table:
    from datasets import load_dataset

    try:
        return _from_dataset(load_dataset(name, split="train"), name)
    except Exception as error:  # whatever the Hub client raises, the reader needs one sentence
        raise DataError(
            f"{name} is not a file here, and loading it as a Hub dataset failed ({_first_line(error)})",
            Pass("source", "datasets.load_dataset(name, config, split=…)", when="for another split or configuration"),
        ) from None


def _first_line(error: Exception) -> str:
    return str(error).split("\n")[0]


def _from_parquet(path: Path) -> Table:
    import pyarrow
    import pyarrow.parquet

    source = io.BytesIO(read_bytes(path)) if path.suffix == ".gz" else path
    try:
        schema = pyarrow.parquet.read_schema(source)
    except (pyarrow.ArrowException, OSError) as error:  # OSError: a damaged footer
        raise DataError(f"{path.name} is not a Parquet file: {_first_line(error)}") from None
    classes = {}
    if b"huggingface" in (schema.metadata or {}):
        from datasets import Features

        classes = _class_lists(Features.from_arrow_schema(schema))

    narrow = [column for column, kind in zip(schema.names, schema.types, strict=True) if str(kind) in NARROW]

    def rows() -> Iterator[dict[str, Any]]:
        try:
            for batch in pyarrow.parquet.ParquetFile(source).iter_batches():
                columns = batch.to_pydict()
                columns |= {column: _shortest(columns[column]) for column in narrow}
                yield from (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))
        except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path.name} is damaged: {_first_line(error)}") from None

    return Table(path.name, list(schema.names), rows, classes)

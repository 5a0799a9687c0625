"""The rows that a run reads: of a file, and of a second one with test rows, where there is one.

What this module does not do: find the form of a file (`columns` does), or judge its rows.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from utils.errors import DataError
from utils.records import Conversion, Record, exchanges
from utils.your_data.account import Account, unused_row
from utils.your_data.columns import locate, read_records
from utils.your_data.faults import Row

SOURCE = ("task", "text_column", "answer_column", "instruction_column", "group_column", "sentence_column",
          "column_labels", "labels", "label_names", "instruction", "encoding", "separator", "quote")  # fmt: skip
BESIDE = "beside"  # as test_path: the file beside the data whose name ends in _test, where there is one


def read_rows(settings: Mapping[str, Any]) -> Account:
    """Convert the file, draw `limit` records by chance, and convert the test file if there is one.

    Raises:
        DataError: as `columns.read_records`; the message begins with the name of the test file if that is at fault.
    """
    columns = {name: value for name, value in settings.items() if name in SOURCE}
    conversion = read_records(settings["data_path"], **columns)
    single, shortened = _as_asked(conversion.records, settings["task"])
    conversion = replace(conversion, records=single)
    records, _ = draw(conversion, limit=settings["limit"], seed=settings["seed"])
    left_out = [unused_row(note.row, "reading", note.reason, note.excerpt) for note in conversion.rejected]
    left_out += shortened
    counts = {"rows_in": conversion.rows_in, "records": len(conversion.records), "rejected": len(conversion.rejected)}
    counts |= {"used": len(records)}
    if not (path := test_file(settings)):
        return Account(records, [], left_out, counts, conversion)
    name = Path(path).name
    try:
        found = read_records(path, **columns)
    except DataError as error:
        raise DataError(f"{error} (test rows; set test_path to another file, or to '' to split some off)") from None
    test, shortened = _as_asked(found.records, settings["task"])
    test, strange = _with_the_same_question(test, conversion.records)
    test, unasked = _some(test, settings["test_rows"], settings["seed"])
    left_out += [unused_row(note.row, "reading", note.reason, note.excerpt, name) for note in found.rejected]
    left_out += [row | {"file": name} for row in shortened]
    left_out += [unused_row(r.row, "reading", f"label {r.output!r} is not in the data", r.input, name) for r in strange]
    counts |= {"test_rows_in": found.rows_in, "test_rows_not_drawn": len(unasked)}
    return Account(records, test, left_out, counts, conversion)


def test_file(settings: Mapping[str, Any]) -> str:
    """The file with test rows that the settings name or that lies beside the data; "" if they are to be split off."""
    wanted, data = settings["test_path"], Path(str(locate(settings["data_path"])))
    if wanted != BESIDE:
        return locate(wanted) if wanted else ""
    beside = data.with_name(data.name.replace(data.suffix, "_test" + data.suffix, 1)) if data.suffix else data
    return str(beside) if data.is_file() and beside != data and beside.is_file() else ""


def draw(conversion: Conversion, *, limit: int, seed: int) -> tuple[list[Record], list[int]]:
    """At most `limit` records, drawn by chance, in their old order (0: all), and the row of the file of each."""
    records, _ = _some(conversion.records, limit, seed)
    return records, [record.row for record in records]


def _some(records: Sequence[Record], most: int, seed: int) -> tuple[list[Record], list[Record]]:
    every = range(len(records))
    chosen = set(random.Random(seed).sample(every, most)) if 0 < most < len(records) else set(every)
    return [records[i] for i in every if i in chosen], [records[i] for i in every if i not in chosen]


def _as_asked(records: Sequence[Record], task: str) -> tuple[list[Record], list[Row]]:
    """For the task "conversation" the records as they are; for any other the first exchange, which needs nothing before
    it."""
    single, notes = [], []
    for record in records:
        if record.history and task != "conversation":
            every = exchanges(record)
            first, _ = every[0]
            record = replace(first, row=record.row, group=record.group)
            why = f"the first of {len(every)} exchanges is used: set task to conversation for all of them"
            notes.append(unused_row(record.row, "shortened", why, record.input or record.instruction))
        single.append(record)
    return single, notes


def _with_the_same_question(test: list[Record], train: list[Record]) -> tuple[list[Record], list[Record]]:
    """Test records asked as the training rows are: a list of labels in their instruction comes from those; and the
    records whose label no training row has."""
    labels, asked = {record.output for record in train}, {record.instruction for record in train}
    if len(asked) != 1 or any(record.task != "classification" for record in (*test, *train)):
        return test, []
    [instruction] = asked
    known = [replace(record, instruction=instruction) for record in test if record.output in labels]
    return known, [record for record in test if record.output not in labels]

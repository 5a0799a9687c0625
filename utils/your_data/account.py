"""An account of a run's rows: what is used, and what is left out, at which stage and why.

Each stage returns a new one, so nothing is lost in silence, and a cell that runs twice counts nothing twice.
"""

from collections import Counter
from dataclasses import dataclass

from utils.quality import Finding
from utils.records import Conversion, Record
from utils.text import excerpt
from utils.your_data.faults import Row


@dataclass(frozen=True)
class Account:
    """What is used of a file, and what is not.

    Attributes:
        records: to train on; `test`: to test with, from a file of their own or split off; `validation`: spared.
        left_out: `{"row", "stage", "reason", "excerpt"}` of each row that is not used, or was shortened.
        counts: rows in, records, and what was left of them at each stage.
    """

    records: list[Record]
    test: list[Record]
    left_out: list[Row]
    counts: dict[str, int]
    conversion: Conversion
    validation: list[Record] | tuple[()] = ()
    findings: list[Finding] | tuple[()] = ()


def unused_row(row: int, stage: str, reason: str, text: str, file: str = "") -> Row:
    """A row that is left out; `file` where it is not that of the data."""
    left_out: Row = {"row": row, "stage": stage, "reason": reason, "excerpt": excerpt(text)}
    return left_out | ({"file": file} if file else {})


def label_counts(rows: Account) -> dict[str, dict[str, int]]:
    """How many rows of each label every part has: `{"train": {"Praise": 40, …}, "validation": …, "test": …}`."""
    parts = {"train": rows.records, "validation": rows.validation, "test": rows.test}
    return {name: dict(Counter(record.output for record in part)) for name, part in parts.items()}

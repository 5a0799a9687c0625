"""Rows between reading and training: checked, cleaned, and divided into rows to train, validate and test with.

What this module does not do: find faults (`utils.quality` and `faults`), or make ids (`fitting`).
"""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from utils.errors import DataError
from utils.prompts import PromptTemplate
from utils.quality import Finding, apply_safe_fixes, lint
from utils.records import Record, split
from utils.text import counted
from utils.your_data.account import Account, unused_row
from utils.your_data.artefacts import write_faults
from utils.your_data.faults import faulty_rows, problems
from utils.your_data.templates import check_enough

FEWEST_FOR_VALIDATION, VALIDATION_ROWS = 40, (4, 32)  # training rows from which some are spared; least and most of them


def clean(rows: Account, template: PromptTemplate, *, folder: Path, on_errors: str) -> Account:
    """Look for errors, list the faulty rows in a file in any case, and apply the fixes that need no judgement.

    Args:
        on_errors: "stop" at faulty rows, "drop" them and go on, or "keep" them.

    Raises:
        DataError: there are faulty rows and `on_errors` is "stop"; or too little is left to learn from.
    """
    findings = lint(rows.records)
    faulty, at = faulty_rows(rows.conversion, rows.records, findings)
    path = write_faults(folder, faulty)
    if faulty and on_errors == "stop":
        some = f"{'; '.join(problems(rows.conversion, findings))}. {counted(len(faulty), 'faulty row')}, "
        numbers = ", ".join(str(row["row"]) for row in faulty[:5]) + (", …" if len(faulty) > 5 else "")
        raise DataError(
            f"the data has errors: {some}listed in {path} (row {numbers}). Correct them, or set on_errors to drop, "
            "which leaves these rows out, or to keep, which trains on them"
        )
    dropped = at if on_errors == "drop" else set()
    left_out = [*rows.left_out]
    numbers = {rows.records[i].row for i in dropped}
    left_out += [row for row in faulty if row["row"] in numbers]
    kept = [record for i, record in enumerate(rows.records) if i not in dropped]
    parts = []
    for records, name in ((kept, ""), (rows.test, "the test file")):
        fixed, changes = apply_safe_fixes(records)
        gone = [(records[change.row], change.rule) for change in changes if change.action == "dropped"]
        left_out += [unused_row(r.row, "cleaning", rule, r.input or r.instruction, name) for r, rule in gone]
        parts.append(fixed)
    check_enough(parts[0], template)
    counts = rows.counts | {"faulty": len(faulty), "after_cleaning": len(parts[0])}
    return replace(rows, records=parts[0], test=parts[1], left_out=left_out, counts=counts, findings=findings)


def warnings_of(findings: Iterable[Finding]) -> list[str]:
    """What is to be said of labels before any training: rare ones, and those that are far more frequent than others."""
    rare = [finding.message for finding in findings if finding.rule == "rare_label"]
    said = [f"imbalance: {f.message}; read macro F1 beside accuracy" for f in findings if f.rule == "label_imbalance"]
    if rare:
        more = f" and {len(rare) - 5} more" if len(rare) > 5 else ""
        said.append(f"{counted(len(rare), 'label')} with fewer than 10 rows each: {'; '.join(rare[:5])}{more}")
    return said


def divide(rows: Account, *, test_fraction: float, test_rows: int, seed: int) -> Account:
    """Split test rows off unless they have a file of their own, then validation rows, without a leak between parts.

    Args:
        test_fraction: share of the rows that is kept for the test, if it is split off.
        test_rows: most of them (0: any number); the others are trained on.

    Raises:
        DataError: rows that are too few or too much alike.
    """
    train, test, left_out = rows.records, rows.test, [*rows.left_out]
    if test:
        leaks = {finding.row for finding in lint(train, test=test) if finding.rule == "leakage"}
        left_out += [
            unused_row(train[at].row, "splitting", "nearly a test row", train[at].input) for at in sorted(leaks)
        ]
        train = [record for at, record in enumerate(train) if at not in leaks]
    else:
        fraction = min(test_fraction, test_rows / len(train)) if test_rows else test_fraction
        train, test = split(train, test_fraction=fraction, seed=seed)
    train, validation = spare_validation(train, seed=seed)
    return replace(rows, records=train, validation=validation, test=test, left_out=left_out)


def spare_validation(train: Sequence[Record], *, seed: int) -> tuple[list[Record], list[Record]]:
    """Divide training rows once more: (train, validation), without a leak between them.

    The validation rows say which weights to keep, so they must not be test rows. They are a tenth of the training rows,
    4 to 32; there are none where fewer than 40 rows are to be trained on, or these are so alike that 4 can't be spared.

    >>> [len(part) for part in spare_validation([Record("Say it", str(i), "x") for i in range(50)], seed=1)]
    [45, 5]
    """
    fewest, most = VALIDATION_ROWS
    if len(train) < FEWEST_FOR_VALIDATION:
        return list(train), []
    wished = min(most, max(fewest, round(len(train) / 10)))
    try:
        with warnings.catch_warnings(action="ignore"):  # that there are fewer: whoever calls this counts them
            rest, validation = split(train, test_fraction=wished / len(train), seed=seed)
    except DataError:
        return list(train), []
    return (rest, validation) if len(validation) >= fewest else (list(train), [])

"""Labels and texts → records: an instruction that names the allowed labels, the text, its label."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from utils.errors import DataError, Pass
from utils.records.conversion import Conversion, Record, Reject, convert, group_of, require, text_of
from utils.records.readers import table_for
from utils.records.tables import BadRow, Table, columns_in_words, short
from utils.text import counted

CLASSIFICATION_INSTRUCTION = "Classify the text below as one of: {labels}."


def from_labels(
    source: Any,
    *,
    text: str | int | Sequence[str | int],
    label: str | int,
    instruction: str | None = None,
    labels: Sequence[str] | None = None,
    label_names: Mapping[Any, str] | None = None,
    group: str | int | None = None,
) -> Conversion:
    """Turn rows of a text and its label into records: instruction, input = text, output = label.

    source: a path (CSV, TSV, JSON, JSONL, Parquet, each plain or .gz), a `datasets.Dataset`, the name of one
        on the Hub, a list of dicts, or what `read_table` returned.
    text, label, group: column names, or positions (0 is the first) for a file without a header line. Several
        text columns are joined by a newline. Outer white space of text and label is dropped.
    instruction: default `CLASSIFICATION_INSTRUCTION`; `{labels}` in it becomes the list of labels.
    labels: the allowed labels in the order to name them; also the class list when the column holds numbers
        from 0, which are text ("0", "1") in a CSV. Default: the class list of the dataset, else all labels
        found, sorted. Pass it whenever training and test data are converted apart, so that both get the
        same instruction.
    label_names: readable names, `{raw: name}`; with no `labels` its keys are the allowed labels. For numbers
        that start at 1: `label_names={1: "World", 2: "Sports", …}`.

    Rejected rows: no text, no label, a label that is not allowed.

    Raises:
        DataError: a column that does not exist, no row with an allowed label, class numbers that start at 1
            with a `labels` list, names and numbers in one column, or a label column in which nearly every row
            has a value of its own.

    >>> rows = [{"Label": "Complaint", "Text": "Dirty"}, {"Label": "Non-Complaint", "Text": "Kind staff"}]
    >>> from_labels(rows, text="Text", label="Label").records[0].instruction
    'Classify the text below as one of: Complaint, Non-Complaint.'
    """
    texts = [text] if isinstance(text, str | int) else list(text)
    if isinstance(labels, str):
        raise DataError(f"labels is the text {labels[:40]!r}, not a list", Pass("labels", "['Complaint', 'Praise']"))
    table = table_for(source, *texts, label)
    require(table, label=label, group=group)
    for column in texts:
        require(table, text=column)
    classes = labels or table.classes.get(label)
    names = {str(raw): name for raw, name in (label_names or {}).items()}
    allowed = _allowed(classes, names)
    found: Counter[str] = Counter()

    def make(row: Mapping[Any, Any]) -> Record:
        body = "\n".join(part for column in texts if (part := text_of(row, column, missing="").strip()))
        raw = sys.intern(text_of(row, label, missing="").strip())  # a million rows share a few labels
        if not raw:
            raise Reject("label is missing")
        found[raw] += 1
        if allowed and raw not in allowed:
            raise Reject(f"unknown label {raw!r}: allowed are {_some(allowed.values())}")
        if not body:
            raise Reject("text is empty")
        return Record("", body, allowed.get(raw, raw), "classification", group_of(row, group))

    result = convert(table, make, used=(*texts, label, group))
    _check_labels(table, label, classes, allowed, found, said=names)
    shown = list(dict.fromkeys(allowed.values())) or sorted({record.output for record in result.records})
    wording = instruction if instruction is not None else CLASSIFICATION_INSTRUCTION
    wording = wording.replace("{labels}", ", ".join(shown))
    for record in result.records:  # they are new, and copies would take as much memory again
        object.__setattr__(record, "instruction", wording)
    return result


def _allowed(classes: Sequence[str] | None, names: Mapping[str, str]) -> dict[str, str]:
    """Raw value → label shown; empty when every label found is allowed."""
    if not classes:
        return dict(names)
    known = [str(name) for name in classes]
    numbers = {} if any(name.isdigit() for name in known) else {str(i): name for i, name in enumerate(known)}
    known_as = {name: name for name in known} | numbers
    # {0: "bad"} renames class 0, unless "bad" is a class itself: then it only says what the number means
    renamed = {name: names[raw] for raw, name in numbers.items() if raw in names and names[raw] not in known}
    shown = {raw: names.get(raw, names.get(name, renamed.get(name, name))) for raw, name in known_as.items()}
    # another spelling of an allowed label, such as {"complaint": "Complaint"}, is one more raw value of it
    return shown | {raw: name for raw, name in names.items() if name in shown.values()}


def _some(labels: Iterable[str]) -> str:
    unique = list(dict.fromkeys(labels))
    return ", ".join(unique[:10]) + (f" and {len(unique) - 10} more" if len(unique) > 10 else "")


def _check_labels(
    table: Table,
    label: str | int,
    classes: Sequence[str] | None,
    allowed: Mapping[str, str],
    found: Counter[str],
    *,
    said: Mapping[str, str],
) -> None:
    count = len(classes or [])
    # a number stands for a label if it is not a label itself and nobody has said what it means
    numbers = [raw for raw in found if raw.isdigit() and raw in allowed and raw not in said and raw != allowed[raw]]
    words = [raw for raw in found if raw in allowed and not raw.isdigit()]
    if numbers and words:
        raise DataError(
            f"{table.name}: column {label!r} holds both names ({words[0]!r}) and numbers ({numbers[0]!r}), and nothing "
            "says what the numbers mean",
            Pass("label_names", f"{{{numbers[0]!r}: {allowed[words[0]]!r}}}"),
            "repair the column",
        )
    if allowed and "0" in allowed and str(count) in found and "0" not in found and str(count) not in allowed:
        shown = ", ".join(f"{i}: {name!r}" for i, name in enumerate(classes[:2], start=1))
        raise DataError(
            f"{table.name}: the numbers in column {label!r} go from 1 to {count}, but a list of labels counts from 0",
            Pass("label_names", f"{{{shown}, …}}"),
        )
    common = ", ".join(repr(raw[:40]) for raw, _ in found.most_common(8))
    if allowed and found and not found.keys() & allowed.keys():
        raise DataError(
            f"{table.name}: no label in column {label!r} is allowed; found {common}; allowed are {_some(allowed)}",
            Pass("labels", "<a list of the labels found>"),
            Pass("label_names", "<the labels found and their names>"),
        )
    if not allowed and len(found) > 20 and len(found) > found.total() / 2:
        raise DataError(
            f"{table.name}: is {short(label)!r} the label column? It holds {len(found):,} different values in "
            f"{counted(found.total(), 'row')} ({common}, …). Columns: {columns_in_words(table.columns)}",
            Pass("label", "<another of them>"),
            Pass("labels", "<the allowed labels>", when="if it is right"),
        )


def unfold_columns(
    source: Any,
    *,
    columns: Mapping[str | int, str],
    text: str = "Text",
    label: str = "Label",
    placeholders: Sequence[str] = ("No Negative", "No Positive"),
) -> Table:
    """Unfold columns of opposite meaning into one text and one label column, to pass on to `from_labels`.

    columns: `{column: label}`; every source row gives one row per column, in this order, and keeps its other
        columns (a hotel's name serves as `group=`) and the number of its source row under "row", unless it has a
        column of that name.
    placeholders: cells that only say that there is nothing. They become empty texts, which `from_labels`
        rejects and counts.

    Raises:
        DataError: a column that does not exist.

    >>> rows = [{"Negative_Review": "Dirty room", "Positive_Review": "No Positive"}]
    >>> meaning = {"Negative_Review": "Complaint", "Positive_Review": "Non-Complaint"}
    >>> table = unfold_columns(rows, columns=meaning)
    >>> from_labels(table, text="Text", label="Label").summary()
    '2 rows in, 1 record, 1 rejected (text is empty: 1)'
    """
    if not isinstance(columns, Mapping):
        raise DataError(
            f"columns is {str(columns)[:60]}, without the label of each",
            Pass("columns", "{'Negative_Review': 'Complaint', …}"),
        )
    table = table_for(source, *columns)
    for column in columns:
        require(table, columns=column)
    number_of = "row" if "row" not in table.columns else "row of the file"
    nothing = {placeholder.casefold() for placeholder in placeholders}

    def rows() -> Iterator[dict[Any, Any] | BadRow]:
        for number, row in enumerate(table.rows(), start=1):
            if isinstance(row, BadRow):
                yield replace(row, row=number)
                continue
            rest = {name: value for name, value in row.items() if name not in columns}
            for column, meaning in columns.items():
                value = row.get(column)
                is_placeholder = isinstance(value, str) and value.strip().casefold() in nothing
                yield {**rest, label: meaning, text: "" if is_placeholder else value, number_of: number}

    rest = [name for name in table.columns if name not in columns]
    return Table(table.name, [label, text, number_of, *rest], rows, row_column=number_of)

"""Your own file → records, by task and columns: what notebook 07 does before a model is loaded.

`utils.records` has a converter for each form of data; here the form is found by looking at the file, and the columns
come from parameters, which may be text. What this module does not do: repair data, or judge it (`utils.quality`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from utils.errors import DataError
from utils.files import ROOT, find_path
from utils.records import (
    EXTRACTION_INSTRUCTION,
    BadRow,
    Conversion,
    Table,
    check_types,
    from_documents,
    from_instructions,
    from_labels,
    from_messages,
    from_phrases,
    from_sharegpt,
    from_spans,
    from_squad,
    from_tagged,
    read_table,
    tags_at_line_ends,
    type_of,
    unfold_columns,
)
from utils.your_data.parameters import as_list, as_mapping

TASKS = ("classification", "extraction", "instructions", "documents")
MANY_LABELS = 25  # a list of more labels costs more tokens in every prompt than the texts themselves
SHORT_INSTRUCTION = "Name the category of the text below."
TYPED_INSTRUCTION = "Extract the phrases of these types from the text: {labels}."
USUAL = {  # column names to look for, in any case, where none is given
    "classification": {"text_column": ("text", "sentence"), "answer_column": ("label", "category")},
    "extraction": {
        "text_column": ("text", "tokens", "context"),
        "answer_column": ("phrases", "spans", "tags", "ner_tags", "answers"),
    },
    "instructions": {
        "instruction_column": ("instruction",),
        "text_column": ("input", "context"),
        "answer_column": ("output", "response"),
    },
    "documents": {"text_column": ("document", "text"), "answer_column": ("instruction",)},
}
_AS_PARAMETERS = {  # the converters name arguments of Python functions; whoever runs a job has only parameters
    re.compile(r"pass another as label="): "set answer_column to another",
    re.compile(r"the allowed labels as labels=\[…\]"): "labels to the allowed ones",
    re.compile(r"pass labels=\[…\] or label_names=\{…\} with"): "set labels or label_names to",
    re.compile(r"pass its encoding, as in read_table\(.+?, encoding=('[\w-]+')\)"): r"set encoding to \1",
}


@dataclass(frozen=True)
class Unfolded(Conversion):
    """A conversion by `column_labels`, which makes several rows of each row of the file."""

    file_rows: list[int] = field(default_factory=list)  # for each row in: the number of its row in the file


@contextmanager
def _in_terms_of_parameters() -> Iterator[None]:
    try:
        yield
    except DataError as error:
        message = str(error)
        for python, parameter in _AS_PARAMETERS.items():
            message = python.sub(parameter, message)
        raise DataError(message) from None


@_in_terms_of_parameters()
def read_records(
    source: Any,
    *,
    task: str,
    text_column: str = "",
    answer_column: str = "",
    instruction_column: str = "",
    group_column: str = "",
    column_labels: str = "",
    labels: str = "",
    label_names: str = "",
    instruction: str = "",
    encoding: str = "utf-8",
) -> Conversion:
    """Convert a file or a Hub dataset; the arguments are the parameters of notebook 07, which explains each.

    Raises:
        DataError: an unknown task, a file that cannot be read, a column that it does not have, or types of phrases
            that are not in it.

    >>> read_records([{"text": "Dirty room", "label": "Complaint"}], task="classification").summary()
    '1 row in, 1 record, 0 rejected'
    """
    source = locate(source) if isinstance(source, str) else source
    if task not in TASKS:
        raise DataError(f"task is {task!r}: use one of {', '.join(TASKS)}")
    named = {"answer_column": answer_column, "instruction_column": instruction_column, "group_column": group_column}
    given = {name: [_column(value)] if value != "" else [] for name, value in named.items()}
    given["text_column"] = [_column(name) for name in as_list(text_column)]
    unfold = {_column(name): label for name, label in as_mapping(column_labels).items()}
    types = as_list(labels)
    to_extract = instruction or (TYPED_INSTRUCTION if types else EXTRACTION_INSTRUCTION)
    to_extract = to_extract.replace("{labels}", ", ".join(map(str, types)))
    if not given["text_column"] and (tags := tags_at_line_ends(source, encoding)):
        if task != "extraction":
            raise DataError(f"{Path(source).name} has a token and its tag on each line: set task to extraction")
        check_types(types, tags, Path(source).name)
        return from_tagged(source, encoding=encoding, types=types or None, instruction=to_extract)
    positions = [str(name) for names in (*given.values(), unfold) for name in names if isinstance(name, int)]
    names = [name for names in (*given.values(), unfold) for name in names if isinstance(name, str)]
    if positions and names:
        raise DataError(
            f"column {positions[0]} is given by its position, {names[0]!r} by its name: use positions only in a file "
            "without a header line, and then for all columns"
        )
    table = read_table(source, header=not positions, encoding=encoding)
    for parameter, names in (given | {"column_labels": list(unfold)}).items():
        _check_columns(table, names, parameter)
    if unfold:
        table = unfold_columns(table, columns=unfold, text="text", label="label")
        given |= {"text_column": ["text"], "answer_column": ["label"]}
    group = next(iter(given["group_column"]), None)
    if (special := _converter_for(table, task)) and not given["text_column"] + given["answer_column"]:
        return special(table)
    columns = {name: given[name] or _usual(table, task, name) for name in USUAL[task]}
    if task == "classification":
        allowed = {"labels": types or None, "label_names": as_mapping(label_names) or None}
        result = _from_labels(
            table, columns["text_column"], columns["answer_column"][0], instruction, group=group, **allowed
        )
        return Unfolded(**vars(result), file_rows=_rows_behind(table)) if unfold else result
    if len(given["text_column"]) > 1:
        raise DataError(f"text_column is {text_column!r}: only the task classification joins several columns")
    text, answer = (next(iter(columns[name]), None) for name in ("text_column", "answer_column"))
    if task == "documents":
        return from_documents(table, text=text, instruction=answer)
    if task == "instructions":
        [asked] = columns["instruction_column"]
        return from_instructions(table, instruction=asked, input=text, output=answer, group=group)
    return _from_marked(table, text, answer, types, to_extract, group)


def locate(path: str) -> str:
    """A path seen from here or, if there is no such thing, from the project; else the text as it is (a Hub name).

    Raises:
        DataError: there is no such thing, but the folder that it should be in; so no name on the Hub is meant.

    >>> locate("user/dataset")
    'user/dataset'
    """
    if found := find_path(path):
        return str(found)
    places = [Path(path), ROOT / path]
    folder = next((place.parent for place in places if len(Path(path).parts) > 1 and place.parent.is_dir()), None)
    if folder:
        names = sorted(entry.name for entry in folder.glob("[!.]*"))
        there = get_close_matches(Path(path).name, names) or names[:8]
        raise DataError(f"{path} does not exist; in {folder.name}/ there is {', '.join(there) or 'nothing'}")
    return path


def file_row(conversion: Conversion, row: int) -> int:
    """The number in the file of a row that was converted; both count from 1, after any header."""
    return conversion.file_rows[row - 1] if isinstance(conversion, Unfolded) else row


def _column(name: Any) -> str | int:
    return int(name) if str(name).isdecimal() else name


def _check_columns(table: Table, names: Sequence[str | int], parameter: str) -> None:
    if missing := [name for name in names if name not in table.columns]:
        raise _no_column(table, repr(missing[0]), parameter)


def _usual(table: Table, task: str, parameter: str) -> list[str | int]:
    names = USUAL[task][parameter]
    found = [column for wanted in names for column in table.columns if str(column).casefold() == wanted]
    if not found and (task, parameter) != ("instructions", "text_column"):  # an instruction may do without input
        raise _no_column(table, " or ".join(map(repr, names)), parameter)
    return found[:1]


def _no_column(table: Table, wanted: str, parameter: str) -> DataError:
    found = ", ".join(repr(name if isinstance(name, int) else name[:40]) for name in table.columns[:20])
    hint = "" if 0 in table.columns else " (or to its position, such as 0, if the file has no header line)"
    return DataError(f"{table.name} has no column {wanted}; it has {found}: set {parameter} to one of them{hint}")


def _converter_for(table: Table, task: str) -> Any:
    """For files whose columns say by themselves what they are: SQuAD and conversations."""
    known = {"extraction": {"paragraphs": from_squad, "question": from_squad}}
    known["instructions"] = {"messages": from_messages, "conversations": from_sharegpt}
    return next((convert for column, convert in known.get(task, {}).items() if column in table.columns), None)


def _from_labels(table: Table, text: list, label: str | int, instruction: str, **options: Any) -> Conversion:
    result = from_labels(table, text=text, label=label, instruction=instruction or None, **options)
    if not instruction and len({record.output for record in result.records}) > MANY_LABELS:
        return replace(result, records=[replace(record, instruction=SHORT_INSTRUCTION) for record in result.records])
    return result


def _from_marked(table: Table, text, answer, types: list[str], instruction: str, group) -> Conversion:
    """Texts with phrases, spans or tags: what the first row holds says which."""
    first = next((row for row in table.rows() if isinstance(row, Mapping) and row.get(answer)), {})
    marks, is_tokens = first.get(answer), isinstance(first.get(text), list)
    is_typed = is_tokens or (isinstance(marks, list) and isinstance(marks[0], Mapping | list))
    if types and is_typed:
        every = (mark for row in table.rows() if isinstance(row, Mapping) for mark in row.get(answer) or [])
        check_types(types, [type_of(mark, table.classes.get(answer)) for mark in every], table.name)
    elif types:
        raise DataError(f"labels is {', '.join(types)}, but the phrases in {table.name} have no types: leave it empty")
    if is_tokens:
        return from_tagged(table, tokens=text, tags=answer, types=types or None, instruction=instruction)
    if is_typed:
        return from_spans(table, text=text, spans=answer, types=types or None, instruction=instruction, group=group)
    return from_phrases(table, text=text, phrases=answer, instruction=instruction, group=group)


def _rows_behind(table: Table) -> list[int]:
    """For each row of an unfolded table, the number of its row in the file; one that cannot be read stands alone."""
    numbers = [0]
    for row in table.rows():
        numbers.append(numbers[-1] + 1 if isinstance(row, BadRow) else row["row"])
    return numbers[1:]

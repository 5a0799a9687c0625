"""Your own file → records, by task and columns: what notebook 07 does before a model is loaded.

`utils.records` has a converter for each form of data; here the form is found by looking at the file, and the columns
come from parameters, which may be text. What this module does not do: repair data, or judge it (`utils.quality`).
"""

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from utils.errors import DataError
from utils.files import ROOT, find_path
from utils.records import (
    EXTRACTION_INSTRUCTION,
    Conversion,
    Table,
    from_documents,
    from_instructions,
    from_labels,
    from_phrases,
    from_spans,
    from_tagged,
    has_token_rows,
    unfold_columns,
)
from utils.your_data.forms import from_questions, from_token_lines, from_turns, with_types
from utils.your_data.headings import (
    SENTENCE,
    USUAL,
    Columns,
    found_among,
    in_parameters,
    read_columns,
    usual,
)
from utils.your_data.parameters import as_list, as_mapping

TASKS = ("classification", "extraction", "instructions", "documents", "conversation")
MANY_LABELS = 25  # a list of more labels costs more tokens in every prompt than the texts themselves
SHORT_INSTRUCTION = "Name the category of the text below."
SEPARATORS = {"tab": "\t", r"\t": "\t"}  # what nobody can type as it is


def read_records(
    source: Any,
    *,
    task: str,
    text_column: str = "",
    answer_column: str = "",
    instruction_column: str = "",
    group_column: str = "",
    sentence_column: str = "",
    column_labels: str = "",
    labels: str = "",
    label_names: str = "",
    instruction: str = "",
    encoding: str = "utf-8",
    separator: str = "",
    quote: str = "",
) -> Conversion:
    """Convert a file or a Hub dataset; the arguments are the parameters of notebook 07, which explains each.

    Raises:
        DataError: an unknown task, a file that cannot be read, a column that it does not have, or types of phrases
            that are not in it; what to do is said in terms of these parameters.

    >>> read_records([{"text": "Dirty room", "label": "Complaint"}], task="classification").summary()
    '1 row in, 1 record, 0 rejected'
    """
    source = locate(source) if isinstance(source, str) else source
    if task not in TASKS:
        raise DataError(f"task is {task!r}: use one of {', '.join(TASKS)}")
    named = {"answer_column": answer_column, "instruction_column": instruction_column, "group_column": group_column}
    named |= {"sentence_column": sentence_column}
    given: Columns = {name: [value] if value != "" else [] for name, value in named.items()}
    given["text_column"] = as_list(text_column)
    given["column_labels"] = list(as_mapping(column_labels))
    types = as_list(labels) or None
    options = {"encoding": encoding, "sep": SEPARATORS.get(separator, separator) or None, "quote": quote or None}
    with in_parameters(task):
        if found := from_token_lines(source, task, given, types, instruction, encoding):
            return found
        table, given = read_columns(source, given, options)
        if given["column_labels"]:
            meaning = dict(zip(given["column_labels"], as_mapping(column_labels).values(), strict=True))
            table = unfold_columns(table, columns=meaning, text="text", label="label")
            given |= {"text_column": ["text"], "answer_column": ["label"]}
        group = next(iter(given["group_column"]), None)
        if task in ("instructions", "conversation") and (found := from_turns(table, task, given, group)):
            return found
        if task == "extraction" and (found := from_questions(table, given, instruction)):
            return found
        columns = {name: given[name] or usual(table, task, name) for name in USUAL[task]}
        text, answer = (next(iter(columns[name]), None) for name in ("text_column", "answer_column"))
        if task == "classification":
            allowed = {"labels": types, "label_names": as_mapping(label_names) or None}
            return _from_labels(table, columns["text_column"], answer, instruction, group=group, **allowed)
        if len(given["text_column"]) > 1:
            raise DataError(f"text_column is {text_column!r}: only the task classification joins several columns")
        if task == "documents":
            if group is not None:
                raise DataError(f"group_column is {group!r}, but documents are not grouped: leave it empty")
            return from_documents(table, text=text, instruction=answer)
        if task in ("instructions", "conversation"):
            [asked] = columns["instruction_column"]
            return from_instructions(table, instruction=asked, input=text, output=answer, group=group)
        marks = {"types": types, "instruction": with_types(instruction), "group": group}
        if given["sentence_column"] or has_token_rows(table, answer):
            sentence = next(iter(given["sentence_column"] or found_among(table, SENTENCE)), None)
            return from_tagged(table, tokens=text, tags=answer, sentence=sentence, **marks)
        return _from_marked(table, text, answer, _numbered(label_names), **marks)


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


def _from_labels(table: Table, text: list, label: str | int, instruction: str, **options: Any) -> Conversion:
    result = from_labels(table, text=text, label=label, instruction=instruction or None, **options)
    if not instruction and len({record.output for record in result.records}) > MANY_LABELS:
        return replace(result, records=[replace(record, instruction=SHORT_INSTRUCTION) for record in result.records])
    return result


def _from_marked(table: Table, text: Any, answer: Any, tag_names: list[str] | None, **options: Any) -> Conversion:
    """Texts with phrases, spans or tags: what the first row holds says which."""
    first = next((row for row in table.rows() if isinstance(row, Mapping) and row.get(answer)), {})
    marks = first.get(answer)
    if isinstance(first.get(text), list):
        return from_tagged(table, tokens=text, tags=answer, tag_names=tag_names, **options)
    if isinstance(marks, list) and isinstance(marks[0], Mapping | list):
        return from_spans(table, text=text, spans=answer, **options)
    if types := options.pop("types"):
        raise DataError(f"labels is {', '.join(types)}, but the phrases in {table.name} have no types: leave it empty")
    options["instruction"] = options["instruction"] or EXTRACTION_INSTRUCTION
    return from_phrases(table, text=text, phrases=answer, **options)


def _numbered(label_names: str) -> list[str] | None:
    """The names of tags that are numbers, from 0: "0: O, 1: B-PER"."""
    names = {str(number): name for number, name in as_mapping(label_names).items()}
    return [names.get(str(number), str(number)) for number in range(max(map(int, names)) + 1)] if names else None

"""Your own file → records, by task and columns: what notebook 07 does before a model is loaded.

`utils.records` has a converter for each form of data; here the form is found by looking at the file, and the columns
come from parameters, which may be text. What this module does not do: repair data, or judge it (`utils.quality`).
"""

import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from utils.conversion import Conversion, Record
from utils.parameters import as_list, as_mapping
from utils.quality import RULES, Finding
from utils.records import (
    EXTRACTION_INSTRUCTION,
    DataError,
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
    unfold_columns,
)
from utils.tables import BadRow, Table, counted, read_text
from utils.templates import ALPACA, REVERSE_INSTRUCTION, PromptTemplate

ROOT = Path(__file__).resolve().parents[1]
TASKS = ("classification", "extraction", "instructions", "documents")
MIN_RECORDS = 10  # fewer leave a test set of one row or two, which says nothing
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
_TAG = re.compile(r"O|[BIESLU]-\S+")
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
    if not given["text_column"] and (tags := _tags_at_line_ends(source, encoding)):
        if task != "extraction":
            raise DataError(f"{Path(source).name} has a token and its tag on each line: set task to extraction")
        _check_types(types, tags, Path(source).name)
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
    places = [Path(path), ROOT / path]
    if found := next((place for place in places if place.exists()), None):
        return str(found)
    folder = next((place.parent for place in places if len(Path(path).parts) > 1 and place.parent.is_dir()), None)
    if folder:
        names = sorted(entry.name for entry in folder.glob("[!.]*"))
        there = get_close_matches(Path(path).name, names) or names[:8]
        raise DataError(f"{path} does not exist; in {folder.name}/ there is {', '.join(there) or 'nothing'}")
    return path


def file_row(conversion: Conversion, row: int) -> int:
    """The number in the file of a row that was converted; both count from 1, after any header."""
    return conversion.file_rows[row - 1] if isinstance(conversion, Unfolded) else row


def choose_template(name: str, task: str) -> PromptTemplate:
    """ALPACA or REVERSE_INSTRUCTION by name ("": the one that fits the task), or a template from a JSON file.

    Raises:
        DataError: neither, or a file that holds no template; the message names its fault.
    """
    known = {template.name: template for template in (ALPACA, REVERSE_INSTRUCTION)}
    name = name or ("reverse_instruction" if task == "documents" else "alpaca")
    if name in known:
        return known[name]
    path = Path(locate(name))
    if not path.is_file():
        raise DataError(f"template {name!r} is neither a file nor one of {', '.join(known)}")
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise DataError(f"template file {path.name} is not valid JSON: {error}") from None
    if not isinstance(content, dict):
        raise DataError(f"template file {path.name} holds a {type(content).__name__}, not an object with name and text")
    try:
        return PromptTemplate.from_dict({"name": path.stem} | content)
    except ValueError as error:
        raise DataError(f"template file {path.name}: {error}") from None


def draw(conversion: Conversion, *, limit: int, seed: int) -> tuple[list[Record], list[int]]:
    """At most `limit` records, drawn by chance, in their old order (0: all), and the row of the file behind each."""
    left_out = {note.row for note in conversion.rejected}
    rows = [row for row in range(1, conversion.rows_in + 1) if row not in left_out]
    every = range(len(rows))
    chosen = sorted(random.Random(seed).sample(every, limit)) if 0 < limit < len(rows) else every
    return [conversion.records[i] for i in chosen], [file_row(conversion, rows[i]) for i in chosen]


def check_enough(records: Sequence[Record], template: PromptTemplate) -> None:
    """Refuse records that nothing can be learned from.

    Raises:
        DataError: fewer than `MIN_RECORDS`, or all with the same answer.
    """
    if len(records) < MIN_RECORDS:
        raise DataError(
            f"{len(records)} usable records are too few to train and to test on: at least {MIN_RECORDS} are needed"
        )
    answers = {template.render(record)[1] for record in records}
    if len(answers) == 1:
        raise DataError(
            f"all {len(records):,} records have the same answer, {answers.pop()[:60]!r}: there is nothing to learn; "
            f"choose another answer_column, or a template other than {template.name!r}"
        )


def how_to_ask(record: Record, template: PromptTemplate) -> str:
    """Python that asks the adapter in the folder `adapter` about another text, as it was trained with this record."""
    asked = "Record('your instruction')"
    if template.data_field == "output":
        asked = "Record('', output='your text')"
    elif template.data_field == "input" and record.task != "instruction":
        asked = f"Record({record.instruction!r}, 'your text')"
    return (
        "from utils.inference import generate, load_adapter\nfrom utils.records import Record\n\n"
        f"model, tokenizer, templates = load_adapter('adapter')\nrecord = {asked}\n"
        f"print(generate(model, tokenizer, [record], templates[{template.name!r}])[0].text)"
    )


def problems(conversion: Conversion, findings: Sequence[Finding]) -> list[str]:
    """What should stop a run, one sentence part each: labels that are not allowed, and errors without a safe fix."""
    unknown = Counter(note.reason for note in conversion.rejected if note.reason.startswith("unknown label"))
    found = [f"{counted(count, 'row')} with {reason}" for reason, count in unknown.most_common(3)]
    errors = [f for f in findings if f.severity == "error" and not RULES[f.rule].safe]
    for rule, count in Counter(finding.rule for finding in errors).items():
        first = next(finding for finding in errors if finding.rule == rule)
        where = "" if first.row is None else f" ({first.excerpt!r})"
        found.append(f"{rule} × {count:,}, such as {first.message}{where}")
    return found


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
        _check_types(types, [_type_of(mark, table.classes.get(answer)) for mark in every], table.name)
    elif types:
        raise DataError(f"labels is {', '.join(types)}, but the phrases in {table.name} have no types: leave it empty")
    if is_tokens:
        return from_tagged(table, tokens=text, tags=answer, types=types or None, instruction=instruction)
    if is_typed:
        return from_spans(table, text=text, spans=answer, types=types or None, instruction=instruction, group=group)
    return from_phrases(table, text=text, phrases=answer, instruction=instruction, group=group)


def _tags_at_line_ends(source: Any, encoding: str) -> list[str]:
    """The tags of a CoNLL-like file, in which nearly every line ends in one; of any other source nothing."""
    if not isinstance(source, str | Path) or not Path(source).is_file() or Path(source).suffix == ".parquet":
        return []
    lines = [line for line in read_text(Path(source), encoding=encoding).split("\n") if line.strip()]
    ends = [line.split()[-1] for line in lines if not line.startswith("-DOCSTART-")]
    tags = [end for end in ends if _TAG.fullmatch(end)]
    return tags if len(tags) > 0.9 * len(ends) else []


def _check_types(wanted: Sequence[str], marks: Sequence[str], name: str) -> None:
    """Is there a phrase of each type that is asked for? `marks` are tags ("B-PER") or plain types."""
    there = {mark.partition("-")[2] if _TAG.fullmatch(mark) else mark for mark in marks} - {""}
    if missing := [kind for kind in wanted if kind not in there]:
        raise DataError(
            f"{name} has no phrase of the type {missing[0]!r}; it has {', '.join(sorted(there)[:20]) or 'no types'}: "
            "set labels to some of them"
        )


def _type_of(mark: Any, classes: Sequence[str] | None) -> str:
    """The type that a tag, a class number or a span names; "" if it names none."""
    if isinstance(mark, Mapping):
        return str(mark.get("type") or mark.get("label") or "")
    if isinstance(mark, list):
        return str(mark[2]) if len(mark) > 2 else ""
    return classes[mark] if isinstance(mark, int) and classes else str(mark)


def _rows_behind(table: Table) -> list[int]:
    """For each row of an unfolded table, the number of its row in the file; one that cannot be read stands alone."""
    numbers = [0]
    for row in table.rows():
        numbers.append(numbers[-1] + 1 if isinstance(row, BadRow) else row["row"])
    return numbers[1:]

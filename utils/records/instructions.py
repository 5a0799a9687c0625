"""Ready-made instruction files and documents → records."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from utils.records.conversations import history_of, refuse_bad_example, system_of, verdict_columns
from utils.records.conversion import Conversion, Record, Reject, Turn, convert, group_of, require, text_of
from utils.records.readers import table_for
from utils.records.turns import record_of

COLUMN_NAMES = {  # Alpaca's name first, then dolly's
    "instruction": ("instruction",),
    "input": ("input", "context"),
    "output": ("output", "response"),
}
SYSTEM, HISTORY = "system", "history"  # columns of Alpaca's form for conversations


def from_instructions(
    source: Any,
    *,
    instruction: str | int | None = None,
    input: str | int | None = None,
    output: str | int | None = None,
    group: str | int | None = None,
) -> Conversion:
    """Read an instruction dataset: Alpaca (`instruction`, `input`, `output`) or dolly (`…`, `context`,
    `response`).

    Pass column names (or positions, without a header line) for any other file. Texts stay as they are; empty
    ones are for the linter to judge. A file without an input column, or a null in it, gives records without
    input.

    Alpaca's columns for conversations are read as well: `system`, and `history`, a list of [user, answer] pairs. A row
    that fills one of them is a conversation, in which the user says the instruction and, below it, the input.

    Rejected rows: an instruction or output that is missing (null) or not text; a history that is not a list of pairs;
    `"label": false`, which marks a bad answer.

    Raises:
        DataError: no column for the instruction or the output.

    >>> row = {"instruction": "Say hello", "context": "", "response": "Hello!"}
    >>> from_instructions([row]).records[0].output
    'Hello!'
    """
    table = table_for(source, instruction, input, output)
    given = {"instruction": instruction, "input": input, "output": output}
    taken = set(given.values())  # watsonx calls "input" what is the instruction here
    names = {
        part: name
        if name is not None
        else next((known for known in COLUMN_NAMES[part] if known in table.columns and known not in taken), None)
        for part, name in given.items()
    }
    wanted = {part: part if name is None else name for part, name in names.items()}
    require(table, **{part: name for part, name in wanted.items() if part != "input" or names["input"] is not None})
    require(table, group=group)

    taken |= set(names.values()) | {group}

    def make(row: Mapping[str, Any]) -> Record:
        refuse_bad_example(row)
        record = Record(
            text_of(row, names["instruction"]),
            "" if names["input"] is None else text_of(row, names["input"], missing=""),
            text_of(row, names["output"]),
            "instruction",
            group_of(row, group),
        )
        system = [] if SYSTEM in taken else system_of(row.get(SYSTEM))
        history = [] if HISTORY in taken else history_of(row.get(HISTORY))
        if not (system or history):
            return record
        asked = Turn("user", "\n\n".join(filter(None, (record.instruction, record.input))))
        turns = [*system, *history, asked, Turn("assistant", record.output)]
        return replace(record_of(turns), group=record.group)

    return convert(table, make, used=[*taken, SYSTEM, HISTORY, *verdict_columns(table)])


def from_documents(
    source: Any, *, text: str | int = "document", instruction: str | int | None = "instruction"
) -> Conversion:
    """Turn documents into records for reverse instruction: output = the document, instruction = what could produce it.

    The record reads forward; the reverse template turns it round when it renders. A table without the default
    instruction column, or `instruction=None`, gives documents alone, for inference: their instruction is "".

    Rejected rows: no document; an instruction that is missing although there is a column for it.

    Raises:
        DataError: a column that does not exist.

    >>> rows = [{"document": "Hi, I am off next week.", "instruction": "Write to my boss."}]
    >>> from_documents(rows).records[0].instruction
    'Write to my boss.'
    """
    table = table_for(source, text, instruction)
    require(table, text=text)
    if instruction == "instruction" and instruction not in table.columns:
        instruction = None
    require(table, instruction=instruction)

    def make(row: Mapping[str, Any]) -> Record:
        document = text_of(row, text)
        wanted = text_of(row, instruction) if instruction is not None else ""
        if not document.strip():
            raise Reject(f"{text} is empty")
        if instruction is not None and not wanted.strip():
            raise Reject(f"{instruction} is empty")
        return Record(wanted, "", document, "document")

    return convert(table, make)

"""Ready-made instruction files, conversations and documents → records."""

import json
from collections.abc import Mapping
from typing import Any

from utils.records.conversion import Conversion, Record, Reject, checked, convert, group_of, plain, require, text_of
from utils.records.readers import read_table, table_for
from utils.text import counted

COLUMN_NAMES = {  # Alpaca's name first, then dolly's
    "instruction": ("instruction",),
    "input": ("input", "context"),
    "output": ("output", "response"),
}
ROLES = {
    **{"system": "system", "developer": "system", "user": "user", "human": "user"},
    **{"assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "model": "assistant"},
}


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

    Rejected rows: an instruction or output that is missing (null) or not text.

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

    def make(row: Mapping[str, Any]) -> Record:
        return Record(
            text_of(row, names["instruction"]),
            "" if names["input"] is None else text_of(row, names["input"], missing=""),
            text_of(row, names["output"]),
            "instruction",
            group_of(row, group),
        )

    return convert(table, make)


def from_messages(source: Any, *, messages: str = "messages") -> Conversion:
    """Read conversations in the form of OpenAI and TRL: lists of `{"role": …, "content": …}`.

    System and user become instruction and input; a user alone becomes the instruction. Only the first
    exchange (up to the first answer) becomes a record; a conversation with more of them is named in `notes`.

    Rejected rows: no user message before the first answer, no answer, an unknown role, content that is not text.

    Raises:
        DataError: no such column.

    >>> row = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
    >>> from_messages([row]).records[0]
    Record(instruction='Hi', input='', output='Hello!', task='instruction', group='')
    """
    return _from_turns(source, messages, "messages", "role", "content")


def from_sharegpt(source: Any, *, conversations: str = "conversations") -> Conversion:
    """Read ShareGPT conversations (`{"from": "human" | "gpt" | "system", "value": …}`) as `from_messages` does."""
    return _from_turns(source, conversations, "conversations", "from", "value")


def _from_turns(source: Any, column: str, argument: str, role: str, content: str) -> Conversion:
    table = read_table(source)
    require(table, **{argument: column})

    def make(row: Mapping[str, Any]) -> Record | tuple[Record, str]:
        turns = _conversation(row.get(column))
        if not isinstance(turns, list) or not all(isinstance(turn, Mapping) for turn in turns):
            raise Reject(f"{column} is not a list of objects with {role!r} and {content!r}")
        roles = [ROLES.get(turn.get(role)) if isinstance(turn.get(role), str) else None for turn in turns]
        if None in roles:
            odd = turns[roles.index(None)]
            if role not in odd:
                raise Reject(f"a message without {role!r}, but with {', '.join(map(str, odd)) or 'nothing'}")
            raise Reject(f"unknown role {odd[role]!r}: known are {', '.join(ROLES)}")
        if "assistant" not in roles:
            raise Reject("no answer of the assistant")
        end = roles.index("assistant")
        texts = [checked(turn.get(content), content) for turn in turns[: end + 1]]
        if roles[:end] == ["system", "user"]:
            record = Record(texts[0], texts[1], texts[2], "instruction")
        elif roles[:end] == ["user"]:
            record = Record(texts[0], "", texts[1], "instruction")
        else:
            raise Reject(f"before the first answer stand {', '.join(roles[:end]) or 'no messages'}, not (system,) user")
        left = len(turns) - end - 1
        return (record, f"only the first exchange is used, not {counted(left, 'more message')}") if left else record

    return convert(table, make)


def _conversation(value: Any) -> Any:
    """The list of messages, which a CSV can only hold as JSON."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return plain(value)


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

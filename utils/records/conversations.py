"""Conversations: chats in the forms of OpenAI and ShareGPT → records."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from utils.errors import DataError
from utils.records.conversion import (
    Conversion,
    Record,
    Reject,
    Turn,
    checked,
    convert,
    group_of,
    is_missing,
    plain,
    require,
)
from utils.records.messages import NO_TOOLS, ROLES, TOOLS, as_list, learnable, read_turns
from utils.records.readers import read_table
from utils.records.tables import Table
from utils.records.turns import record_of


def from_messages(source: Any, *, messages: str = "messages", group: str | int | None = None) -> Conversion:
    """Read conversations in the form of OpenAI and TRL: lists of `{"role": …, "content": …}`.

    All turns are kept: [system,] user, assistant, user, assistant … Content may be a list of text parts. A column
    `system` beside the messages is the system message of a conversation without one. An answer with `"weight": 0` is
    read and not learned. An empty system message is as none. Rows with the same value of `group` belong to one
    conversation, or one person.

    Notes name what is not used: fields of a message (`reasoning_content`, `name`), messages after the last answer that
    is to be learned, and all from the first call of a tool on.

    Rejected rows: no user message before the first answer, two messages of one role in a row, no answer to be learned,
    a tool called before the first answer, `"label": false` beside the messages, an unknown role, content that is not
    text.

    Raises:
        DataError: no such column.

    >>> row = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
    >>> from_messages([row]).records[0]
    Record(instruction='Hi', input='', output='Hello!', task='instruction', group='')
    """
    return _from_turns(source, messages, "messages", "role", "content", group)


def from_sharegpt(source: Any, *, conversations: str = "conversations", group: str | int | None = None) -> Conversion:
    """Read ShareGPT conversations (`{"from": "human" | "gpt" | "system", "value": …}`) as `from_messages` does."""
    return _from_turns(source, conversations, "conversations", "from", "value", group)


def conversation_so_far(row: Mapping[str, Any], column: str, *, system: str = "") -> Record:
    """What is said in the messages of a row, as a record whose output is still to be written.

    Args:
        column: the messages; if they end with an answer, it is dropped.
        system: the system's message where the row has none.

    Raises:
        DataError: they do not make a conversation in which it is the assistant's turn.
    """
    messages, role = as_list(row[column]), speaker_key(read_table([row]), column)
    if role is None or not all(isinstance(message, Mapping) for message in messages):
        raise DataError(f"{column} is not a list of messages with role and content")
    content, assistant = ("value", "gpt") if role == "from" else ("content", "assistant")
    if ROLES.get(messages[-1].get(role)) == "assistant":
        messages = messages[:-1]
    try:
        turns, notes = read_turns([*messages, {role: assistant, content: "?"}], role, content)
        if TOOLS in notes:
            raise Reject(f"a tool is called: {NO_TOOLS}")
        opening = [] if turns[0].role == "system" else system_of(row.get("system")) or system_of(system)
        turns, _ = learnable([*opening, *turns], tools=False)
    except Reject as why:
        raise DataError(f"{column}: {why}") from None
    return replace(record_of(turns), output="")


def speaker_key(table: Table, column: str | int) -> str | None:
    """What names the speaker in the messages of this column, "role" or "from"; None if it does not hold messages."""
    values = (as_list(row.get(column)) for row in table.rows() if isinstance(row, Mapping))
    first = next((messages[0] for messages in values if isinstance(messages, list) and messages), None)
    return None if not isinstance(first, Mapping) else "from" if "from" in first else "role"


def _from_turns(
    source: Any, column: str, argument: str, role: str, content: str, group: str | int | None
) -> Conversion:
    table = read_table(source)
    require(table, **{argument: column}, group=group)

    def make(row: Mapping[str, Any]) -> Record | tuple[Record, str]:
        refuse_bad_example(row)
        messages = as_list(row.get(column))
        if not isinstance(messages, list) or not all(isinstance(message, Mapping) for message in messages):
            raise Reject(f"{column} is not a list of objects with {role!r} and {content!r}")
        turns, notes = read_turns(messages, role, content)
        if given := system_of(row.get("system")):
            if turns and turns[0].role == "system":
                notes.append("system is not used, since the conversation has its own")
            else:
                turns = [*given, *turns]
        turns, left_out = learnable(turns, tools=TOOLS in notes)
        notes += [left_out] if left_out and TOOLS not in notes else []
        record = record_of(turns)
        if group is not None:
            record = replace(record, group=group_of(row, group))
        return (record, "; ".join(notes)) if notes else record

    return convert(table, make, used=[column, "system", group, *verdict_columns(table)])


def refuse_bad_example(row: Mapping[Any, Any]) -> None:
    """Reject a row whose label says that its answer is a bad one, as in data for preference tuning."""
    if row.get("label") is False:
        raise Reject("label is false: an answer that is not to be learned")


def verdict_columns(table: Table) -> list[str]:
    """The column `label`, if it says true or false of the answers."""
    first = next(iter(table.rows()), None)
    return ["label"] if isinstance(first, Mapping) and isinstance(first.get("label"), bool) else []


def system_of(value: Any) -> list[Turn]:
    """The system's turn, if the value of a column `system` holds one."""
    text = "" if is_missing(value) else checked(value, "system")
    return [Turn("system", text)] if text else []


def history_of(value: Any) -> list[Turn]:
    """The turns in a value of Alpaca's column `history`: a list of [user, answer] pairs."""
    pairs = as_list(value)
    if is_missing(pairs) or (isinstance(pairs, str) and not pairs.strip()):
        return []
    pairs = [plain(pair) for pair in pairs] if isinstance(pairs, list) else None
    if pairs is None or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise Reject("history is not a list of [user, answer] pairs")
    return [
        Turn(role, checked(text, "history"))
        for pair in pairs
        for role, text in zip(("user", "assistant"), pair, strict=True)
    ]

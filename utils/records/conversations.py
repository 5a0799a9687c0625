"""Conversations: chats in the forms of OpenAI and ShareGPT → records."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from utils.records.conversion import Conversion, Record, Reject, Turn, checked, convert, is_missing, plain, require
from utils.records.readers import read_table
from utils.records.tables import Table
from utils.records.turns import record_of

TOOL_ROLES = ("tool", "function", "function_call", "tool_call", "observation", "tool_response", "ipython")
ROLES = {
    **{"system": "system", "developer": "system", "user": "user", "human": "user"},
    **{"assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "model": "assistant", "bot": "assistant"},
    **dict.fromkeys(TOOL_ROLES, "tool"),
}
TEXT_PARTS = ("text", "input_text", "output_text")
TOOLS = "left out from the exchange on that calls a tool"
NO_TOOLS = "write calls and results as text of the assistant and the user, or drop the row"


def from_messages(source: Any, *, messages: str = "messages") -> Conversion:
    """Read conversations in the form of OpenAI and TRL: lists of `{"role": …, "content": …}`.

    All turns are kept: [system,] user, assistant, user, assistant … Content may be a list of text parts. A column
    `system` beside the messages is the system message of a conversation without one. An answer with `"weight": 0` is
    read and not learned.

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
    return _from_turns(source, messages, "messages", "role", "content")


def from_sharegpt(source: Any, *, conversations: str = "conversations") -> Conversion:
    """Read ShareGPT conversations (`{"from": "human" | "gpt" | "system", "value": …}`) as `from_messages` does."""
    return _from_turns(source, conversations, "conversations", "from", "value")


def _from_turns(source: Any, column: str, argument: str, role: str, content: str) -> Conversion:
    table = read_table(source)
    require(table, **{argument: column})

    def make(row: Mapping[str, Any]) -> Record | tuple[Record, str]:
        refuse_bad_example(row)
        messages = as_list(row.get(column))
        if not isinstance(messages, list) or not all(isinstance(message, Mapping) for message in messages):
            raise Reject(f"{column} is not a list of objects with {role!r} and {content!r}")
        turns, notes = _turns(messages, role, content)
        if given := system_of(row.get("system")):
            if turns and turns[0].role == "system":
                notes.append("system is not used, since the conversation has its own")
            else:
                turns = [*given, *turns]
        turns, left_out = _learnable(turns, tools=TOOLS in notes)
        notes += [left_out] if left_out and TOOLS not in notes else []
        return (record_of(turns), "; ".join(notes)) if notes else record_of(turns)

    return convert(table, make, used=[column, "system", *verdict_columns(table)])


def _turns(messages: Iterable[Mapping[str, Any]], role: str, content: str) -> tuple[list[Turn], list[str]]:
    """The turns up to the first call of a tool, and what there is to say about them."""
    turns, unused = [], {}
    for message in messages:
        name = message.get(role)
        known = ROLES.get(name) if isinstance(name, str) else None
        if known is None:
            if role not in message:
                raise Reject(f"a message without {role!r}, but with {', '.join(map(str, message)) or 'nothing'}")
            raise Reject(f"unknown role {name!r}: known are {', '.join(ROLES)}")
        filled = [key for key, value in message.items() if key not in (role, content) and not _is_empty(value)]
        if known == "tool" or "tool_calls" in filled or "function_call" in filled:
            return turns, [*([_unused(unused)] if unused else []), TOOLS]
        unused |= dict.fromkeys(key for key in filled if key != "weight")
        turns.append(Turn(known, _text(message.get(content), content), known != "assistant" or _is_trained(message)))
    return turns, [_unused(unused)] if unused else []


def _unused(names: Iterable[str]) -> str:
    return f"not used in the messages: {', '.join(map(str, names))}"


def _is_empty(value: Any) -> bool:
    return is_missing(value) or (hasattr(value, "__len__") and len(value) == 0)


def _text(value: Any, what: str) -> str:
    """Content as text: a string, or the texts of its parts, one after the other."""
    value = plain(value)
    if not isinstance(value, list):
        return checked(value, what)
    texts = []
    for part in value:
        kind = "text" if isinstance(part, str) else part.get("type") if isinstance(part, Mapping) else part
        if kind not in TEXT_PARTS:
            raise Reject(f"{what} has a part of the type {kind!r}, and only text can be learned here")
        texts.append(checked(part if isinstance(part, str) else part.get("text"), what))
    return "".join(texts)


def _is_trained(message: Mapping[str, Any]) -> bool:
    weight = message.get("weight")
    if is_missing(weight):
        return True
    if weight not in (0, 1):
        raise Reject(f"weight is {weight!r}: an answer is learned (1) or only read (0)")
    return bool(weight)


def _learnable(turns: list[Turn], *, tools: bool) -> tuple[list[Turn], str]:
    """The turns up to the last answer that is to be learned, and a note if others follow it.

    Raises:
        Reject: there is no such answer, or the turns do not alternate.
    """
    start = 1 if turns and turns[0].role == "system" else 0
    answers = [at for at, turn in enumerate(turns) if turn.role == "assistant"]
    if not answers:
        raise Reject(f"a tool is called before the first answer: {NO_TOOLS}" if tools else "no answer of the assistant")
    for at, turn in enumerate(turns[start:]):
        if turn.role == ("user", "assistant")[at % 2]:
            continue
        if turn.role == "system":
            raise Reject("a system message that is not the first: make it a part of the first, or of the user's")
        if at == 0:
            raise Reject("the assistant speaks first: put a message of the user before it, or drop that answer")
        raise Reject(f"two messages of the {turn.role} in a row: join them into one")
    learned = [at for at in answers if turns[at].trained]
    if not learned:
        raise Reject("every answer has the weight 0: none is to be learned")
    end = learned[-1] + 1
    return turns[:end], "messages after the last answer to be learned are left out" if turns[end:] else ""


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


def as_list(value: Any) -> Any:
    """A list, which a CSV can only hold as JSON, and pandas reads as an array."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return plain(value)

"""Messages as they stand in files, in the forms of OpenAI and ShareGPT → the turns that can be learned."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from utils.records.conversion import Reject, Turn, checked, is_missing, plain

TOOL_ROLES = ("tool", "function", "function_call", "tool_call", "observation", "tool_response", "ipython")
ROLES = {
    **{"system": "system", "developer": "system", "user": "user", "human": "user"},
    **{"assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "model": "assistant", "bot": "assistant"},
    **dict.fromkeys(TOOL_ROLES, "tool"),
}
TEXT_PARTS = ("text", "input_text", "output_text")
TOOLS = "left out from the exchange on that calls a tool"
NO_TOOLS = "write calls and results as text of the assistant and the user, or drop the row"


def read_turns(messages: Iterable[Mapping[str, Any]], role: str, content: str) -> tuple[list[Turn], list[str]]:
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
        if known == "system" and not _text(message.get(content), content):
            continue
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


def learnable(turns: list[Turn], *, tools: bool) -> tuple[list[Turn], str]:
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


def as_list(value: Any) -> Any:
    """A list, which a CSV can only hold as JSON, and pandas reads as an array."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return plain(value)

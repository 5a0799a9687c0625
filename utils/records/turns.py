"""A record as the turns of a conversation, and turns as a record.

A conversation of one exchange is an ordinary record: a system message is its instruction and the user's words are its
input, or the user's words alone are the instruction. Of several exchanges the last one is the record, and what was said
before is its `history`.
"""

from collections.abc import Sequence
from dataclasses import replace

from utils.records.conversion import Record, Turn


def turns_of(record: Record) -> list[Turn]:
    """A record as a chat: its history, then the exchange; without one the instruction is the system's if there is an
    input.

    >>> [turn.role for turn in turns_of(Record("Translate.", "Hallo", "Hello"))]
    ['system', 'user', 'assistant']
    """
    if record.input and not record.history:
        asked = [Turn("system", record.instruction), Turn("user", record.input)]
    else:
        asked = [*record.history, Turn("user", "\n\n".join(filter(None, (record.instruction, record.input))))]
    return [*asked, Turn("assistant", record.output)]


def record_of(turns: Sequence[Turn]) -> Record:
    """The record that holds these turns: [system,] user, assistant, and so on; the last is an answer to be learned."""
    *history, asked, answer = turns
    if [turn.role for turn in history] == ["system"]:
        return Record(history[0].content, asked.content, answer.content, "instruction")
    return Record(asked.content, "", answer.content, "instruction", history=tuple(history))


def exchanges(record: Record) -> list[tuple[Record, bool]]:
    """Each exchange of a conversation as a record of its own, and whether its answer is to be learned.

    The system message belongs to the first exchange, as the instruction to the input.
    """
    if not record.history:
        return [(record, True)]
    turns = turns_of(record)
    opening, turns = (turns[:1], turns[1:]) if turns[0].role == "system" else ([], turns)
    parts = [[*(opening if at == 0 else []), *turns[at : at + 2]] for at in range(0, len(turns), 2)]
    return [(replace(record_of(part), task=record.task), part[-1].trained) for part in parts]


def without_first_exchange(record: Record) -> Record:
    """A conversation as if it had begun one exchange later, with the same system message."""
    start = 1 if record.history[0].role == "system" else 0
    turns = turns_of(record)
    shorter = record_of([*turns[:start], *turns[start + 2 :]])
    return replace(shorter, task=record.task, group=record.group, row=record.row)

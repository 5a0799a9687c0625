"""Files that show by themselves what they hold: token lines, questions about texts, conversations.

Each is read if it is meant and there; else None says that columns have to tell.
"""

from pathlib import Path
from typing import Any

from utils.errors import DataError
from utils.records import (
    QUESTION_INSTRUCTION,
    Conversion,
    Table,
    from_messages,
    from_sharegpt,
    from_squad,
    from_tagged,
    has_tags,
    speaker_key,
)
from utils.your_data.headings import CHATS, Columns, found_among, position


def from_token_lines(
    source: Any, task: str, given: Columns, types: list[str] | None, instruction: str, encoding: str
) -> Conversion | None:
    """What a file of token lines holds; None if it is not one."""
    text, answer = (next(iter(given[name]), None) for name in ("text_column", "answer_column"))
    tokens, tags = (None if name is None else position(name) for name in (text, answer))
    if given["sentence_column"] or (task != "extraction" and text is not None):
        return None
    if not has_tags(source, tags, encoding):
        return None
    if task != "extraction":
        raise DataError(f"{Path(source).name} has a token and its tag on each line: set task to extraction")
    group = next(iter(given["group_column"]), None)
    return from_tagged(
        source, tokens=tokens, tags=tags, types=types, group=group, instruction=with_types(instruction),
        encoding=encoding,
    )  # fmt: skip


def from_questions(table: Table, given: Columns, instruction: str) -> Conversion | None:
    """Questions about texts, in the form of SQuAD; None if this is another table."""
    if given["text_column"] + given["answer_column"] or not {"paragraphs", "question"} & set(table.columns):
        return None
    if given["group_column"]:
        raise DataError("group_column is set, but questions are grouped by their article already: leave it empty")
    if instruction and "{question}" not in instruction:
        raise DataError(f"instruction is {instruction!r}: write {{question}} where the question is to stand")
    return from_squad(table, instruction=instruction or QUESTION_INSTRUCTION)


def from_turns(table: Table, task: str, given: Columns, group: str | int | None) -> Conversion | None:
    """The conversations of a column that holds lists of messages; None if there is no such column."""
    names = CHATS if task == "conversation" else CHATS[:2]
    column = next(iter(given["text_column"] or found_among(table, names)), None)
    if given["answer_column"] or given["instruction_column"]:
        return None
    speaker = speaker_key(table, column) if column in table.columns else None
    if speaker == "from":
        return from_sharegpt(table, conversations=column, group=group)
    return from_messages(table, messages=column, group=group) if speaker else None


def with_types(instruction: str) -> str | None:
    """An instruction in the words of the converters, in which the labels of phrases are types."""
    return instruction.replace("{labels}", "{types}") or None

"""Records → the files and datasets that trainers and services take; each can be read back by `utils.records`.

A `template` is anything with `render(record) -> (prompt, completion)`, such as those of `utils.prompts`. No EOS
is written anywhere: trainers append its id, and an EOS in a string would be one that data can spell, too.

Conversations of several exchanges are for `to_messages`, `to_sharegpt` and `to_alpaca`, which keep every turn. The
rendered forms refuse them: they have one answer a row, and nothing to end the answers before it.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from utils.errors import DataError
from utils.records.conversion import Record, Turn
from utils.records.turns import exchanges, turns_of


class Template(Protocol):
    """What `utils.prompts.PromptTemplate` offers."""

    def render(self, record: Record) -> tuple[str, str]: ...


def to_text(records: Iterable[Record], template: Template) -> list[dict[str, str]]:
    """TRL's language-modelling form: `{"text": prompt + completion}`, the plain list of strings of the article.

    Raises:
        DataError: a conversation of several exchanges.
    """
    return [{"text": prompt + completion} for prompt, completion in _rendered(records, template)]


def to_prompt_completion(records: Iterable[Record], template: Template) -> list[dict[str, str]]:
    """TRL's prompt-completion form: `{"prompt": …, "completion": …}`, for loss on the completion only.

    Raises:
        DataError: a conversation of several exchanges.
    """
    return [{"prompt": prompt, "completion": answer} for prompt, answer in _rendered(records, template)]


def to_watsonx(records: Iterable[Record], template: Template) -> list[dict[str, str]]:
    """The watsonx.ai tuning form: `{"input": prompt, "output": completion}`.

    Raises:
        DataError: a conversation of several exchanges.
    """
    return [{"input": prompt, "output": completion} for prompt, completion in _rendered(records, template)]


def to_messages(records: Iterable[Record]) -> list[dict[str, list[dict[str, Any]]]]:
    """OpenAI's and TRL's form: `{"messages": [system,] user, assistant, …}`; `from_messages` reads it back.

    With an input the instruction is the system's message and the input the user's; without one, the instruction is the
    user's. An earlier answer that is only read has `"weight": 0`.

    Raises:
        DataError: a record with an empty message, which OpenAI's checks refuse.

    >>> to_messages([Record("Say hello", "", "Hello!")])[0]["messages"][0]
    {'role': 'user', 'content': 'Say hello'}
    """
    return [
        {"messages": [{"role": turn.role, "content": turn.content} | _weight(turn) for turn in _turns(record, row)]}
        for row, record in enumerate(records)
    ]


def to_sharegpt(records: Iterable[Record]) -> list[dict[str, list[dict[str, Any]]]]:
    """ShareGPT's form: `{"conversations": [{"from": "human", "value": …}, …]}`; else as `to_messages`."""
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    return [
        {
            "conversations": [
                {"from": names[turn.role], "value": turn.content} | _weight(turn) for turn in _turns(record, row)
            ]
        }
        for row, record in enumerate(records)
    ]


def to_alpaca(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Alpaca's form: `{"instruction": …, "input": …, "output": …}`; `from_instructions` reads it back.

    If one record is a conversation of several exchanges, every row has `system` and `history`, a list of [user, answer]
    pairs.

    Raises:
        DataError: a conversation with an answer that is only read, which this form cannot say.
    """
    records = list(records)
    rows = [{"instruction": r.instruction, "input": r.input, "output": r.output} for r in records]
    if any(record.history for record in records):
        rows = [row | _past(record, at) for at, (row, record) in enumerate(zip(rows, records, strict=True))]
    return rows


def _past(record: Record, row: int) -> dict[str, Any]:
    if not all(turn.trained for turn in record.history):
        raise DataError(f"record {row} has an answer that is only read (weight 0)", "use to_messages, which can say so")
    system = [turn.content for turn in record.history[:1] if turn.role == "system"]
    texts = [turn.content for turn in record.history[len(system) :]]
    return {"system": "".join(system), "history": [list(pair) for pair in zip(texts[::2], texts[1::2], strict=True)]}


def _rendered(records: Iterable[Record], template: Template) -> Iterator[tuple[str, str]]:
    for row, record in enumerate(records):
        if record.history:
            problem = f"record {row} is a conversation of {len(exchanges(record))} exchanges, and this form holds one"
            raise DataError(problem, "use to_messages, or encode for the ids")
        yield template.render(record)


def _weight(turn: Turn) -> dict[str, int]:
    return {} if turn.trained else {"weight": 0}


def _turns(record: Record, row: int) -> list[Turn]:
    turns = turns_of(record)
    for turn in turns:
        if not turn.content:
            is_bare = record.task == "document" and turn.role == "user"
            todo = "a document alone needs an instruction first" if is_bare else "drop it first (apply_safe_fixes)"
            raise DataError(f"record {row} has an empty {turn.role} message", todo)
    return turns


def save_dataset(rows: Sequence[dict[str, Any]], path: str | os.PathLike[str]) -> Path:
    """Save the rows as a `datasets.Dataset`: as Parquet if the path ends in `.parquet`, else as a folder.

    >>> save_dataset(to_alpaca(records), "train.parquet")  # doctest: +SKIP
    """
    import datasets

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = datasets.Dataset.from_list(list(rows))
    had_bars = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()  # a bar for a second's work is noise in a notebook
    try:
        if path.suffix == ".parquet":
            data.to_parquet(path)
        else:
            data.save_to_disk(path)
    finally:
        if had_bars:
            datasets.enable_progress_bars()
    return path

"""Records → the files and datasets that trainers and services take; each can be read back by `utils.records`.

A `template` is anything with `render(record) -> (prompt, completion)`, such as those of `utils.prompts`. No EOS
is written anywhere: trainers append its id, and an EOS in a string would be one that data can spell, too.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from utils.errors import DataError
from utils.records.conversion import Record


class Template(Protocol):
    """What `utils.prompts.PromptTemplate` offers."""

    def render(self, record: Record) -> tuple[str, str]: ...


def to_text(records: Iterable[Record], template: Template) -> list[dict[str, str]]:
    """TRL's language-modelling form: `{"text": prompt + completion}`, the plain list of strings of the article."""
    return [{"text": prompt + completion} for prompt, completion in map(template.render, records)]


def to_prompt_completion(records: Iterable[Record], template: Template) -> list[dict[str, str]]:
    """TRL's prompt-completion form: `{"prompt": …, "completion": …}`, for loss on the completion only."""
    return [{"prompt": prompt, "completion": answer} for prompt, answer in map(template.render, records)]


def to_watsonx(records: Iterable[Record], template: Template) -> list[dict[str, str]]:
    """The watsonx.ai tuning form: `{"input": prompt, "output": completion}`."""
    return [{"input": prompt, "output": completion} for prompt, completion in map(template.render, records)]


def to_messages(records: Iterable[Record]) -> list[dict[str, list[dict[str, str]]]]:
    """OpenAI's and TRL's form: `{"messages": [system,] user, assistant}`; `from_messages` reads it back.

    With an input the instruction is the system's message and the input the user's; without one, the
    instruction is the user's.

    Raises:
        DataError: a record with an empty message, which OpenAI's checks refuse.

    >>> to_messages([Record("Say hello", "", "Hello!")])[0]["messages"][0]
    {'role': 'user', 'content': 'Say hello'}
    """
    return [
        {"messages": [{"role": role, "content": text} for role, text in _turns(r, i)]} for i, r in enumerate(records)
    ]


def to_sharegpt(records: Iterable[Record]) -> list[dict[str, list[dict[str, str]]]]:
    """ShareGPT's form: `{"conversations": [{"from": "human", "value": …}, …]}`; else as `to_messages`."""
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    return [
        {"conversations": [{"from": names[role], "value": text} for role, text in _turns(r, i)]}
        for i, r in enumerate(records)
    ]


def to_alpaca(records: Iterable[Record]) -> list[dict[str, str]]:
    """Alpaca's form: `{"instruction": …, "input": …, "output": …}`; `from_instructions` reads it back."""
    return [{"instruction": r.instruction, "input": r.input, "output": r.output} for r in records]


def _turns(record: Record, row: int) -> list[tuple[str, str]]:
    asked = [("system", record.instruction), ("user", record.input)] if record.input else [("user", record.instruction)]
    turns = [*asked, ("assistant", record.output)]
    for role, text in turns:
        if not text:
            is_bare = record.task == "document" and role == "user"
            todo = "a document alone needs an instruction first" if is_bare else "drop it first (apply_safe_fixes)"
            raise DataError(f"record {row} has an empty {role} message: {todo}")
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

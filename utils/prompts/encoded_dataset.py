"""Rows for the trainer from more records than fit into memory: a `datasets.Dataset` is encoded batch by batch.

A batch is read by `from_instructions` and encoded as a small file would be, so every row is that of `encode`. Rows are
written to disk, by several processes if wanted, and read from there; only the notes stay in memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from utils.prompts.chat import ChatTemplate
from utils.prompts.encoding import check_suits, encode_part
from utils.prompts.rows import LossOn
from utils.prompts.templates import PromptTemplate
from utils.records import Note, from_instructions

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase as Tokenizer

BATCH = 1000  # rows that a process holds at a time
SAID = ("stage", "reason", "excerpt")  # columns of what there is to say about a row; "" if nothing


@dataclass(frozen=True)
class EncodedDataset:
    """Rows for the trainer, on disk. Always `rows_in == len(rows) + len(refused)`.

    Attributes:
        rows: `input_ids` and `labels`, in the order of the dataset that came in.
        notes: one for each row that was refused or shortened, in order, with its place counted from 1. Stages are those
            of `Encoded`, and "converted" for a row that is not a record.
    """

    rows: "Dataset"
    notes: list[Note]
    rows_in: int

    @property
    def refused(self) -> list[Note]:
        return [note for note in self.notes if note.stage != "shortened"]


def encode_dataset(
    dataset: "Dataset",
    template: PromptTemplate | ChatTemplate,
    tokenizer: "Tokenizer",
    *,
    max_length: int | None,
    too_long: Literal["drop", "shorten"] = "drop",
    loss_on: LossOn = "all",
    processes: int = 1,
) -> EncodedDataset:
    """Encode a dataset of any size in constant memory, row by row as `encode` does.

    Args:
        dataset: with the columns of `from_instructions`: `instruction`, `output` and, if wanted, `input`, `system` and
            `history`. It has to lie on disk, as after `load_dataset("json", data_files=…)`; one that was made from a
            list is in memory, and so is what comes out.
        too_long: as in `encode`, without "refuse": an error after half a million rows would be a late one.
        processes: that share the work. In a script that uses more than one, on Windows and macOS, the call belongs
            below `if __name__ == "__main__":`.

    Raises:
        DataError: a column is missing.
        ValueError: as `encode`; or a dataset without rows.

    >>> data = load_dataset("json", data_files="million.jsonl", split="train")  # doctest: +SKIP
    >>> encoded = encode_dataset(data, ALPACA, tokenizer, max_length=512, processes=8)  # doctest: +SKIP
    """
    if too_long not in ("drop", "shorten"):
        raise ValueError(f"too_long is {too_long!r}: use 'drop' or 'shorten'; the notes list every such row")
    if not len(dataset):
        raise ValueError("the dataset has no rows: there is nothing to encode")
    how = {"max_length": max_length, "too_long": too_long, "loss_on": loss_on}
    from_instructions([dataset[0]])  # what is wrong with every row is said at once, and not by a process far away
    encode_part([], template, tokenizer, **how)
    made = dataset.map(
        partial(_encode_batch, template=template, tokenizer=tokenizer, how=how),
        batched=True,
        batch_size=BATCH,
        num_proc=processes if processes > 1 else None,
        remove_columns=dataset.column_names,
        features=_features(),
        load_from_cache_file=False,  # the cache would not notice that this project's code has changed
        desc="Encoding",
    )
    notes = _notes(made)
    check_suits(template, notes, len(made))
    rows = made.select_columns(["input_ids", "labels"])
    refused = {note.row - 1 for note in notes if note.stage != "shortened"}
    if refused:
        import numpy as np

        kept = np.ones(len(made), dtype=bool)
        kept[list(refused)] = False
        rows = rows.select(np.flatnonzero(kept))
    return EncodedDataset(rows, notes, len(made))


def _features():
    from datasets import Features, List, Value

    ids, text = List(Value("int32")), Value("string")
    return Features({"input_ids": ids, "labels": ids} | dict.fromkeys(SAID, text))


def _encode_batch(
    columns: Mapping[str, list],
    *,
    template: PromptTemplate | ChatTemplate,
    tokenizer: "Tokenizer",
    how: Mapping[str, Any],
) -> dict[str, list]:
    """One row for each that came in: its ids, or none and the reason."""
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    read = from_instructions(rows)
    encoded = encode_part(read.records, template, tokenizer, **how)
    made = [{"input_ids": [], "labels": []} | dict.fromkeys(SAID, "") for _ in rows]
    for at, row in zip(encoded.kept, encoded.rows, strict=True):
        made[read.records[at].row - 1] |= row
    for note in [*read.rejected, *encoded.notes]:
        made[note.row - 1] |= {name: getattr(note, name) for name in SAID}
    return {name: [row[name] for row in made] for name in made[0]}


def _notes(made: "Dataset") -> list[Note]:
    notes = []
    for at, batch in enumerate(made.select_columns(list(SAID)).iter(batch_size=BATCH)):
        for row, said in enumerate(zip(*(batch[name] for name in SAID), strict=True), start=at * BATCH + 1):
            if said[0]:
                notes.append(Note(row, *said))
    return notes

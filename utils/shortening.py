"""Records that fit into `max_length`: the same ones for training and for inference, and a note for each that changed.

`tokens.encode` can shorten a prompt on its way to the trainer, but the test records, too, have to be shown as they
were learned. What this module does not do: cut an answer, or a text out of which the answer is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from utils.conversion import Record
from utils.templates import PromptTemplate
from utils.tokens import Note, encode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

WHOLE = ("extraction", "question")  # what is to be found may stand at the end


@dataclass(frozen=True)
class Fitted:
    """Records with their rows for the trainer.

    Attributes:
        records: those that fit, some of them shortened, in their order.
        rows: `input_ids` and `labels` of each.
        kept: `records[i]` came as the record with the index `kept[i]`.
        notes: one for each record that was shortened or left out; its row counts the records as they came.
        lengths: tokens of every record as it came.
    """

    records: list[Record]
    rows: list[dict[str, list[int]]]
    kept: list[int]
    notes: list[Note]
    lengths: list[int]


def fit(
    records: Sequence[Record], template: PromptTemplate, tokenizer: "PreTrainedTokenizerBase", *, max_length: int
) -> Fitted:
    """Shorten the data (`template.data_field`) of records that are too long; where none can be left, drop the record.

    Raises:
        ValueError: what `tokens.encode` raises.
    """
    lengths = encode(records, template, tokenizer, max_length=None).lengths
    shorter = {row: records[row] for row in range(len(records)) if lengths[row] > max_length}
    shorter = {row: record for row, record in shorter.items() if record.task not in WHOLE and template.data_field}
    waiting, left = dict(shorter), {row: lengths[row] for row in shorter}
    while waiting := {
        row: r for row, r in waiting.items() if left[row] > max_length and getattr(r, template.data_field)
    }:
        for row, record in waiting.items():
            text = getattr(record, template.data_field)
            size = min(len(text) - 1, len(text) * max_length // left[row])
            shorter[row] = waiting[row] = replace(record, **{template.data_field: text[:size].rstrip()})
        now = encode(list(waiting.values()), template, tokenizer, max_length=None).lengths
        left |= dict(zip(waiting, now, strict=True))
    fitted = [shorter.get(row, record) for row, record in enumerate(records)]
    empty = {row for row, record in shorter.items() if not getattr(record, template.data_field)}
    asked = [row for row in range(len(records)) if row not in empty]
    encoded = encode([fitted[row] for row in asked], template, tokenizer, max_length=max_length, too_long="drop")
    kept = [asked[row] for row in encoded.kept]
    notes = [replace(note, row=asked[note.row]) for note in encoded.notes]
    notes += [Note(row, "too long", f"{lengths[row]} tokens, {max_length} allowed") for row in empty]
    for row in set(shorter) & set(kept):
        sizes = [len(getattr(r, template.data_field)) for r in (records[row], fitted[row])]
        notes.append(Note(row, "shortened", f"{template.data_field} cut from {sizes[0]} to {sizes[1]} characters"))
    notes.sort(key=lambda note: note.row)
    return Fitted([fitted[row] for row in kept], encoded.rows, kept, notes, lengths)

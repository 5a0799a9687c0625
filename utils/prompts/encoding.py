"""From records to what a trainer takes: each becomes `input_ids` and `labels`, with any Hugging Face tokenizer.

    input_ids   BOS, if the tokenizer wants one | prompt | completion | EOS
    labels                                 -100 | -100   | completion | EOS

A prompt is encoded by itself, at inference as in training; a completion as it comes out after that prompt
(`seam`). EOS is added as an id, and the spelling of a special token in the data stays text
(`plain_text`). A conversation is its exchanges one after another (`rows`), or what the model's own chat template makes
of it (`chat_rows`). Padding is left to the trainer.
"""

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from utils.prompts.chat import ChatTemplate
from utils.prompts.chat_rows import ChatCoder
from utils.prompts.lengths import TooLong, within
from utils.prompts.rows import LossOn, Row, TemplateCoder
from utils.prompts.templates import PromptTemplate
from utils.records import Note, Record
from utils.text import excerpt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

WHOLE = ("extraction", "question")  # tasks whose records are never shortened: what is to be found may stand at the end


@dataclass(frozen=True)
class Encoded:
    """Rows for the trainer, and what became of every record.

    Attributes:
        rows: `{"input_ids": [...], "labels": [...]}`, in the order of the records.
        kept: `rows[i]` was made from the record with the index `kept[i]`.
        records: that record, shortened if a note says so: what to show, and to ask with.
        notes: one for each record that was shortened or left out, in order. Their stage says which: "shortened", or
            left out as "too long", for a token across the "seam", for a "special" token that plain text makes, or
            because the chat "template" refuses it. Their row is the record's, or, if it has none, its place in the
            list, counted from 1.
        lengths: tokens of every record as it came, BOS and EOS included; 0 if a chat template refuses it.
    """

    rows: list[dict[str, list[int]]]
    kept: list[int]
    records: list[Record]
    notes: list[Note]
    lengths: list[int]


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Lists by the ten thousand, none in a cycle: without this, 20,000 short records take a fifth more CPU time."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def encode(
    records: Iterable[Record],
    template: PromptTemplate | ChatTemplate,
    tokenizer: "Tokenizer",
    *,
    max_length: int | None,
    too_long: TooLong = "refuse",
    loss_on: LossOn = "all",
) -> Encoded:
    """Turn records into `input_ids` and `labels` of at most `max_length` tokens (None: any length).

    Args:
        template: a `PromptTemplate`, or the model's own chat template: `ChatTemplate.of(tokenizer)`.
        too_long: a longer record is refused with an error, dropped, or shortened: the end of its data
            (`template.data_field`) goes, or the first exchanges of a conversation, until the rest fits. If nothing can
            stay, the record is dropped. The notes list both. An answer is never cut.
        loss_on: which answers of a conversation are learned, all that its record does not exempt, or the last one.

    Raises:
        ValueError: a record is too long and `too_long` is "refuse"; the tokenizer has no EOS; the template spells a
            special token; the chat template suits no record at all; a text is not valid Unicode.

    >>> encoded = encode(records, ALPACA, tokenizer, max_length=256, too_long="drop")  # doctest: +SKIP
    >>> result = fine_tune(model, tokenizer, encoded.rows, output_dir="run")  # doctest: +SKIP
    """
    encoded = encode_part(list(records), template, tokenizer, max_length=max_length, too_long=too_long, loss_on=loss_on)
    check_suits(template, encoded.notes, len(encoded.lengths))
    return encoded


@_collector_paused()
def encode_part(
    records: list[Record],
    template: PromptTemplate | ChatTemplate,
    tokenizer: "Tokenizer",
    *,
    max_length: int | None,
    too_long: TooLong,
    loss_on: LossOn,
) -> Encoded:
    """`encode` for some of the records; whether the template suits any of them is asked when all are there."""
    _check_arguments(max_length, too_long, loss_on)
    code = partial(_coder(template, tokenizer).rows, loss_on=loss_on)
    rows = code(records)
    fitted = within(records, rows, code, template.data_field, max_length=max_length, too_long=too_long)
    return _encoded(records, rows, fitted, template.data_field)


def check_suits(template: PromptTemplate | ChatTemplate, notes: Sequence[Note], records: int) -> None:
    """Raise a ValueError if there are records and the chat template refused every one of them."""
    if records and len(notes) == records and all(note.stage == "template" for note in notes):
        raise ValueError(f"template {template.name!r} suits none of the records: {notes[0].reason}")


def _check_arguments(max_length: int | None, too_long: str, loss_on: str) -> None:
    if too_long not in ("refuse", "drop", "shorten"):
        raise ValueError(f"too_long is {too_long!r}: use 'refuse', 'drop' or 'shorten' (an answer is never cut)")
    if loss_on not in ("all", "last"):
        raise ValueError(f"loss_on is {loss_on!r}: learn 'all' answers of a conversation, or the 'last'")
    if max_length is not None and max_length < 1:
        raise ValueError(f"max_length is {max_length}: give a number of tokens, or None for any length")


def _coder(template: PromptTemplate | ChatTemplate, tokenizer: "Tokenizer") -> TemplateCoder | ChatCoder:
    return (ChatCoder if isinstance(template, ChatTemplate) else TemplateCoder)(template, tokenizer)


def _encoded(records: list[Record], rows: list[Row], fitted: list[tuple[Record, Row]], field: str | None) -> Encoded:
    kept = [at for at, (_, row) in enumerate(fitted) if row.usable]
    notes = []
    for at, (record, (_, row)) in enumerate(zip(records, fitted, strict=True)):
        if row.note:
            shown = getattr(record, field or "instruction") or record.instruction
            notes.append(Note(record.row or at + 1, *row.note, excerpt(shown)))
    return Encoded(
        rows=[{"input_ids": fitted[at][1].input_ids, "labels": fitted[at][1].labels} for at in kept],
        kept=kept,
        records=[fitted[at][0] for at in kept],
        notes=notes,
        lengths=[row.size for row in rows],
    )


def fit(
    records: Sequence[Record],
    template: PromptTemplate | ChatTemplate,
    tokenizer: "Tokenizer",
    *,
    max_length: int,
    loss_on: LossOn = "all",
) -> Encoded:
    """Encode records of one task with `too_long="shorten"`, or with "drop" where the answer is taken out of the text.

    Raises:
        ValueError: as `encode`.
    """
    whole = any(record.task in WHOLE for record in records)
    policy = "drop" if whole else "shorten"
    return encode(records, template, tokenizer, max_length=max_length, too_long=policy, loss_on=loss_on)


def encode_prompts(
    records: Iterable[Record],
    template: PromptTemplate | ChatTemplate,
    tokenizer: "Tokenizer",
    *,
    max_length: int | None = None,
) -> list[list[int]]:
    """The ids that the model gets at inference: for each record exactly what stands before its last answer in training.

    Raises:
        ValueError: a prompt has more than `max_length` tokens, or cannot be encoded as plain text.
    """
    prompts, wrong = _coder(template, tokenizer).prompts(list(records))
    for row, reason in wrong.items():
        raise ValueError(f"row {row}: {reason}")
    for row, prompt in enumerate(prompts):
        if (size := len(prompt)) > (max_length or inf):
            raise ValueError(f"row {row}: the prompt has {size} tokens, {max_length} are allowed; shorten its data")
    return prompts

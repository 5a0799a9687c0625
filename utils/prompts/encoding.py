"""From records to what a trainer takes: each becomes `input_ids` and `labels`, with any Hugging Face tokenizer.

    input_ids   BOS, if the tokenizer wants one | prompt | completion | EOS
    labels                                 -100 | -100   | completion | EOS

A prompt is encoded by itself, at inference as in training; a completion as it comes out behind that prompt
(`seam`). EOS is added as an id, and the spelling of a special token in the data stays text
(`plain_text`). What this module does not do: pad, batch, or cut an answer.
"""

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from types import SimpleNamespace
from typing import TYPE_CHECKING, Literal

from utils.prompts.lengths import shorten
from utils.prompts.plain_text import PlainEncoder
from utils.prompts.seam import both_sides, start_ids
from utils.prompts.templates import PromptTemplate

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase as Tokenizer

    from utils.records import Record

IGNORED = -100  # the label that the loss skips
WHOLE = ("extraction", "question")  # tasks whose records are never shortened: what is to be found may stand at the end


@dataclass(frozen=True)
class Note:
    """What happened to `records[row]`: it was shortened, or left out for one of the other three reasons."""

    row: int
    kind: Literal["shortened", "too long", "seam", "special"]
    reason: str


@dataclass(frozen=True)
class Encoded:
    """Rows for the trainer, and what became of every record.

    Attributes:
        rows: `{"input_ids": [...], "labels": [...]}`, in the order of the records.
        kept: `rows[i]` was made from the record with the index `kept[i]`.
        records: that record, shortened if a note says so: what to show, and to ask with.
        notes: one for each record that was shortened or left out, in order.
        lengths: tokens of every record as it came, BOS and EOS included.
    """

    rows: list[dict[str, list[int]]]
    kept: list[int]
    records: list["Record"]
    notes: list[Note]
    lengths: list[int]

    def dataset(self) -> "Dataset":
        """The rows as a `datasets.Dataset`, which `SFTTrainer` takes as it is.

        Its `SFTConfig` needs `max_length=None`: the default cuts rows without a word, and the answer is at their end.
        """
        from datasets import Dataset

        return Dataset.from_dict({name: [row[name] for row in self.rows] for name in ("input_ids", "labels")})


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Lists by the ten thousand, none in a cycle: the collector would look through them for a tenth of the time."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


@_collector_paused()
def encode(
    records: Iterable["Record"],
    template: PromptTemplate,
    tokenizer: "Tokenizer",
    *,
    max_length: int | None,
    too_long: Literal["refuse", "drop", "shorten"] = "refuse",
) -> Encoded:
    """Turn records into `input_ids` and `labels` of at most `max_length` tokens (None: any length).

    A longer record is refused with an error, dropped, or shortened: the end of its data (`template.data_field`) goes
    until the answer fits, and if no character of it can stay, the record is dropped. The notes list both.

    Raises:
        ValueError: a record is too long and `too_long` is "refuse"; the tokenizer has no EOS; the template spells a
            special token; a text is no valid Unicode.

    >>> encoded = encode(records, ALPACA, tokenizer, max_length=256, too_long="drop")  # doctest: +SKIP
    >>> arguments = SFTConfig(max_length=None)  # doctest: +SKIP
    >>> trainer = SFTTrainer(model, args=arguments, train_dataset=encoded.dataset())  # doctest: +SKIP
    """
    if too_long not in ("refuse", "drop", "shorten"):
        raise ValueError(f"too_long is {too_long!r}: use 'refuse', 'drop' or 'shorten' (an answer is never cut)")
    if max_length is not None and max_length < 1:
        raise ValueError(f"max_length is {max_length}: give a number of tokens, or None for any length")
    if tokenizer.eos_token_id is None:
        raise ValueError("the tokenizer has no EOS token, so no answer could end: set tokenizer.eos_token")
    records, encoder = list(records), PlainEncoder(tokenizer)
    start, end = start_ids(template, encoder), [tokenizer.eos_token_id]
    sides, around = both_sides(records, template, encoder), len(start + end)
    lengths = [side.size + around for side in sides]
    long = [row for row, side in enumerate(sides) if side.usable and lengths[row] > (max_length or inf)]
    if long and too_long == "refuse":
        longest = max(long, key=lengths.__getitem__)
        raise ValueError(
            f"{len(long)} of {len(records)} records have more than max_length={max_length} tokens, the first ones in "
            f"rows {long[:5]}, the longest in row {longest} ({lengths[longest]}): raise max_length, or say "
            "too_long='drop' or too_long='shorten'"
        )
    for row in long:
        sides[row] = sides[row].unusable("too long", f"{lengths[row]} tokens, {max_length} allowed")
    if too_long == "shorten":
        room = {row: max_length - around - len(sides[row].completion) for row in long}
        cut = shorten({row: records[row] for row in long}, template, encoder, room=room)
        for row, side in zip(cut, both_sides(list(cut.values()), template, encoder), strict=True):
            if side.size + around <= max_length:
                before, after = (len(getattr(record, template.data_field)) for record in (records[row], cut[row]))
                reason = f"{template.data_field} cut from {before} to {after} characters"
                records[row], sides[row] = cut[row], side if side.note else side._replace(note=("shortened", reason))
    rows = []
    for prompt, completion, _, usable in sides:
        ids, labels = start + prompt + completion + end, [IGNORED] * len(start + prompt) + completion + end
        rows += [{"input_ids": ids, "labels": labels}] if usable else []
    kept = [row for row, side in enumerate(sides) if side.usable]
    notes = [Note(row, *side.note) for row, side in enumerate(sides) if side.note]
    return Encoded(rows=rows, kept=kept, records=[records[row] for row in kept], notes=notes, lengths=lengths)


def fit(records: Sequence["Record"], template: PromptTemplate, tokenizer: "Tokenizer", *, max_length: int) -> Encoded:
    """Encode records of one task with `too_long="shorten"`, or with "drop" where the answer is taken out of the text.

    Raises:
        ValueError: as `encode`.
    """
    whole = any(record.task in WHOLE for record in records)
    return encode(records, template, tokenizer, max_length=max_length, too_long="drop" if whole else "shorten")


def encode_prompts(
    records: Iterable["Record"], template: PromptTemplate, tokenizer: "Tokenizer", *, max_length: int | None = None
) -> list[list[int]]:
    """The ids that the model gets at inference: for each record exactly the masked part of its training row.

    Raises:
        ValueError: a prompt has more than `max_length` tokens, or cannot be encoded as plain text.
    """
    encoder = PlainEncoder(tokenizer)
    start, (prompts, special) = start_ids(template, encoder), encoder.ids([template.prompt(r) for r in records])
    for row, reason in special.items():
        raise ValueError(f"row {row}: {reason}")
    for row, prompt in enumerate(prompts):
        prompts[row] = start + prompt
        if len(prompts[row]) > (max_length or inf):
            size = len(prompts[row])
            raise ValueError(f"row {row}: the prompt has {size} tokens, {max_length} are allowed; shorten its data")
    return prompts


def set_chat_template(tokenizer: "Tokenizer", template: PromptTemplate) -> None:
    """Make `template` the tokenizer's chat template, so that it is saved with the tokenizer.

    What has to stand before the prompt is tried on a few records, some with white space around each text: GPT-2 has a
    BOS and does not use it; Llama 2 puts a space before a text that has none, but behind a written BOS it does not.
    A chat template goes through text, so the spelling of a special token in a message becomes that token there:
    `apply_chat_template(..., sanitize_control_tokens=True)` prevents it.

    Raises:
        ValueError: `apply_chat_template` cannot give the ids of `encode` and `encode_prompts` with this tokenizer.
    """
    texts = [("Why?", "One line.", "Because."), ("Why?", "", "So."), (" Who?\n", " A \n", "B. \n"), (" a", "", "")]
    probes = [SimpleNamespace(instruction=i, input=x, output=o) for i, x, o in texts]
    encoded = encode(probes, template, tokenizer, max_length=None)
    wanted = encode_prompts(encoded.records, template, tokenizer) + [row["input_ids"] for row in encoded.rows]
    chats = [template.messages(record) for record in encoded.records]
    chats = [chat[:-1] for chat in chats] + chats
    for start in ("bos_token", "''", "(bos_token if prompt[0] == ' ' else bos_token ~ ' ')"):
        jinja = template.chat_template(start=start)
        if chats and tokenizer.apply_chat_template(chats, chat_template=jinja)["input_ids"] == wanted:
            tokenizer.chat_template = jinja
            return
    raise ValueError(
        f"no chat template gives the ids of {template.name!r} with this tokenizer: it changes white space beside its "
        "special tokens, or a chat cannot say which of the template's two texts is meant; save the JSON instead"
    )

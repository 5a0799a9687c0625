"""The seam in token ids: a rendered record becomes `input_ids` and `labels`, with any Hugging Face tokenizer.

    input_ids   BOS, if the tokenizer wants one | prompt | completion | EOS
    labels                                 -100 | -100   | completion | EOS

A prompt is encoded by itself, at inference as in training; a completion behind the response marker, where it will
stand. If a token there spans both sides, the record is reported and left out. EOS is added as an id, and the spelling
of a special token in the data stays text. What this module does not do: pad, batch, or cut an answer.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf
from types import SimpleNamespace
from typing import TYPE_CHECKING, Literal

from utils.templates import PromptTemplate

if TYPE_CHECKING:
    from datasets import Dataset
    from tokenizers import AddedToken
    from transformers import PreTrainedTokenizerBase as Tokenizer

    from utils.records import Record

IGNORED = -100  # the label that the loss skips
COMMAND = re.compile(r"<.+>|\[.+\]")  # spelled like </s> or [INST]; GPT-NeoX also keeps runs of spaces as added tokens


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
        kept: `rows[i]` was made from `records[kept[i]]`.
        notes: one for each record that was shortened or left out, in order.
        lengths: tokens of every record as it came, BOS and EOS included (without its answer if a seam note says so).
    """

    rows: list[dict[str, list[int]]]
    kept: list[int]
    notes: list[Note]
    lengths: list[int]

    def dataset(self) -> "Dataset":
        """The rows as a `datasets.Dataset`, which `SFTTrainer` takes as it is."""
        from datasets import Dataset

        return Dataset.from_list(self.rows)


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
    >>> trainer = SFTTrainer(model, train_dataset=encoded.dataset())  # doctest: +SKIP
    """
    if too_long not in ("refuse", "drop", "shorten"):
        raise ValueError(f"too_long is {too_long!r}: use 'refuse', 'drop' or 'shorten' (an answer is never cut)")
    if max_length is not None and max_length < 1:
        raise ValueError(f"max_length is {max_length}: give a number of tokens, or None for any length")
    if tokenizer.eos_token_id is None:
        raise ValueError("the tokenizer has no EOS token, so no answer could end: set tokenizer.eos_token")
    records, start = list(records), _start_ids(template, tokenizer)
    prompts, completions, notes = _both_sides(records, template, tokenizer)
    lengths = [len(start) + len(p) + len(c or []) + 1 for p, c in zip(prompts, completions, strict=True)]
    long = [row for row, c in enumerate(completions) if c is not None and lengths[row] > (max_length or inf)]
    if long and too_long == "refuse":
        longest = max(long, key=lengths.__getitem__)
        raise ValueError(
            f"{len(long)} of {len(records)} records have more than max_length={max_length} tokens, the first ones in "
            f"rows {long[:5]}, the longest in row {longest} ({lengths[longest]}): raise max_length, or say "
            "too_long='drop' or too_long='shorten'"
        )
    room = {row: max_length - lengths[row] + len(prompts[row]) for row in long}
    shorter = _shortened_prompts(records, template, tokenizer, room) if too_long == "shorten" else {}
    for row in long:
        if row in shorter:
            prompts[row], reason = shorter[row]
            notes.append(Note(row, "shortened", reason))
        else:
            completions[row] = None
            notes.append(Note(row, "too long", f"{lengths[row]} tokens, {max_length} allowed"))
    kept, rows = [row for row, completion in enumerate(completions) if completion is not None], []
    for row in kept:
        prompt, completion = start + prompts[row], [*completions[row], tokenizer.eos_token_id]
        rows.append({"input_ids": prompt + completion, "labels": [IGNORED] * len(prompt) + completion})
    return Encoded(rows=rows, kept=kept, notes=sorted(notes, key=lambda note: note.row), lengths=lengths)


def encode_prompts(
    records: Iterable["Record"], template: PromptTemplate, tokenizer: "Tokenizer", *, max_length: int | None = None
) -> list[list[int]]:
    """The ids that the model gets at inference: for each record exactly the masked part of its training row.

    Raises:
        ValueError: a prompt has more than `max_length` tokens, or cannot be encoded as plain text.
    """
    start, commands = _start_ids(template, tokenizer), _commands(tokenizer)
    prompts = [start + ids for ids in _text_ids([template.prompt(record) for record in records], tokenizer)]
    for row, ids in enumerate(prompts):
        if found := commands.keys() & ids[len(start) :]:
            raise ValueError(f"row {row}: {_special_reason(found, commands)}")
        if len(ids) > (max_length or inf):
            raise ValueError(f"row {row}: the prompt has {len(ids)} tokens, {max_length} are allowed; shorten its data")
    return prompts


def set_chat_template(tokenizer: "Tokenizer", template: PromptTemplate) -> None:
    """Make `template` the tokenizer's chat template, so that it is saved with the tokenizer.

    What has to stand before the prompt is tried on a record: GPT-2 has a BOS and does not use it, and behind the BOS of
    Llama 2 a space is needed, since no other tokens come out otherwise than at the start of a text.

    Raises:
        ValueError: `apply_chat_template` cannot give the ids of `encode_prompts` with this tokenizer.
    """
    probe = SimpleNamespace(instruction="Say why.", input="One line.", output="Because.")
    (wanted,) = encode_prompts([probe], template, tokenizer)
    for start in ("{{ bos_token }}", "", "{{ bos_token ~ ' ' }}"):
        jinja = template.chat_template(start=start)
        chat = tokenizer.apply_chat_template(template.messages(probe)[:-1], chat_template=jinja)
        if chat["input_ids"] == wanted:
            tokenizer.chat_template = jinja
            return
    raise ValueError(f"no chat template gives the ids of {template.name!r} with this tokenizer: save its JSON instead")


def length_audit(lengths: Sequence[int], *, max_length: int) -> dict[str, float]:
    """Percentiles of token counts, each the length of a real record, and how many are over `max_length`.

    >>> length_audit([10, 20, 30, 400], max_length=256)
    {'records': 4, 'p50': 20, 'p90': 400, 'p99': 400, 'longest': 400, 'over': 1, 'share_over': 0.25}
    """
    if not lengths:
        raise ValueError("no lengths to audit: encode at least one record")
    ordered, over = sorted(lengths), sum(length > max_length for length in lengths)
    ranks = {f"p{p}": ordered[-(-p * len(ordered) // 100) - 1] for p in (50, 90, 99)}
    return {"records": len(ordered), **ranks, "longest": ordered[-1], "over": over, "share_over": over / len(ordered)}


def _both_sides(
    records: list["Record"], template: PromptTemplate, tokenizer: "Tokenizer"
) -> tuple[list[list[int]], list[list[int] | None], list[Note]]:
    """Ids of all prompts and completions in one pass; a completion is None where a note says why."""
    marker, rendered = template.response_marker, [template.render(record) for record in records]
    behind = [marker + completion for _, completion in rendered]
    *ids, seam = _text_ids([*(prompt for prompt, _ in rendered), *behind, marker], tokenizer)
    prompts, answers, completions, notes = ids[: len(records)], ids[len(records) :], [], []
    commands = _commands(tokenizer)
    for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        completions.append(answer[len(seam) :])
        if answer[: len(seam)] != seam:
            reason = f"{_merged(behind[row], answer, seam, tokenizer)!r} became one token across the seam; strip the "
            notes.append(Note(row, "seam", reason + "completion, or end the template in another way"))
        elif found := commands.keys() & {*prompt, *answer}:
            notes.append(Note(row, "special", _special_reason(found, commands)))
    for note in notes:
        completions[note.row] = None
    return prompts, completions, notes


def _shortened_prompts(
    records: list["Record"], template: PromptTemplate, tokenizer: "Tokenizer", room: dict[int, int]
) -> dict[int, tuple[list[int], str]]:
    """Row -> prompt ids with as much data as there is room for, and a reason. All rows are halved in step."""
    name, found = template.data_field, {}
    data = {row: getattr(records[row], name) if name else "" for row in room}
    spans = {row: (0, len(text)) for row, text in data.items()}
    while tried := {row: sum(span) // 2 for row, span in spans.items() if span[1] - span[0] > 1}:
        prompts = [template.prompt(replace(records[row], **{name: data[row][:size]})) for row, size in tried.items()]
        for (row, size), ids in zip(tried.items(), _text_ids(prompts, tokenizer), strict=True):
            if len(ids) <= room[row]:
                found[row] = ids, f"{name} cut from {len(data[row])} to {size} characters"
            spans[row] = (size, spans[row][1]) if len(ids) <= room[row] else (spans[row][0], size)
    return found


def _text_ids(texts: list[str], tokenizer: "Tokenizer") -> list[list[int]]:
    """Ids of plain texts, no BOS, no EOS, nothing cut, in one call. The wrapper would add masks that nobody reads."""
    if broken := next((text for text in texts if not text.isascii() and re.search("[\ud800-\udfff]", text)), None):
        raise ValueError(f"{broken[-60:]!r} holds half a surrogate pair, which is no valid Unicode: repair the text")
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or not texts:
        return tokenizer(texts, add_special_tokens=False, split_special_tokens=True)["input_ids"] if texts else []
    # The Rust tokenizer splits what is declared special. Phi-3's </s> is not: declare it, in a copy, if a text has it.
    undeclared = {token.content for token in _commands(tokenizer).values() if not token.special}
    suspects = [text for text in texts if "<" in text or "[" in text] if undeclared else []
    if any(content in text for content in undeclared for text in suspects):
        state = json.loads(backend.to_str())
        for token in state["added_tokens"]:
            token["special"] |= token["content"] in undeclared
        backend = type(backend).from_str(json.dumps(state))
    backend.no_truncation()
    backend.no_padding()
    before, backend.encode_special_tokens = backend.encode_special_tokens, True
    try:
        return [encoding.ids for encoding in backend.encode_batch_fast(texts, add_special_tokens=False)]
    finally:
        backend.encode_special_tokens = before


def _start_ids(template: PromptTemplate, tokenizer: "Tokenizer") -> list[int]:
    """What the tokenizer itself puts before a text: BOS, nothing, or several tokens."""
    texts = (template.text, template.text_without_input or "", template.completion)
    for token in _commands(tokenizer).values():
        if COMMAND.fullmatch(token.content) and any(token.content in text for text in texts):
            raise ValueError(
                f"template {template.name!r} spells {token.content!r}, a special token of this tokenizer: leave it "
                "out; BOS and EOS are added as ids, and in a text it would be nothing but text"
            )
    plain, whole = tokenizer("a", add_special_tokens=False)["input_ids"], tokenizer("a")["input_ids"]
    return next(whole[:i] for i in range(len(whole)) if whole[i : i + len(plain)] == plain)


def _commands(tokenizer: "Tokenizer") -> dict[int, "AddedToken"]:
    """Tokens that data may not produce: special, named (BOS, EOS ...) or spelled so. UNK stands for rare letters."""
    named = set(tokenizer.all_special_ids)
    allowed = {tokenizer.unk_token_id} - {tokenizer.bos_token_id, tokenizer.eos_token_id}
    added = {index: token for index, token in tokenizer.added_tokens_decoder.items() if index not in allowed}
    return {i: t for i, t in added.items() if t.special or i in named or COMMAND.fullmatch(t.content)}


def _special_reason(found: set[int], commands: dict[int, "AddedToken"]) -> str:
    return f"this tokenizer makes {commands[min(found)].content!r} even out of plain text; reword the text"


def _merged(text: str, ids: list[int], seam: list[int], tokenizer: "Tokenizer") -> str:
    """The characters under the first token that is not one of the marker's."""
    at = next(i for i, (one, other) in enumerate(zip(ids, seam, strict=False)) if one != other)
    if not tokenizer.is_fast:
        return tokenizer.decode(ids[at : at + 1])
    spans = tokenizer(text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True)
    return text[spans["offset_mapping"][at - 1][1] if at else 0 : spans["offset_mapping"][at][1]]

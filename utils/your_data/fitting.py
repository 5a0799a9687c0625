"""The parts of a run as ids: what fits, what is shortened, and how long an answer may become.

What this module does not do: encode (`utils.prompts` does).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from utils.errors import DataError
from utils.prompts import ChatTemplate, Encoded, LossOn, PromptTemplate, encode, fit, settled
from utils.records import Record
from utils.your_data.account import Account
from utils.your_data.faults import Row

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Fitted:
    """The parts as ids: what is trained on, validated with and tested with, and how long an answer may be.

    loss_on: which answers of a conversation are learned, "all" or the "last".
    """

    train: Encoded
    validation: Encoded
    test: Encoded
    max_length: int
    new_tokens: int
    left_out: list[Row]
    counts: dict[str, int]
    loss_on: LossOn = "all"

    @property
    def lengths(self) -> list[int]:
        """Tokens of every row of all parts, before any was shortened."""
        return self.train.lengths + self.validation.lengths + self.test.lengths


def fit_rows(
    rows: Account,
    template: PromptTemplate | ChatTemplate,
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    *,
    max_length: int,
) -> Fitted:
    """Make ids of at most `max_length` tokens; a longer row is shortened in its text, or left out with the reason.

    Of a conversation every answer is learned, unless the chat template writes earlier ones in another way than it asks
    for them (Qwen3 drops thoughts): then the last.

    Raises:
        DataError: no row fits, or the tokenizer has no chat template although that was asked for.
    """
    try:
        template = settled(template, tokenizer)
    except ValueError:
        raise DataError("this model has no chat template of its own: set template to alpaca, or to a file") from None
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None) or max_length
    longest = min(max_length, context)
    loss_on = _answers_to_learn(rows.records, template, tokenizer)
    parts = rows.records, rows.validation
    train, validation = (fit(part, template, tokenizer, max_length=longest, loss_on=loss_on) for part in parts)
    answers = (
        sum(1 for _ in run) for row in train.rows for learned, run in groupby(row["labels"], _is_learned) if learned
    )
    new_tokens = min(256, context // 2, 8 + max(answers, default=0))
    room = max(1, min(longest, context - new_tokens))  # for an answer of any length
    test = fit(rows.test, template, tokenizer, max_length=room, loss_on="last")
    if not (train.records and test.records):
        raise DataError(f"no row fits into {longest} tokens: raise max_length, or shorten the instruction")
    left_out = [*rows.left_out]
    left_out += [asdict(note) for part in (train, validation, test) for note in part.notes]
    counts = rows.counts | {
        "train": len(train.records), "validation": len(validation.records), "test": len(test.records),
    }  # fmt: skip
    return Fitted(train, validation, test, longest, new_tokens, left_out, counts, loss_on)


def _answers_to_learn(
    records: Sequence[Record], template: PromptTemplate | ChatTemplate, tokenizer: "PreTrainedTokenizerBase"
) -> LossOn:
    """ "all", unless this template can only render the last answer of the longest conversation as it is asked for."""
    longest = max(records, key=lambda record: len(record.history))
    for choice in ("all", "last") if longest.history else ():
        try:
            encode([longest], template, tokenizer, max_length=None, loss_on=choice)
        except ValueError:
            continue
        return choice
    return "all"


def _is_learned(label: int) -> bool:
    return label != -100

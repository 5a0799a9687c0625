"""The parts of a run as ids: what fits, what is shortened, and how long an answer may become.

What this module does not do: encode (`utils.prompts` does).
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from utils.errors import DataError
from utils.prompts import Encoded, PromptTemplate, fit
from utils.your_data.account import Account
from utils.your_data.faults import Row

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Fitted:
    """The parts as ids: what is trained on, validated with and tested with, and how long an answer may be."""

    train: Encoded
    validation: Encoded
    test: Encoded
    max_length: int
    new_tokens: int
    left_out: list[Row]
    counts: dict[str, int]

    @property
    def lengths(self) -> list[int]:
        """Tokens of every row of all parts, before any was shortened."""
        return self.train.lengths + self.validation.lengths + self.test.lengths


def fit_rows(
    rows: Account,
    template: PromptTemplate,
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    *,
    max_length: int,
) -> Fitted:
    """Make ids of at most `max_length` tokens; a longer row is shortened in its text, or left out with the reason.

    Raises:
        DataError: no row fits.
    """
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None) or max_length
    longest = min(max_length, context)
    train, validation = (fit(part, template, tokenizer, max_length=longest) for part in (rows.records, rows.validation))
    answers = (sum(label != -100 for label in row["labels"]) for row in train.rows)
    new_tokens = min(256, context // 2, 8 + max(answers, default=0))
    room = max(1, min(longest, context - new_tokens))  # for an answer of any length
    test = fit(rows.test, template, tokenizer, max_length=room)
    if not (train.records and test.records):
        raise DataError(f"no row fits into {longest} tokens: raise max_length, or shorten the instruction")
    left_out = [*rows.left_out]
    left_out += [asdict(note) for part in (train, validation, test) for note in part.notes]
    counts = rows.counts | {
        "train": len(train.records), "validation": len(validation.records), "test": len(test.records),
    }  # fmt: skip
    return Fitted(train, validation, test, longest, new_tokens, left_out, counts)

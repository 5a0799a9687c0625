"""Records that fit into `max_length`, by task: most are shortened, some are taken whole or not at all.

What this module does not do: find the place of a cut (`utils.lengths`), or write the rows (`utils.tokens`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from utils.conversion import Record
from utils.templates import PromptTemplate
from utils.tokens import Encoded, encode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

WHOLE = ("extraction", "question")  # what is to be found may stand at the end


def fit(
    records: Sequence[Record], template: PromptTemplate, tokenizer: "PreTrainedTokenizerBase", *, max_length: int
) -> Encoded:
    """Encode records of one task with `too_long="shorten"`, or with "drop" where the answer is taken out of the text.

    Raises:
        ValueError: what `tokens.encode` raises.
    """
    whole = any(record.task in WHOLE for record in records)
    return encode(records, template, tokenizer, max_length=max_length, too_long="drop" if whole else "shorten")

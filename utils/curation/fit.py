"""Does an instruction fit its text? How much likelier a forward model finds the text after it than after another one.

A forward model reads an instruction and weighs the text that is to follow it. Three questions about each text, in nats
per token: how likely is it after its own instruction, after a constant one that says nothing about it, and after the
instruction of the text most like it? (Instruction backtranslation, Li et al. 2023, asks a model for a mark instead.)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from peft import PeftModel
from transformers import PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from utils.curation.drafts import Draft
from utils.evaluation import Score, quotient
from utils.prompts import ALPACA, PromptTemplate, encode
from utils.quality import tfidf_vectorizer
from utils.records import Record
from utils.training import row_losses

CONSTANT = "Write a short text."  # an instruction that fits every text, and so says nothing about any


@dataclass(frozen=True)
class Fit:
    """What an instruction does for its text, in nats per token of the text; above 0 it makes the text likelier.

    Attributes:
        over_constant: against the constant instruction.
        over_neighbour: against the instruction of the text most like it.
    """

    over_constant: float
    over_neighbour: float


def text_loss(
    model: PreTrainedModel | PeftModel,
    tokenizer: Tokenizer,
    records: Sequence[Record],
    *,
    template: PromptTemplate = ALPACA,
) -> Score:
    """The loss of each record's completion, EOS included: a `Score` whose value is the mean over all tokens, in nats.

    Raises:
        ValueError: no records, or one that cannot be encoded, or is longer than the model reads; with its row.
    """
    encoded = encode(records, template, tokenizer, max_length=None)
    if encoded.notes:
        raise ValueError(f"row {encoded.notes[0].row}: {encoded.notes[0].reason}")
    return quotient(row_losses(model, tokenizer, encoded.rows))


def neighbours(drafts: Sequence[Draft]) -> list[int]:
    """For each draft the one whose text is most like its own (TF-IDF), among those with another instruction.

    A draft that has no such neighbour has itself.
    """
    vectors = tfidf_vectorizer().fit_transform([draft.text for draft in drafts])
    asked = np.array([draft.instruction for draft in drafts], dtype=object)
    nearest = []
    for at in range(len(drafts)):  # a row at a time: the whole table of thousands of texts would fill the memory
        likeness = np.where(asked == asked[at], -1.0, (vectors @ vectors[at].T).toarray()[:, 0])
        nearest.append(int(likeness.argmax()) if likeness.max() >= 0 else at)
    return nearest


def measure_fit(
    model: PreTrainedModel | PeftModel,
    tokenizer: Tokenizer,
    drafts: Sequence[Draft],
    *,
    template: PromptTemplate = ALPACA,
) -> list[Fit]:
    """Weigh each draft's text after its own instruction, the constant one and its neighbour's.

    Args:
        model: a forward model. One that has seen other pairs with `template` weighs more surely than the bare base.

    Raises:
        ValueError: as `text_loss`.
    """
    if not drafts:
        return []
    others = [drafts[at].instruction for at in neighbours(drafts)]
    asked = [[draft.instruction for draft in drafts], [CONSTANT] * len(drafts), others]
    pairs = [
        Record(instruction or CONSTANT, "", draft.text, "document")
        for instructions in asked
        for instruction, draft in zip(instructions, drafts, strict=True)
    ]
    rows = text_loss(model, tokenizer, pairs, template=template).rows
    own, constant, neighbour = np.split(rows[:, 0] / rows[:, 1], 3)
    return [Fit(*map(float, gains)) for gains in zip(constant - own, neighbour - own, strict=True)]

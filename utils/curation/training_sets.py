"""The training sets of a forward model over the same texts, which differ in their instructions; and its training."""

import math
import os
from collections.abc import Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase as Tokenizer

from utils.curation.filters import Judged
from utils.curation.fit import CONSTANT
from utils.evaluation import baseline_answers
from utils.models import load_base
from utils.prompts import ALPACA, REVERSE_INSTRUCTION, PromptTemplate, encode
from utils.records import Record
from utils.training import TrainingResult, fine_tune

CONSTANT_SET, MACHINE, CURATED, REFERENCE = (
    "constant instruction", "machine instructions", "machine, curated", "reference instructions",
)  # fmt: skip
FIRST_SENTENCE, NEAREST, SEED_PAIRS = "first sentence", "most similar seed pair", "seed pairs, other texts"


def first_sentence(text: str) -> str:
    """A text's first line of four words or more, up to its first sentence: a greeting alone says nothing.

    >>> first_sentence("Dear all,\\n\\nwe lost a red scarf. Tel. 21")
    'we lost a red scarf.'
    """
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    line = next((line for line in lines if len(line.split()) >= 4), lines[0])
    ends = [at + 1 for at in range(len(line)) if line[at] in ".!?" and line[at + 1 : at + 2].isspace()]
    return line[: ends[0]] if ends else line


def opponents(seed: Sequence[Record], texts: Sequence[str]) -> dict[str, list[str]]:
    """Instructions that need no model: a constant one, the text's first sentence, that of the most similar seed text.

    Args:
        seed: pairs as the reverse model learns from, with the text in `output`.

    Returns:
        A list for each, with an instruction for each text.
    """
    asked = [Record("", "", text, "document") for text in texts]
    _, nearest = list(baseline_answers(seed, asked, REVERSE_INSTRUCTION).values())
    return {
        CONSTANT_SET: [CONSTANT] * len(texts),
        FIRST_SENTENCE: list(map(first_sentence, texts)),
        NEAREST: nearest,
    }


def training_sets(judged: Sequence[Judged], references: Sequence[str]) -> dict[str, list[Record]]:
    """Four sets of pairs over the same texts; the curated one holds only those that passed.

    Args:
        references: the instruction of each text that was written for it.

    Raises:
        ValueError: curation kept nothing, so there is nothing to compare.
    """
    texts = [one.draft.text for one in judged]
    curated = [one.draft.pair for one in judged if one.kept]
    if not curated:
        raise ValueError(f"none of {len(judged)} drafts passed the filters: train the reverse model longer")
    return {
        CONSTANT_SET: with_instructions(texts, [CONSTANT] * len(texts)),
        MACHINE: with_instructions(texts, [one.draft.instruction or CONSTANT for one in judged]),
        CURATED: curated,
        REFERENCE: with_instructions(texts, references),
    }


def with_instructions(texts: Sequence[str], instructions: Sequence[str]) -> list[Record]:
    return [Record(asked, "", text, "document") for asked, text in zip(instructions, texts, strict=True)]


def tune(
    base: str | os.PathLike[str],
    pairs: Sequence[Record],
    template: PromptTemplate = ALPACA,
    *,
    output_dir: str | os.PathLike[str],
    steps: int,
    batch_size: int = 8,
    heldout: Sequence[Record] = (),
    **settings: Any,
) -> tuple[TrainingResult, Tokenizer]:
    """Train a fresh adapter for a number of steps, however many pairs there are: sets of any size get equal compute.

    Args:
        base: a name or folder for `load_base`.
        template: `ALPACA` writes texts to instructions, `REVERSE_INSTRUCTION` instructions to texts.
        settings: further ones of `fine_tune`.

    Raises:
        ValueError: no pairs, or one that is longer than the model reads.
    """
    model, tokenizer = load_base(base)
    rows, kept_out = (encode(part, template, tokenizer, max_length=None).rows for part in (pairs, heldout))
    # `fine_tune` counts in epochs and rounds up to whole steps, so half a step less is exactly as many.
    epochs = (steps - 0.5) / math.ceil(len(rows) / batch_size) if rows else 0
    result = fine_tune(
        model, tokenizer, rows, output_dir=output_dir, heldout=kept_out, epochs=epochs, batch_size=batch_size,
        checkpoint_every=10**6, **settings,
    )  # fmt: skip
    return result, tokenizer

"""Labels with a probability: the model does not write, it weighs the labels that are allowed, and no other comes out.

>>> Choice({"spam": -0.2, "ham": -2.1}, temperature=1).label
'spam'
>>> round(Choice({"spam": -0.2, "ham": -2.1}, temperature=1).probability, 2)
0.87
>>> round(Choice({"spam": -0.2, "ham": -2.1}, temperature=3).probability, 2)  # less sure, of the same label
0.65
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from peft import PeftModel
from transformers import PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from utils.inference.own_form import weigh
from utils.prompts import ChatTemplate, PromptTemplate, encode, encode_prompts
from utils.records import Record


@dataclass(frozen=True)
class Choice:
    """What the model makes of one record.

    Attributes:
        log_probabilities: of each label as an answer, its end included, in nats, before any temperature. What
            `utils.evaluation.fit_temperature` takes.
        temperature: what they are divided by.
    """

    log_probabilities: dict[str, float]
    temperature: float = 1.0

    @cached_property
    def probabilities(self) -> dict[str, float]:
        """The probability of each label, given that one of them is right; they sum to 1."""
        most = max(self.log_probabilities.values())
        weights = {label: math.exp((log - most) / self.temperature) for label, log in self.log_probabilities.items()}
        total = sum(weights.values())
        return {label: weight / total for label, weight in weights.items()}

    @property
    def label(self) -> str:
        """The likeliest label; of equals, the first."""
        return max(self.log_probabilities, key=self.log_probabilities.__getitem__)

    @property
    def probability(self) -> float:
        """That of `label`."""
        return self.probabilities[self.label]


def classify(
    model: PreTrainedModel | PeftModel,
    tokenizer: Tokenizer,
    records: Sequence[Record],
    template: PromptTemplate | ChatTemplate,
    labels: Sequence[str],
    *,
    temperature: float = 1.0,
    batch_size: int = 32,
) -> list[Choice]:
    """The likeliest of the allowed labels for each record, and the probability of every label; outputs are not read.

    Each label is scored as the answer that `template` would make of it, to the end token: what a model is trained on.
    Prompts share what they have in common, and so do labels (how: `answer_tree`).

    Args:
        labels: the allowed labels, each once.
        temperature: from `utils.evaluation.fit_temperature`, on validation rows; 1 leaves what the model says.
        batch_size: rows at a time; lower it if memory runs out.

    Returns:
        A choice for each record, in their order.

    Raises:
        ValueError: no labels, one that is there twice or that does not fit after the prompt; a template that does not
            ask for `{output}`; a temperature that is not above 0; a prompt without room for a label.
    """
    if len(set(labels)) != len(labels):
        twice = sorted({label for label in labels if list(labels).count(label) > 1})
        raise ValueError(f"labels {twice} are there twice: give each once")
    if not (temperature > 0 and math.isfinite(temperature)):
        raise ValueError(f"temperature is {temperature}: give a number above 0")
    if "{output}" not in template.completion:
        raise ValueError(f"template {template.name!r} asks for {template.completion}: labels stand in the output")
    prompts, ends = encode_prompts(records, template, tokenizer), _answer_ids(labels, template, tokenizer)
    rows = weigh(model, tokenizer, prompts, ends, batch_size=batch_size)
    return [Choice(dict(zip(labels, row, strict=True)), temperature) for row in rows]


def _answer_ids(
    labels: Sequence[str], template: PromptTemplate | ChatTemplate, tokenizer: Tokenizer
) -> list[list[int]]:
    """The ids of each label as an answer, as they are learned: what the template makes of it, and its end."""
    encoded = encode([Record("a", "a", label) for label in labels], template, tokenizer, max_length=None)
    if encoded.notes:
        raise ValueError(f"label {labels[encoded.notes[0].row - 1]!r}: {encoded.notes[0].reason}")
    return [[label for label in row["labels"] if label != -100] for row in encoded.rows]

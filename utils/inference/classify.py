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
from dataclasses import dataclass, replace
from functools import cached_property

from peft import PeftModel
from transformers import PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from utils.inference.own_form import likeliest
from utils.prompts import PromptTemplate, encode_prompts
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
    template: PromptTemplate,
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
    blank = Record("")
    answers = [template.render(replace(blank, output=label))[1] for label in labels]
    prompts = encode_prompts(records, template, tokenizer)
    after = template.response_marker
    _, rows = likeliest(model, tokenizer, prompts, answers, after=after, batch_size=batch_size)
    return [Choice(dict(zip(labels, row, strict=True)), temperature) for row in rows]

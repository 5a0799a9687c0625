"""Labels with a probability: chosen among the allowed ones, calibrated on validation rows, measured on test rows.

What this module does not do: weigh labels (`utils.inference.classify`) or fit a temperature (`utils.evaluation`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from utils.evaluation import (
    Interval,
    Score,
    expected_calibration_error,
    fit_temperature,
    in_words,
    is_right,
    paired_bootstrap,
    score,
    wanted,
)
from utils.prompts import PromptTemplate
from utils.records import Record

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedTokenizerBase

    from utils.inference import Answer, Choice

CHOSEN = "fine-tuned, choosing a label"


@dataclass(frozen=True)
class Choices:
    """Labels chosen among the allowed ones, with their probabilities.

    Attributes:
        choices: one for each test record; `right` says which of them are.
        temperature: fitted on `rows` validation rows; 1 where there are none.
        before, after: expected calibration error on the test rows without and with it.
        gain: accuracy minus that of the answers that the model writes, on the same rows.
        seconds: that choosing took, for all test rows.
    """

    choices: "list[Choice]"
    right: list[bool]
    temperature: float
    rows: int
    before: float
    after: float
    gain: Interval
    seconds: float
    score: dict[str, Score]

    @property
    def probabilities(self) -> list[float]:
        """Of the label that was chosen, one for each test record."""
        return [choice.probability for choice in self.choices]

    def sentences(self) -> list[str]:
        """What came of it and what it costs; nothing here depends on the clock."""
        fitted = f"Temperature {self.temperature:.2f}, fitted on {self.rows} validation rows"
        error = f"expected calibration error {self.before:.3f}"
        none = f"No temperature, since there are no validation rows: {error}."
        count = len(self.choices[0].log_probabilities)
        return [
            f"Accuracy of choosing a label, against that of writing one: {in_words(self.gain)}.",
            f"{fitted}: {error} without it, {self.after:.3f} with it." if self.rows else none,
            f"Every one of the {count} labels is weighed for every row: with more labels it takes longer.",
        ]

    def speed(self, written: float) -> str:
        """In rows a second; `written` is the time that the free answers took, in seconds."""
        rate, other = (len(self.choices) / max(seconds, 1e-9) for seconds in (self.seconds, written))
        return f"choosing: {rate:.1f} rows a second; writing: {other:.1f}"


def choose_labels(
    model: "PeftModel",
    tokenizer: "PreTrainedTokenizerBase",
    validation: Sequence[Record],
    test: Sequence[Record],
    template: PromptTemplate,
    labels: Sequence[str],
    *,
    written: "Sequence[Answer]",
    batch_size: int = 32,
) -> Choices:
    """Weigh the allowed labels for each test record, with a temperature from validation records.

    Args:
        validation: taken from the training rows; the temperature must not be fitted on test rows.
        written: the free answers to the test records, to compare with.
    """
    from utils.inference import classify

    settings = {"batch_size": batch_size}
    temperature = 1.0
    if validation:
        known = classify(model, tokenizer, validation, template, labels, **settings)
        right = [wanted(record, template) for record in validation]
        temperature = fit_temperature([choice.log_probabilities for choice in known], right)
    started = time.monotonic()
    choices = classify(model, tokenizer, test, template, labels, temperature=temperature, **settings)
    seconds = time.monotonic() - started
    right = [is_right(choice.label, record, template) for choice, record in zip(choices, test, strict=True)]
    scores = score([choice.label for choice in choices], test, template, allowed=labels)
    theirs = score([answer.text for answer in written], test, template, allowed=labels)
    before = [replace(choice, temperature=1.0).probability for choice in choices]
    after = [choice.probability for choice in choices]
    errors = [expected_calibration_error(sure, right) for sure in (before, after)]
    gain = paired_bootstrap(theirs["label_accuracy"], scores["label_accuracy"])
    return Choices(choices, right, temperature, len(validation), *errors, gain, seconds, scores)

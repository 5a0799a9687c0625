"""Forward models side by side, on reference pairs that none of them was trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from peft import PeftModel
from transformers import PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from utils.curation.fit import text_loss
from utils.curation.names import stands_in
from utils.evaluation import Interval, Score, bootstrap, outcome, over_runs, paired_bootstrap, quotient
from utils.inference import generate, own_prompts
from utils.prompts import ALPACA, PlainEncoder
from utils.records import Record
from utils.training import row_losses


@dataclass(frozen=True)
class Forward:
    """How a forward model does on n reference pairs, of which it wrote the texts of the first m.

    Attributes:
        loss: of the reference texts after their instructions, n rows, in nats per token. Lower is better.
        names: the share of the instructions' names and dates that the written texts keep, m rows.
        stops: the share of written texts that the model ended by itself, m rows.
        written: these texts.
    """

    loss: Score
    names: Score
    stops: Score
    written: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a record; `from_dict` is the way back."""
        scores = {name: getattr(self, name).rows.tolist() for name in ("loss", "names", "stops")}
        return scores | {"written": list(self.written)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Forward":
        scores = (quotient(data[name]) for name in ("loss", "names", "stops"))
        return cls(*scores, tuple(data["written"]))


def measure_forward(
    model: PreTrainedModel | PeftModel,
    tokenizer: Tokenizer,
    pairs: Sequence[Record],
    slots: Sequence[Sequence[str]],
    *,
    write: int,
    max_new_tokens: int = 100,
    batch_size: int = 32,
) -> Forward:
    """Weigh the texts of reference pairs, and let the model write texts to the first `write` of their instructions.

    Args:
        slots: for each pair the names and dates of its instruction.

    Raises:
        ValueError: no pairs, or not a list of slots for each.
    """
    if len(slots) != len(pairs):
        raise ValueError(f"{len(pairs)} pairs, {len(slots)} lists of slots: pass one for each pair")
    how = {"max_new_tokens": max_new_tokens, "batch_size": batch_size}
    answers = generate(model, tokenizer, pairs[:write], ALPACA, **how)
    kept = [[stands_in(slot, answer.text) for slot in row] for answer, row in zip(answers, slots, strict=False)]
    return Forward(
        text_loss(model, tokenizer, pairs),
        quotient([(sum(row), len(row)) for row in kept]),
        quotient([(answer.stopped, 1) for answer in answers]),
        tuple(answer.text for answer in answers),
    )


def own_form_loss(model: PreTrainedModel, tokenizer: Tokenizer, pairs: Sequence[Record]) -> Score:
    """The loss of the texts for a base that is asked in its own chat template: the form that is best for it."""
    texts, special = PlainEncoder(tokenizer).ids([pair.output for pair in pairs])
    for row, reason in special.items():
        raise ValueError(f"row {row}: {reason}")
    rows = []
    for prompt, text in zip(own_prompts(pairs, tokenizer), texts, strict=True):
        answer = [*text, tokenizer.eos_token_id]
        rows.append({"input_ids": [*prompt, *answer], "labels": [-100] * len(prompt) + answer})
    return quotient(row_losses(model, tokenizer, rows))


def over_seeds(runs: Sequence[Forward]) -> Forward:
    """Several training runs as one result, whose intervals cover the chance of rows and of runs."""
    parts = {name: over_runs([getattr(run, name) for run in runs]) for name in ("loss", "names", "stops")}
    return Forward(**parts, written=runs[0].written)


def of_rows(results: Mapping[str, Forward], chosen: Sequence[bool]) -> dict[str, Forward]:
    """The same results for some of the pairs alone, such as those of one kind: of the losses, and what was written."""

    def part(score: Score) -> Score:
        mask = np.array(chosen[: score.rows.shape[-2]], dtype=bool)
        return Score(score.rows[..., mask, :], score.formula)

    return {
        name: Forward(part(one.loss), part(one.names), part(one.stops),
                      tuple(text for text, is_in in zip(one.written, chosen, strict=False) if is_in))
        for name, one in results.items()
    }  # fmt: skip


def saved(results: Mapping[str, Forward], name: str, *, against: str, seed: int = 0) -> Interval:
    """How much less loss than `against` a model has on the same texts, in nats per token; above 0 it is better."""
    return paired_bootstrap(results[name].loss, results[against].loss, seed=seed)


def forward_table(results: Mapping[str, Forward], *, against: str, seed: int = 0) -> pd.DataFrame:
    """A row for each model: its loss, what it saves against one of them, names kept, stop rate; with intervals."""
    rows = {}
    for name, one in results.items():
        gain = "" if name == against else saved(results, name, against=against, seed=seed)
        rows[name] = {
            "loss (nats per token)": bootstrap(one.loss, seed=seed),
            f"saved against “{against}”": gain,
            "names and dates kept": bootstrap(one.names, seed=seed),
            "ends by itself": bootstrap(one.stops, seed=seed),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("trained on")


def better(results: Mapping[str, Forward], name: str, *, against: str, seed: int = 0) -> str:
    """One sentence on two models, and no more than their difference allows.

    A difference that is not settled is called that: a null result is a result.
    """
    gain = saved(results, name, against=against, seed=seed)
    words = {
        "ahead": f"“{name}” is better.",
        "behind": f"“{name}” is worse.",
        "undecided": "These rows cannot tell the two apart.",
    }
    size = f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}] nats per token saved"
    return f"“{name}” against “{against}”: {size}. {words[outcome(gain)]}"


def part_of_the_way(results: Mapping[str, Forward], name: str, *, start: str, end: str) -> str:
    """How far a model has come from the loss of `start` to that of `end`; no share where that gap is not real."""
    if outcome(saved(results, end, against=start)) != "ahead":
        return f"No share can be given: “{end}” is not clearly better than “{start}” on these rows."
    first, here, last = (results[one].loss.value for one in (start, name, end))
    return f"“{name}” goes {(first - here) / (first - last):.0%} of the way from “{start}” to “{end}”."

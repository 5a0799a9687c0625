"""What the answers to the test rows are worth: scores of every method, the verdict, and what goes wrong.

What this module does not do: define scores or verdicts (`utils.evaluation` does); it asks for those of a run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from utils.evaluation import (
    MAIN,
    TUNED,
    Interval,
    Score,
    confused_pairs,
    differences,
    error_kinds,
    kind_of,
    lead,
    outcome,
    score,
    score_table,
    strongest,
    verdict,
    wanted,
)
from utils.prompts import PromptTemplate
from utils.records import Record
from utils.your_data.choices import CHOSEN, Choices

if TYPE_CHECKING:
    import pandas as pd


def readable(name: str) -> str:
    """The name of a score as people write it.

    >>> readable("rouge_l"), readable("label_macro_f1")
    ('ROUGE-L', 'label macro F1')
    """
    return name.replace("_", " ").replace("rouge l", "ROUGE-L").replace(" f1", " F1")


@dataclass(frozen=True)
class Judgement:
    """The scores of a run and what they say.

    Attributes:
        kind: of the task: "classification", "extraction" or "text"; `main` is its most important score.
        scores: of every method; `table` is a row per method, with intervals.
        differences: fine-tuned minus every other method in `main`, on the rows that both answered.
        rival: the strongest of them. `lead` is the verdict against it, `outcome` its colour.
        mistakes: counted by kind; `confused`: the pairs of labels that are taken for each other most often.
    """

    kind: str
    main: str
    scores: dict[str, dict[str, Score]]
    table: "pd.DataFrame"
    differences: dict[str, Interval]
    rival: str
    lead: str
    outcome: str
    mistakes: "pd.DataFrame"
    confused: "pd.DataFrame | None"

    @property
    def sentences(self) -> list[str]:
        """A verdict against each method."""
        return [verdict(difference, method) for method, difference in self.differences.items()]

    def bars(self) -> dict[str, dict[str, Interval]]:
        """The first scores of every method, in the form of `show.bar_with_intervals`."""
        names = list(next(iter(self.scores.values())))[: 3 if self.kind == "extraction" else 2]
        return {readable(name): self.table[name.replace("_", " ")].to_dict() for name in names}

    def form(self) -> str:
        """In what form the fine-tuned model answers: how often it ends by itself, how often it repeats the prompt."""
        ended, echoed = (self.scores[TUNED][name].value for name in ("stop_rate", "echo_rate"))
        return f"{ended:.0%} of the fine-tuned model's answers ended by themselves; {echoed:.0%} repeat the prompt."

    def numbers(self) -> dict[str, Any]:
        """Plain data for `metrics.json`."""
        scores = {
            method: {name.replace(" ", "_"): asdict(cell) for name, cell in row.items() if isinstance(cell, Interval)}
            for method, row in self.table.iterrows()
        }
        against = {method: asdict(difference) for method, difference in self.differences.items()}
        return {"scores": scores, "strongest_opponent": self.rival, "fine_tuned_minus": against}


def judge(
    answers: Mapping[str, Sequence[str]],
    records: Sequence[Record],
    template: PromptTemplate,
    *,
    allowed: Sequence[str],
    stopped: Sequence[bool],
    choices: Choices | None = None,
    seed: int = 0,
) -> Judgement:
    """Score every method on the test records that it answered, and compare the fine-tuned model with each.

    Args:
        answers: of each method, the first records first; those under `TUNED` are the fine-tuned model's.
        allowed: the labels of a classification.
        stopped: whether the fine-tuned model ended each answer by itself.
        choices: of labels, with their probabilities: shown beside the answers that are written, and no opponent.
    """
    kind = kind_of(records, template)
    main = MAIN[kind]
    scores = {
        name: score(given, records[: len(given)], template, allowed=allowed, stopped=stopped if name == TUNED else None)
        for name, given in answers.items()
    }
    against = differences(scores, main, seed=seed)
    rival = strongest(scores, main)
    shown = scores | {
        TUNED: {name: one for name, one in scores[TUNED].items() if name not in ("stop_rate", "echo_rate")}
    }
    table = score_table(shown | ({CHOSEN: choices.score} if choices else {}), seed=seed)
    table.insert(0, "test rows", [len(answers.get(name, records)) for name in table.index])
    confused = None
    if kind == "classification":
        labels = [wanted(record, template) for record in records]
        confused = confused_pairs(answers[TUNED], labels=labels, allowed=allowed)
    return Judgement(
        kind=kind, main=main, scores=scores, table=table, differences=against, rival=rival,
        lead=lead(scores, main, seed=seed), outcome=outcome(against[rival]),
        mistakes=error_kinds(answers[TUNED], records, template, allowed=allowed, stopped=stopped), confused=confused,
    )  # fmt: skip

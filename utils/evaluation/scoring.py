"""One scorer for every task: it reads from the records what is asked, parses both sides, and scores the answers.

The task is what the converters wrote into the records. What is right, and how that is counted, say `matching` and
`metrics`.
"""

from collections.abc import Sequence

from utils.evaluation.intervals import Score
from utils.evaluation.matching import clean, count_phrases
from utils.evaluation.metrics import form_scores, label_scores, span_scores, text_scores
from utils.prompts import PromptTemplate
from utils.records import Record, parse_phrases, turns_of

MAIN = {"classification": "label_accuracy", "extraction": "span_f1", "text": "rouge_l"}


def kind_of(records: Sequence[Record], template: PromptTemplate) -> str:
    """How answers are scored: "classification", "extraction", or "text" for all else and for reworded completions."""
    kinds = {record.task for record in records} if template.completion == "{output}" else {"text"}
    return kinds.pop() if len(kinds) == 1 and kinds <= MAIN.keys() else "text"


def wanted(record: Record, template: PromptTemplate) -> str:
    """The right answer, without white space around it."""
    return template.render(record)[1].strip()


def shown(record: Record, template: PromptTemplate) -> str:
    """What the model has to work on: the text without the instruction, where there is one; a conversation is whole."""
    if record.history:
        return "\n\n".join(f"{turn.role}: {turn.content}" for turn in turns_of(record)[:-1])
    return getattr(record, template.data_field or "instruction") or record.instruction


def is_right(answer: str, record: Record, template: PromptTemplate) -> bool:
    """All of it right: the label or the text to the letter, the same phrases in any order."""
    answer, right = answer.strip(), wanted(record, template)
    if kind_of([record], template) == "extraction":
        return count_phrases(parse_phrases(answer)) == count_phrases(parse_phrases(right))
    return clean(answer) == clean(right)


def score(
    answers: Sequence[str],
    records: Sequence[Record],
    template: PromptTemplate,
    *,
    allowed: Sequence[str] = (),
    slots: Sequence[Sequence[str]] | None = None,
    stopped: Sequence[bool] | None = None,
) -> dict[str, Score]:
    """The scores of the task, one answer for each record; the most important one is `MAIN[kind_of(...)]`.

    Args:
        answers: n answers, as the model wrote them.
        records: the n records that were asked about.
        template: what says which part of a record is the right answer; the prompts may have had another form.
        allowed: the labels of a classification (default: those of the records).
        slots: n lists of the names, dates and places that a free text must mention. A row without any has no part in
            `slot_recall`; where no row has any, there is no such score.
        stopped: whether the model ended each answer by itself; adds `stop_rate` and `echo_rate`.

    Raises:
        ValueError: not one answer for each record, or a right label that is not allowed.

    >>> from utils.prompts import ALPACA
    >>> asked = [Record("Which?", "a fine day", "good", "classification")]
    >>> {name: one.value for name, one in score(["good"], asked, ALPACA, stopped=[True]).items()}
    {'label_accuracy': 1.0, 'label_macro_f1': 1.0, 'label_not_allowed': 0.0, 'stop_rate': 1.0, 'echo_rate': 0.0}
    """
    if len(answers) != len(records):
        raise ValueError(f"{len(answers)} answers to {len(records)} records: pass the records that were asked about")
    right = [wanted(record, template) for record in records]
    match kind_of(records, template):
        case "classification":
            scores = label_scores(answers, labels=right, allowed=allowed or sorted(set(right)))
        case "extraction":
            phrases = [parse_phrases(answer) for answer in right]
            scores = span_scores(answers, phrases=phrases, texts=[record.input for record in records])
        case _:
            scores = text_scores(answers, references=right, slots=slots if slots and any(slots) else None)
    if stopped is None:
        return scores
    return scores | form_scores(answers, prompts=[template.prompt(record) for record in records], stopped=stopped)

"""Is an answer right, and has it the right form? Each function scores n answers and returns named `Score`s.

A ratio 0/0 counts as 0, as in scikit-learn. Answers are compared character by character, apart from white space
around them and the way that Unicode composes a letter (NFC).
"""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from rouge_score.rouge_scorer import RougeScorer
from sklearn.metrics import confusion_matrix

from utils.evaluation.intervals import Score, ratio, share
from utils.evaluation.matching import Words, clean, count_phrases, mentions
from utils.records import parse_phrases

NOT_A_LABEL = "(not a label)"
_SECTION = re.compile(r"^\s*(?:###|\[/?INST\]|<\|im_start\|>|(?:User|Human|Assistant):)", re.MULTILINE)
_COPIED = 5  # words; fewer may stand in prompt and answer without being a copy


def label_scores(answers: Sequence[str], *, labels: Sequence[str], allowed: Sequence[str]) -> dict[str, Score]:
    """Classification: `label_accuracy`, `label_macro_f1`, `label_not_allowed`.

    Macro F1 is the mean over the allowed labels that are wanted or given at least once, as in scikit-learn: a label
    that no row is about says nothing. An answer that is not a label is an error for the label of its row alone.

    Raises:
        ValueError: lists of different lengths, or a true label that is not allowed.
    """
    answers = _checked(answers, labels=labels)
    labels, allowed = _true_and_allowed(labels, allowed)
    given = np.array([[answer == label for label in allowed] for answer in answers])
    true = np.array([[wanted == label for label in allowed] for wanted in labels])
    counts = np.concatenate([given & true, given & ~true, ~given & true], axis=1).astype(float)  # (n, 3 × labels)
    return {
        "label_accuracy": share((given & true).any(axis=1)),
        "label_macro_f1": Score(counts, _macro_f1),
        "label_not_allowed": share(~given.any(axis=1)),
    }


def label_confusion(answers: Sequence[str], *, labels: Sequence[str], allowed: Sequence[str]) -> pd.DataFrame:
    """Count true labels (rows) against answers (columns); the last column holds answers that are not allowed labels.

    Raises:
        ValueError: as `label_scores`.
    """
    answers = _checked(answers, labels=labels)
    labels, allowed = _true_and_allowed(labels, allowed)
    answers = [answer if answer in allowed else NOT_A_LABEL for answer in answers]
    names = [*allowed, NOT_A_LABEL]
    counts = confusion_matrix(labels, answers, labels=names)[:-1]  # no row has "not a label" for its true label
    return pd.DataFrame(counts, index=pd.Index(allowed, name="true"), columns=pd.Index(names, name="answer"))


def span_scores(answers: Sequence[str], *, phrases: Sequence[Sequence[str]], texts: Sequence[str]) -> dict[str, Score]:
    """Extraction: `span_precision`, `span_recall`, `span_f1`, and `span_not_in_text`, the share of invented phrases.

    Micro-averaged over all phrases. A phrase is right when it is a wanted one, letter for letter; order is ignored; one
    that is given more often than it is wanted is wrong the second time. Invented is what the text does not hold as
    words of its own; a wanted phrase that is a part of a word ("1990" in "1990s") is none.

    Args:
        answers: n answers, read by `parse_phrases`.
        phrases: the n lists of wanted phrases.
        texts: the n texts they come from.
    """
    _checked(answers, phrases=phrases, texts=texts)
    found = [count_phrases(parse_phrases(answer.strip())) for answer in answers]
    wanted, texts = [count_phrases(row) for row in phrases], [clean(text) for text in texts]
    pairs = [((f & w).total(), (f - w).total(), (w - f).total()) for f, w in zip(found, wanted, strict=True)]
    invented = [
        sum(not (mentions(t, p) or (p in w and p in t)) for p in f.elements())
        for f, w, t in zip(found, wanted, texts, strict=True)
    ]
    counts = np.array(pairs, dtype=float)
    return {
        "span_precision": Score(counts[:, [0, 1]], _first_of_all),
        "span_recall": Score(counts[:, [0, 2]], _first_of_all),
        "span_f1": Score(counts, lambda sums: _f1(sums[..., 0], sums[..., 1], sums[..., 2])),
        "span_not_in_text": Score(
            np.array([(i, f.total() - i) for i, f in zip(invented, found, strict=True)], dtype=float), _first_of_all
        ),
    }


def text_scores(
    answers: Sequence[str], *, references: Sequence[str], slots: Sequence[Sequence[str]] | None = None
) -> dict[str, Score]:
    """Free text and reverse instruction: `exact`, `rouge_l` (F-measure, Lin 2004) and, with slots, `slot_recall`.

    Args:
        answers: n answers.
        references: n wanted answers.
        slots: n lists of the names, dates and places that the answer must mention (as whole words, in any case).
    """
    answers = _checked(answers, references=references, **({} if slots is None else {"slots": slots}))
    scorer = RougeScorer(["rougeL"], tokenizer=Words())
    pairs = [(clean(reference), answer) for reference, answer in zip(references, answers, strict=True)]
    scores = {
        "exact": share([reference == answer for reference, answer in pairs]),
        "rouge_l": share([scorer.score(reference, answer)["rougeL"].fmeasure for reference, answer in pairs]),
    }
    if slots is not None:
        hits = [
            [mentions(answer.casefold(), clean(slot).casefold()) for slot in row]
            for answer, row in zip(answers, slots, strict=True)
        ]
        counts = np.array([(sum(row), len(row) - sum(row)) for row in hits], dtype=float)
        scores["slot_recall"] = Score(counts, _first_of_all)
    return scores


def form_scores(answers: Sequence[str], *, prompts: Sequence[str], stopped: Sequence[bool]) -> dict[str, Score]:
    """The form of an answer, whatever it says: `stop_rate` and `echo_rate`.

    Args:
        answers: n answers.
        prompts: n prompts as the model saw them.
        stopped: for each, whether the model ended it with EOS by itself.

    An answer echoes when it opens a section (a line that starts with `###` or with a marker of a chat, such as `User:`)
    or holds a whole line of its prompt of five words or more; so an answer that was asked to repeat its input counts
    too. So does one that was cut off while it was still copying its prompt.
    """
    answers = _checked(answers, prompts=prompts, stopped=stopped)
    return {
        "stop_rate": share(stopped),
        "echo_rate": share([_echoes(*row) for row in zip(answers, map(clean, prompts), stopped, strict=True)]),
    }


def _checked(answers: Sequence[str], **columns: Sequence) -> list[str]:
    if not len(answers):
        raise ValueError("no answers to score; pass at least one row")
    for name, column in columns.items():
        if len(column) != len(answers):
            raise ValueError(f"{len(answers)} answers but {len(column)} {name}; pass one for each answer")
    return [clean(answer) for answer in answers]


def _true_and_allowed(labels: Sequence[str], allowed: Sequence[str]) -> tuple[list[str], list[str]]:
    labels, allowed = [clean(label) for label in labels], list(dict.fromkeys(map(clean, allowed)))
    if strange := sorted(set(labels) - set(allowed)):
        raise ValueError(f"true labels {strange} are not among the allowed ones, {allowed}; correct either")
    return labels, allowed


def _echoes(answer: str, prompt: str, stopped: bool) -> bool:
    lines = [line.strip() for line in prompt.splitlines()]
    return (
        _SECTION.search(answer) is not None
        or any(line in answer for line in lines if len(line.split()) >= _COPIED)
        or (not stopped and len(answer.split()) >= _COPIED and answer in prompt)
    )


def _first_of_all(sums: np.ndarray) -> np.ndarray:
    return ratio(sums[..., 0], sums.sum(axis=-1))


def _macro_f1(sums: np.ndarray) -> np.ndarray:
    right, wrong, missed = np.split(sums, 3, axis=-1)  # each (..., labels)
    seen = (right + wrong + missed > 0).sum(axis=-1)
    return ratio(_f1(right, wrong, missed).sum(axis=-1), seen)


def _f1(right: np.ndarray, wrong: np.ndarray, missed: np.ndarray) -> np.ndarray:
    return ratio(2 * right, 2 * right + wrong + missed)

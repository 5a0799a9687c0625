"""The filters that a written instruction has to pass, and what each of them finds.

A filter reads all drafts with their fits, since a linter needs to see all rows, and gives for each draft the reason for
which it goes, "" if it stays. No threshold was tuned: half of the words, eight words in a row, and likelier or not.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from utils.curation.drafts import Draft
from utils.curation.fit import Fit
from utils.curation.names import invented
from utils.quality import lint
from utils.records import Record, words

Filter = Callable[[Sequence[Draft], Sequence[Fit]], list[str]]

OF_THE_PAIR = {"duplicate", "near_duplicate", "section_marker", "special_token", "empty_output"}
OF_THE_ANSWER = {"empty_output", "placeholder_output", "run_on_output", "output_equals_input", "refusal"}
COPIED = 8  # consecutive words of the text in the instruction: it repeats the text and does not ask for it
AGREEMENT = 0.5  # of words, between the greedy answer and the samples
_ASKED = "Which instruction could this text be the answer to?"


@dataclass(frozen=True)
class Judged:
    """A draft with what was measured of it, and the reasons for which filters would drop it, by the filter's name."""

    draft: Draft
    fit: Fit
    reasons: dict[str, str]

    @property
    def kept(self) -> bool:
        return not self.reasons


def ends(drafts: Sequence[Draft], fits: Sequence[Fit]) -> list[str]:
    """The instruction ends by itself; one that was cut off asks for half of something."""
    return ["" if draft.stopped else "it was cut off" for draft in drafts]


def linted(drafts: Sequence[Draft], fits: Sequence[Fit]) -> list[str]:
    """The linter's rules, twice: of the pair as it will be trained on, and of the instruction as an answer."""
    pairs = [draft.pair for draft in drafts]
    answers = [Record(_ASKED, draft.text, draft.instruction) for draft in drafts]
    reasons = [""] * len(drafts)
    for records, rules in ((pairs, OF_THE_PAIR), (answers, OF_THE_ANSWER)):
        for finding in lint(records, keep=None):
            if finding.row is not None and finding.rule in rules and not reasons[finding.row]:
                said = finding.message
                if finding.other is not None:  # by its place, counted as people count
                    said = said.replace(f"row {finding.other}", f"text {finding.other + 1}", 1)
                reasons[finding.row] = f"{finding.rule}: {said}"
    return reasons


def not_copied(drafts: Sequence[Draft], fits: Sequence[Fit]) -> list[str]:
    """The instruction does not repeat a run of the text's words."""

    def copy_of(draft: Draft) -> str:
        text, asked = f" {' '.join(words(draft.text))} ", words(draft.instruction)
        runs = (" ".join(asked[at : at + COPIED]) for at in range(len(asked) - COPIED + 1))
        return next((f"it copies {run!r}" for run in runs if f" {run} " in text), "")

    return [copy_of(draft) for draft in drafts]


def named_in_text(drafts: Sequence[Draft], fits: Sequence[Fit]) -> list[str]:
    """Every name and date of the instruction stands in the text."""
    found = [invented(draft.instruction, draft.text) for draft in drafts]
    return [f"not in the text: {', '.join(names)}" if names else "" for names in found]


def agreed(drafts: Sequence[Draft], fits: Sequence[Fit]) -> list[str]:
    """Samples say about the same as the greedy answer."""
    return [f"samples agree by {draft.agreement:.2f}" if draft.agreement < AGREEMENT else "" for draft in drafts]


def fits_better_than_constant(drafts: Sequence[Draft], fits: Sequence[Fit]) -> list[str]:
    """The instruction makes the text likelier than one that says nothing."""
    return [f"{fit.over_constant:+.3f} nats per token" if fit.over_constant <= 0 else "" for fit in fits]


def fits_better_than_neighbour(drafts: Sequence[Draft], fits: Sequence[Fit]) -> list[str]:
    """The instruction makes its text likelier than the instruction of the most similar text does.

    A draft that shares its instruction with all texts has no neighbour, so nothing is held against it.
    """
    return [f"{fit.over_neighbour:+.3f} nats per token" if fit.over_neighbour < 0 else "" for fit in fits]


FILTERS: dict[str, Filter] = {  # in the order in which a reader would look
    "ends by itself": ends,
    "linter": linted,
    "does not copy": not_copied,
    "names and dates are in the text": named_in_text,
    "samples agree": agreed,
    "likelier than with a constant instruction": fits_better_than_constant,
    "likelier than with a neighbour's instruction": fits_better_than_neighbour,
}


def judge_drafts(drafts: Sequence[Draft], fits: Sequence[Fit], filters: Mapping[str, Filter] = FILTERS) -> list[Judged]:
    """Put every draft through every filter, also those that one has dropped already: so each filter can be weighed.

    Raises:
        ValueError: not one fit for each draft, or a filter that does not answer for each draft.

    >>> [judged] = judge_drafts([Draft("See you in Quito.", "Write a note about Lima.")], [Fit(0.1, 0.1)])
    >>> judged.kept, judged.reasons
    (False, {'names and dates are in the text': 'not in the text: Lima'})
    """
    if len(drafts) != len(fits):
        raise ValueError(f"{len(drafts)} drafts, {len(fits)} fits: measure the fit of each draft")
    reasons: list[dict[str, str]] = [{} for _ in drafts]
    for name, find in filters.items():
        found = find(drafts, fits)
        if len(found) != len(drafts):
            raise ValueError(
                f"filter {name!r} gives {len(found)} reasons for {len(drafts)} drafts: one each, '' to keep"
            )
        for of_draft, reason in zip(reasons, found, strict=True):
            if reason:
                of_draft[name] = reason
    return [Judged(*row) for row in zip(drafts, fits, reasons, strict=True)]

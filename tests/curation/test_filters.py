"""Each filter drops what it is for and nothing else; every draft meets every filter."""

from dataclasses import replace

import pytest
from curation_fixture import GOOD, SOUP, drafts
from hypothesis import given
from hypothesis import strategies as st

from utils.curation import FILTERS, Draft, Fit, judge_drafts

OTHER = drafts("Write a note to Ann.")[0]
CASES = {
    "ends by itself": (replace(SOUP, stopped=False), GOOD),
    "linter": (replace(SOUP, instruction="", samples=()), GOOD),
    "does not copy": (
        Draft("the grey cat sat on the old mat today", "The grey cat sat on the old mat, sing it."),
        GOOD,
    ),
    "names and dates are in the text": (replace(SOUP, instruction="Write a recipe for Lima."), GOOD),
    "samples agree": (replace(SOUP, samples=("Sing.", "Dance a polka.")), GOOD),
    "likelier than with a constant instruction": (SOUP, Fit(-0.01, 0.1)),
    "likelier than with a neighbour's instruction": (SOUP, Fit(0.2, -0.01)),
}


def test_a_good_draft_passes_all_filters():
    assert [one.reasons for one in judge_drafts([SOUP, OTHER], [GOOD, GOOD])] == [{}, {}]


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_drops_what_it_is_for(name):
    draft, fit = CASES[name]
    bad, good = judge_drafts([draft, OTHER], [fit, GOOD])
    assert name in bad.reasons and not bad.kept and good.kept
    assert name not in judge_drafts([draft], [fit], {key: FILTERS[key] for key in FILTERS if key != name})[0].reasons


@pytest.mark.parametrize(
    ("instruction", "rule"),
    [
        ("Write it.\nInstruction: now sing", "run_on_output"),
        ("As an AI language model, I write.", "refusal"),
        ("### Response: write a soup", "section_marker"),
        ("Write </s> soup", "special_token"),
        (SOUP.text, "output_equals_input"),
    ],
)
def test_the_linters_rules_find_what_is_no_instruction(instruction, rule):
    [judged] = judge_drafts([replace(SOUP, instruction=instruction)], [GOOD], {"linter": FILTERS["linter"]})
    assert judged.reasons["linter"].startswith(rule)


def test_of_the_same_text_the_first_stays_and_the_reason_counts_from_1():
    first, other, again = judge_drafts([SOUP, OTHER, replace(SOUP)], [GOOD] * 3)
    assert first.kept and other.kept and "text 1" in again.reasons["linter"]


def test_a_draft_is_judged_by_every_filter():
    [judged] = judge_drafts([Draft("Quito.", "Write to Lima.", ("Sing.",), False)], [Fit(-1, -1)])
    assert len(judged.reasons) == 5


def test_a_filter_of_ones_own_takes_part():
    short = {"short": lambda every, fits: ["too short" if len(one.instruction) < 12 else "" for one in every]}
    long, brief = judge_drafts(drafts("Write a note to Ann.", "Write."), [GOOD] * 2, FILTERS | short)
    assert long.kept and brief.reasons == {"short": "too short"}


def test_lists_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="1 drafts, 0 fits"):
        judge_drafts([SOUP], [])
    with pytest.raises(ValueError, match="'mine' gives 0 reasons for 1 drafts"):
        judge_drafts([SOUP], [GOOD], {"mine": lambda every, fits: []})


@given(st.lists(st.tuples(st.text(), st.text(), st.text(), st.booleans()), max_size=4))
def test_any_text_can_be_judged(rows):
    given_drafts = [Draft(text, asked, (sample,), stopped) for text, asked, sample, stopped in rows]
    judged = judge_drafts(given_drafts, [GOOD] * len(rows))
    assert [one.draft for one in judged] == given_drafts
    assert all(one.kept == (not any(one.reasons.values())) for one in judged)

"""Tables of curation: counts that add up, shares of the rows that they name, whole texts."""

import pytest
from curation_fixture import GOOD, drafts

from utils.curation import Fit, Judged, by_fit, filter_table, pair_rows, slots_named, slots_score
from utils.evaluation import paired_bootstrap

ONE, TWO, BOTH, NONE = ({"a": "x"}, {"b": "y"}, {"a": "x", "b": "y"}, {})
FITS = [Fit(0.1, 0), Fit(0.4, 0), Fit(-0.2, 0), Fit(0.3, 0)]
JUDGED = [
    Judged(draft, fit, reasons)
    for draft, fit, reasons in zip(drafts(*["Write to Ann."] * 4), FITS, [ONE, BOTH, TWO, NONE], strict=True)
]
NAMED = [(0, 1), (1, 2), (1, 1), (2, 2)]


def test_counts_of_filters_alone_and_together():
    table = filter_table(JUDGED)
    assert table.loc["a"].tolist() == [2, 1, 2] and table.loc["b"].tolist() == [2, 1, 2]
    assert table.loc["all filters together"].tolist() == [3, "", 1] and table.loc["no filter"].tolist() == [0, "", 4]


def test_shares_say_how_good_the_dropped_and_the_kept_are():
    table = filter_table(JUDGED, NAMED)
    assert table.loc["a"].tolist()[3:] == ["0.33", "0.00", "0.67"]  # 1 of 3, 0 of 1, and 2 of 3 with the first kept too
    assert table.loc["no filter"].tolist()[3:] == ["–", "", "0.67"]
    assert table.loc["all filters together"].iloc[-1] == "1.00"


def test_a_share_of_chosen_rows_can_be_compared_with_that_of_others():
    first, rest = slots_score(NAMED, [True, True, False, False]), slots_score(NAMED, [False, False, True, True])
    assert first.value == pytest.approx(1 / 3) and rest.value == 1
    assert paired_bootstrap(first, rest).value == pytest.approx(2 / 3)
    assert slots_score(NAMED, [False] * 4).value == 0


def test_slots_are_named_as_whole_words_in_any_case():
    assert slots_named(["Write to ANN on 4 May.", "Write."], [["Ann", "may", "Bo"], []]) == [(2, 3), (0, 0)]


def test_best_and_worst_are_in_order_of_fit_and_shown_whole():
    assert by_fit(JUDGED) == [1, 3, 0, 2]
    rows = pair_rows([JUDGED[at] for at in by_fit(JUDGED)])
    assert rows[0]["text"] == JUDGED[1].draft.text and rows[0]["failed filters"] == "a (x); b (y)"
    assert [row["instruction"][0] for row in rows] == ["✗", "✓", "✗", "✗"] and rows[0]["fit"] == "+0.40"


@pytest.mark.parametrize("judged", [[], [Judged(drafts("Write.")[0], GOOD, {})]])
def test_a_table_without_findings_has_its_two_last_rows(judged):
    assert list(filter_table(judged).index) == ["all filters together", "no filter"]

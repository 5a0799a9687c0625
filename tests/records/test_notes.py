"""Notes of one kind are counted together, however the numbers and values in them differ."""

from hypothesis import given
from hypothesis import strategies as st

from utils.records import from_labels, grouped_reasons


def test_reasons_that_differ_in_numbers_are_one():
    assert grouped_reasons(["3 fields instead of 2", "text is empty", "4 fields instead of 2"]) == [
        ("3 / 4 fields instead of 2", 2), ("text is empty", 1),
    ]  # fmt: skip
    many = [f"offsets {i}:{i + 3} cut nothing out of a text of 40 characters" for i in range(9)]
    assert grouped_reasons(many) == [("offsets … cut nothing out of a text of 40 characters", 9)]


def test_quoted_values_are_grouped_but_apostrophes_are_not_quotes():
    assert grouped_reasons(["unknown label 'a': allowed are x", "unknown label 'b': allowed are x"]) == [
        ("unknown label 'a' / 'b': allowed are x", 2)
    ]
    assert grouped_reasons(["it's one", "it's two"]) == [("it's one", 1), ("it's two", 1)]


@given(st.lists(st.text("ab 1'\"\\", max_size=12)))
def test_no_reason_is_lost(reasons):
    assert sum(count for _, count in grouped_reasons(reasons)) == len(reasons)


def test_the_summary_of_a_conversion_groups_its_reasons():
    rows = [{"t": "x", "y": f"x{i}"} for i in range(9)] + [{"t": "x", "y": "a"}]
    summary = from_labels(rows, text="t", label="y", labels=["a"]).summary()
    assert summary.endswith("9 rejected (unknown label …: allowed are a: 9)")

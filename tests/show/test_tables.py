"""Tables of short values: in columns of one width, whole, with nothing from data as markup."""

import re
from html import unescape

from hypothesis import given
from hypothesis import strategies as st

from utils.evaluation import Interval
from utils.show import aligned_table, answers_table
from utils.text import visible

WORDS = st.text(alphabet=st.characters(exclude_categories=["C", "Z"]), min_size=1)
CELLS = st.none() | st.floats(allow_nan=False) | WORDS
ROWS = st.lists(st.dictionaries(WORDS, CELLS, min_size=1, max_size=5), min_size=1, max_size=5)


def test_a_wide_table_is_neither_cut_nor_broken_into_pieces():
    score = Interval(0.82, 0.74, 0.9)
    rows = [{"method": who, **{f"a long heading {n}": score for n in range(6)}} for who in ("TF-IDF", "base, own form")]
    lines = str(aligned_table(rows)).split("\n")
    assert len(lines) == 3 and "..." not in "".join(lines)
    assert len({line.index("a long heading 5" if at == 0 else "0.82") for at, line in enumerate(lines[1:], 1)}) == 1
    assert [line.count("0.82 [0.74, 0.90]") for line in lines] == [0, 6, 6]


def test_a_value_that_is_missing_leaves_its_cell_empty():
    view = aligned_table([{"method": "constant", "lead": None}, {"method": "tuned", "score": 1}])
    assert view.text == "method    lead  score\nconstant\ntuned           1"
    assert re.findall(r"<td[^>]*>(.*?)</td>", view.html) == ["constant", "", "", "tuned", "", "1"]


@given(ROWS)
def test_every_value_is_in_both_forms_and_none_of_it_is_markup(rows):
    view = aligned_table(rows)
    wanted = [visible(str(value), spaces=False) for row in rows for value in row.values() if value is not None]
    cells = [unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", view.html)]
    assert sorted(filter(None, cells)) == sorted(wanted)
    assert {tag.split()[0].strip("/") for tag in re.findall(r"<([^>]*)>", view.html)} <= {
        "table", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    lines = view.text.split("\n")
    assert len(lines) == len(rows) + 1 and all(value in view.text for value in wanted)


def test_a_line_end_in_a_value_does_not_break_its_row():
    assert aligned_table([{"a": "one\ntwo", "b": "x"}]).text.split("\n") == ["a         b", "one↵ two  x"]


def test_a_browser_may_break_long_words_only():
    cells = re.findall(r'<td[^>]*style="([^"]*)"', answers_table([{"text": "warning " * 20, "answer": "a" * 100}]).html)
    assert ["overflow-wrap:anywhere" in style for style in cells] == [False, True]

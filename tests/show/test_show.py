"""The views: escaped, complete, readable without styles."""

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers_fixture import with_three_specials

from utils.prompts import ALPACA, encode
from utils.records import Record
from utils.show import answers_table, loss_mask, side_by_side
from utils.show.loss_mask import token_texts
from utils.text import visible

HOSTILE = "<script>alert('x')</script> & \"quoted\" <b>bold</b></s>"


@pytest.fixture(scope="module")
def tokenizer():
    return with_three_specials()


@pytest.fixture(scope="module")
def row(tokenizer):
    record = Record("Say é & <i>so</i>.", HOSTILE, "Yes  \n\tno\u200b")
    return encode([record], ALPACA, tokenizer, max_length=None).rows[0]


def test_white_space_becomes_visible():
    assert visible("a b\tc\nd\u200b\xa0e") == "a·b→\tc↵\nd‹U+200B›‹U+00A0›e"
    assert visible(" a b  c ", spaces=False) == "·a b··c·"


@given(st.text(), st.text(min_size=1))
def test_nothing_from_data_is_markup(text, value):
    html = side_by_side({text: text + value + HOSTILE}, marks={text or "x": value})._repr_html_()
    assert {tag.split()[0].strip("/") for tag in re.findall(r"<([^>]*)>", html)} <= {
        "table", "tr", "th", "td", "samp", "br", "mark", "sup",
    }  # fmt: skip


@given(st.text(alphabet=st.characters(exclude_categories=["C", "Z"])), st.text("ab", min_size=1))
def test_side_by_side_loses_no_character(text, value):
    view = side_by_side({"t": text + value + text}, marks={"name": value})
    cell = re.search(r"<samp[^>]*>(.*)</samp>", view.html)[1].replace("<br>", "\n")
    assert unescape(re.sub(r"<sup[^>]*>name</sup>|</?mark[^>]*>", "", cell)) == text + value + text
    assert "[name: " in view.text


def test_the_same_value_has_the_same_colour_in_every_column():
    html = side_by_side({"one": "x moved", "two": "moved y"}, marks={"output": "moved", "input": "y"}).html
    colours = re.findall(r'<mark style="background:(#\w+)[^>]*>(\w+)<sup[^>]*>(\w+)</sup>', html)
    assert [name for _, _, name in colours] == ["output", "output", "input"]
    assert colours[0] == colours[1] and colours[0][0] != colours[2][0]


def test_the_mask_shows_every_token_with_its_id_and_its_side(row, tokenizer):
    view = loss_mask(row, tokenizer, ids=True)
    chips = re.findall(r'<(span|ins) style="[^"]*" title="id (\d+)">', view.html)
    assert [(int(i), tag == "ins") for tag, i in chips] == [
        (i, label != -100) for i, label in zip(row["input_ids"], row["labels"], strict=True)
    ]
    masked, trained = view.text.split("\n")
    assert masked.startswith("masked : ") and trained.startswith("TRAINED: ") and trained.endswith(" ¦ </s>(2)")
    assert "<script" not in view.html and "<i>" not in view.html
    assert "(2)" not in loss_mask(row, tokenizer).text


def test_it_is_said_without_colour_too(row, tokenizer):
    bare = re.sub(r' style="[^"]*"', "", loss_mask(row, tokenizer).html)
    assert "<ins" in bare and "trained" in bare and "masked" in bare
    tokens = unescape(re.sub(r"<[^>]*>", "", bare.split("<samp>")[1])).split(" ¦ ")
    assert len(tokens) == len(row["input_ids"])  # the boxes are gone, and the borders between tokens are seen


def test_a_label_that_is_not_its_token_is_an_error(row, tokenizer):
    with pytest.raises(ValueError, match="a label is its id or -100"):
        loss_mask({"input_ids": [1, 2], "labels": [-100, 3]}, tokenizer)
    with pytest.raises(ValueError, match="2 ids, 1 labels"):
        loss_mask({"input_ids": [1, 2], "labels": [-100]}, tokenizer)


@given(st.text(alphabet=st.characters(max_codepoint=0x7F, exclude_categories=["Cs"])))
def test_token_texts_add_up_to_the_text(tokenizer, text):
    ids = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert "".join(token_texts(ids, tokenizer)) == text


ROWS = [
    {"question": "Who?", "text": "Ann came.\nBo left.", "wanted": "Ann", "base": "✗ Bo\u202e", "tuned": "✓ Ann"},
    {"question": "", "text": "x", "wanted": "none", "base": "(not asked)", "tuned": "✗ "},
]


def test_answers_are_whole_marked_and_readable_without_styles():
    view = answers_table(ROWS)
    assert view.text == (
        "Who?\n    text: Ann came.\n      Bo left.\n    wanted: Ann\n  ✗ base: Bo‹U+202E›\n  ✓ tuned: Ann\n\n"
        "\n    text: x\n    wanted: none\n    base: (not asked)\n  ✗ tuned: "
    )
    cells = re.findall(r"<td[^>]*>(.*?)</td>", view.html)
    assert cells[:5] == ["Who?", "Ann came.<br>Bo left.", "Ann", "✗ Bo‹U+202E›", "✓ Ann"] and len(cells) == 10
    assert view.html.count('align="left"') == 15 and view.html.count("border-left") == 3


@given(st.text(), st.text(min_size=1))
def test_a_table_of_answers_holds_no_markup_from_data_and_loses_nothing(text, name):
    view = answers_table([{"text": text + HOSTILE, name + HOSTILE: "✓ " + text}])
    tags = {tag.split()[0].strip("/") for tag in re.findall(r"<([^>]*)>", view.html)}
    assert tags <= {"table", "thead", "tbody", "tr", "th", "td", "br"}
    shown = unescape(re.search(r"<td[^>]*>(.*?)</td>", view.html)[1].replace("<br>", "\n"))
    assert shown == "\n".join(visible(line, spaces=False) for line in (text + HOSTILE).split("\n"))

"""The views: escaped, complete, readable without styles; and the plots."""

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers_fixture import with_three_specials

from utils.evaluation import comparison
from utils.prompts import ALPACA, encode
from utils.records import Record
from utils.show import bar_with_intervals, length_histogram, looks, loss_curves, loss_mask, side_by_side
from utils.show.loss_mask import token_texts
from utils.show.plots import COLOURS, FURTHER
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
        "table", "tr", "th", "td", "pre", "mark", "sup",
    }  # fmt: skip


@given(st.text(alphabet=st.characters(exclude_categories=["C", "Z"])), st.text("ab", min_size=1))
def test_side_by_side_loses_no_character(text, value):
    view = side_by_side({"t": text + value + text}, marks={"name": value})
    cell = re.search(r"<pre[^>]*>(.*)</pre>", view.html, flags=re.DOTALL)[1]
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
    assert masked.startswith("masked : ") and trained.startswith("TRAINED: ") and trained.endswith(" | </s>(2)")
    assert "<script" not in view.html and "<i>" not in view.html
    assert "(2)" not in loss_mask(row, tokenizer).text


def test_it_is_said_without_colour_too(row, tokenizer):
    bare = re.sub(r' style="[^"]*"', "", loss_mask(row, tokenizer).html)
    assert "<ins" in bare and "trained" in bare and "masked" in bare
    tokens = unescape(re.sub(r"<[^>]*>", "", bare.split("<code>")[1])).split(" | ")[:-1]
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


def test_plots_have_labels_and_are_shown_once():
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    scores = {"labels": {"base": (0.1, 0.0, 0.2), "tuned": (0.9, 0.8, 0.95)}, "phrases": {"tuned": (0.5, 0.4, 0.6)}}
    figures = [
        length_histogram([3, 5, 900], max_length=100),
        bar_with_intervals(scores, ylabel="share right"),
        loss_curves([(1, 2.0), (2, 1.5)], [(0, 2.5), (2, 1.0)]),
        loss_curves([], [(0, 2.5)]),
    ]
    assert not plt.get_fignums()
    for figure in figures:
        assert figure.axes[0].get_ylabel() and figure.axes[0].get_legend()
    assert "1 are longer" in figures[0].axes[0].get_legend().get_texts()[0].get_text()
    assert len(figures[1].axes[0].patches) == 3


def test_a_method_has_one_colour_in_every_plot_of_the_series():
    shades = {COLOURS[key] for key in ("base", "tuned", "TF-IDF", "constant")}
    assert len(shades | set(FURTHER)) == len(shades) + len(FURTHER)
    fits = [comparison.baseline_answers([Record("?", "ab", o, t) for o in "xy"], [], ALPACA) for t in comparison.MAIN]
    for names in (["base", "tuned"], [comparison.BASE, comparison.TUNED], *map(list, fits)):
        assert {look["color"] for look in looks(names).values()} <= shades
    assert looks(["fine-tuned"])["fine-tuned"] == looks(["x", "tuned"])["tuned"]
    one, other = looks([comparison.BASE, comparison.BASE_OWN_FORM]).values()
    assert one["color"] == other["color"] == COLOURS["base"] and one["hatch"] != other["hatch"]
    assert [look["color"] for look in looks(["mine", "yours"]).values()] == list(FURTHER[:2])


def test_bars_stand_together_and_a_bar_of_no_height_says_so():
    figure = bar_with_intervals(
        {"one\nf1": {"base": (0.0, 0.0, 0.1), "tuned": (0.5, 0.4, 0.6)}, "two": {"dictionary": (0.004, 0, 0.01)}},
        ylabel="score",
        title="Title",
    )
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["0.00", "0.00"] and axes.texts[0].xy == (-0.2, 0.1)
    assert [patch.get_x() + patch.get_width() / 2 for patch in axes.patches] == pytest.approx([-0.2, 0.2, 1])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["one\nf1", "two"]
    figure.draw_without_rendering()
    legend, plot = axes.get_legend().get_window_extent(), axes.get_window_extent()
    title = figure.get_suptitle() and figure.texts[0].get_window_extent()
    assert plot.y1 <= legend.y0 and legend.y1 <= title.y0 and legend.x0 >= 0

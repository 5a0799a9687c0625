"""A report is one file that can be mailed: nothing outside it is needed, and nothing in the data can run in it."""

import base64
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from utils.show import loss_curves, side_by_side
from utils.your_data import Code, Picture, Report, Rows

EVIL = "<script>alert('x')</script> & \"quoted\" </td></table> \u202e\x00\u2028 {{7*7}}"


class Reader(HTMLParser):
    """Tags with their attributes, and the text of each table cell."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.cells, self.open, self.in_cell = [], [], [], False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "wbr":
            return
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        self.in_cell = tag in ("td", "th")
        self.cells += [""] if self.in_cell else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes nothing"
        self.in_cell = False

    def handle_data(self, data):
        if self.in_cell:
            self.cells[-1] += data


@pytest.fixture
def report() -> Report:
    report = Report(EVIL, EVIL)
    report.add(EVIL, EVIL, Code(EVIL), Picture(loss_curves([(1, 2.0), (2, 1.0)], [(2, 1.5)]), EVIL))
    report.add("Tables", Rows([{EVIL: EVIL, "b": 1}], EVIL, mark=lambda row: "right"))
    report.add("Frames", pd.DataFrame({EVIL: ["x", EVIL]}, index=["one", "two"]), side_by_side({"prompt": EVIL}))
    return report


def test_nothing_from_the_data_becomes_markup(report):
    read = Reader(report.html())
    assert not read.open, "a tag is left open"
    kinds = {tag for tag, _ in read.tags}
    page = "html head meta title style body main h1 h2 p section div table caption thead tbody tr th td pre img"
    assert kinds <= {*page.split(), "mark", "samp", "sup", "wbr"}
    assert not [name for _, attributes in read.tags for name in attributes if name.startswith("on")]
    assert sum("<script>alert('x')</script>" in cell for cell in read.cells) == 4  # heads and bodies of two tables


def test_needs_nothing_outside_itself(report):
    read = Reader(report.html())
    links = [value for _, attributes in read.tags for name, value in attributes.items() if name in ("src", "href")]
    assert len(links) == 1 and links[0].startswith("data:image/png;base64,")
    assert base64.b64decode(links[0].partition(",")[2]).startswith(b"\x89PNG\r\n")
    assert not re.search(r"url\(|@import|<link|<iframe", report.html())


def test_every_picture_has_a_text_for_those_who_do_not_see_it(report):
    [picture] = [attributes for tag, attributes in Reader(report.html()).tags if tag == "img"]
    assert picture["alt"].startswith("<script>")


def test_invisible_characters_in_a_table_are_seen(report):
    [cell] = [cell for cell in Reader(report.html()).cells if cell.endswith("{{7*7}}")][:1]
    assert all(number in cell for number in ("‹U+202E›", "‹U+0000›", "‹U+2028›"))


def test_what_could_break_or_turn_the_page_is_written_out_everywhere(report):
    html = report.html()
    assert "\x00" not in html and "\u202e" not in html and "\u2028" not in html
    assert re.search(r"<h1>[^<]*‹U\+202E›‹U\+0000›", html) and re.search(r"<h2>[^<]*‹U\+202E›‹U\+0000›", html)
    assert re.search(r"<p>[^<]*‹U\+202E›‹U\+0000›", html) and re.search(r"<pre>[^<]*‹U\+202E›‹U\+0000›", html)


def test_a_row_bears_its_mark(report):
    assert [a["class"] for tag, a in Reader(report.html()).tags if tag == "tr" and "class" in a] == ["right"]


def test_a_long_label_breaks_behind_its_underscores_and_is_copied_as_it_is():
    report = Report("labels")
    report.add("Answers", Rows([{"expected": "card_arrival"}]))
    assert "card_<wbr>arrival" in report.html() and "card_arrival" in Reader(report.html()).cells


def test_each_sentence_of_the_lead_has_a_line_of_its_own():
    html = Report("two", "It is ahead.\nIt is behind.").html()
    assert "It is ahead.\nIt is behind." in html and re.search(r"\.lead [^}]*white-space: pre-line", html)


@pytest.mark.parametrize("outcome", ["ahead", "behind", "undecided"])
def test_the_box_follows_the_verdict(outcome):
    html = Report("a", "It is so.", outcome=outcome).html()
    [box] = [attributes for tag, attributes in Reader(html).tags if tag == "p"]
    assert box["class"] == f"lead {outcome}"
    ground = {
        name: re.search(rf"\.lead{name} {{ ?[^}}]*background: (#\w+)", html)[1] for name in ("", ".ahead", ".behind")
    }
    assert len(set(ground.values())) == 3


def test_an_index_that_only_counts_is_left_out():
    report = Report("a")
    report.add(
        "Frames", pd.DataFrame({"share": [0.5]}), pd.DataFrame({"rows": [3]}, index=pd.Index(["x"], name="kind"))
    )
    assert Reader(report.html()).cells == ["share", "0.5", "kind", "rows", "x", "3"]


def test_the_same_report_is_the_same_bytes(report, tmp_path):
    first = report.save(tmp_path / "a.html").read_bytes()
    assert report.save(tmp_path / "b.html").read_bytes() == first
    assert {path.name for path in tmp_path.iterdir()} == {"a.html", "b.html"}


def test_half_a_surrogate_pair_does_not_cost_the_report(tmp_path):
    report = Report("odd")
    report.add("Answers", Rows([{"answer": "caf\ud83d"}]), "caf\ud83d")
    assert "caf" in report.save(tmp_path / "report.html").read_text(encoding="utf-8")

"""The text box: live it asks what the reader wrote, and without a reader its examples are answered in a table."""

import sys

import pytest

from utils.show import ask_box

EXAMPLES = {"label it": "The room was cold.", "list the names": "Ann met Bo."}


def answer_in_capitals(way, text):
    if not text:
        raise ValueError("there is no text")
    return f"{way}: {text.upper()}"


@pytest.fixture
def box(monkeypatch):
    monkeypatch.setattr(sys.modules["utils.show.ask_box"], "has_front_end", lambda: True)
    return ask_box(answer_in_capitals, EXAMPLES)


def test_without_a_reader_every_example_is_answered_in_a_table():
    assert ask_box(answer_in_capitals, EXAMPLES).text == (
        "label it\n    text: The room was cold.\n    answer: label it: THE ROOM WAS COLD.\n\n"
        "list the names\n    text: Ann met Bo.\n    answer: list the names: ANN MET BO."
    )


def test_the_answer_to_what_the_reader_wrote_is_shown_as_text(box):
    way, text, button, answer = box.children
    assert text.value == "The room was cold."
    way.value, text.value = "list the names", "<b>Cy</b>"
    button.click()
    assert "list the names: &lt;B&gt;CY&lt;/B&gt;" in answer.value and "<B>" not in answer.value
    assert not button.disabled and button.description == "Ask"


def test_another_way_brings_its_example_but_never_replaces_a_text_of_ones_own(box):
    way, text, *_ = box.children
    way.value = "list the names"
    assert text.value == "Ann met Bo."
    text.value = "mine"
    way.value = "label it"
    assert text.value == "mine"


def test_an_error_is_shown_and_the_button_works_again(box):
    _, text, button, answer = box.children
    text.value = ""
    button.click()
    assert "ValueError: there is no text" in answer.value and not button.disabled
    text.value = "now"
    button.click()
    assert "label it: NOW" in answer.value

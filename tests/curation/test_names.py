"""Names and dates of instructions: what is taken for one, and what a text does not hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.curation import invented, load_loop_data, names_and_dates, stands_in


@pytest.mark.parametrize(
    ("instruction", "names"),
    [
        ("Write a poem about rain.", []),
        ("Write an email to my boss asking for time off from 3 May to 2025-06-01.", ["3 May", "2025-06-01"]),
        ("Write a note to Dr. Grace Kim, our vet. Thank Ann’s dog.", ["Dr. Grace Kim", "Ann"]),
        ("Write a message: I'm late for the quiz on wednesday, Jo!", ["wednesday", "Jo"]),
        ("Write to “Élodie Ng” (Room 4b).", ["Élodie Ng", "Room 4b"]),
        ("Write to Ann and Ann.", ["Ann"]),
        ("", []),
    ],
)
def test_capitals_inside_a_sentence_figures_and_days_are_names(instruction, names):
    assert names_and_dates(instruction) == names


@pytest.mark.parametrize(
    ("phrase", "text", "stands"),
    [
        ("4 May", "from 4\nMay to", True),
        ("Ann’s", "ANN'S dog", True),
        ("Ann", "Annabel", False),
        ("May 4", "4 May", False),
    ],
)
def test_a_phrase_stands_in_a_text_as_whole_words_in_any_case(phrase, text, stands):
    assert stands_in(phrase, text) is stands


@given(st.text())
def test_no_text_lacks_its_own_names(text):
    assert invented(text, text) == []
    assert all(name and name == name.strip() for name in names_and_dates(text))


def test_no_reference_of_the_projects_data_names_what_its_text_does_not():
    data = load_loop_data()
    pairs = [*data.seed, *data.texts, *data.tests, *data.reverse_test]
    assert [(pair.instruction, invented(pair.instruction, pair.output)) for pair in pairs
            if invented(pair.instruction, pair.output)] == []  # fmt: skip

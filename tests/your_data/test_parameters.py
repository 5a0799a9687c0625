"""Parameters are checked by name, type and range; lists and mappings may be written as text."""

import pytest

from utils.your_data import ParameterError, check_parameters, injected, parse
from utils.your_data.parameters import as_list, as_mapping

TYPES = {"path": str, "epochs": float, "limit": int, "resume": bool, "test_fraction": float}
TYPES |= {"batch_size": int, "micro_batch_size": int}


@pytest.mark.parametrize("values", [
    {"path": "a.csv"}, {"path": 3}, {"path": ["a", "b"]}, {"epochs": 2}, {"epochs": 0.5}, {"limit": 0},
    {"resume": False}, {}, {"batch_size": 8, "micro_batch_size": 0}, {"batch_size": 8, "micro_batch_size": 4},
])  # fmt: skip
def test_good_values_pass(values):
    check_parameters(values, TYPES)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epocs": 2}, "no parameter 'epocs': did you mean epochs"),
        ({"zzz": 2}, "there are path, epochs"),
        ({"epochs": "2"}, "epochs is '2', not of type float"),
        ({"limit": 2.0}, "limit is 2.0, not of type int"),
        ({"limit": True}, "limit is True"),
        ({"resume": 1}, "resume is 1"),
        ({"path": None}, "path is None"),
        ({"limit": -1}, "it has to be 0 or more"),
        ({"epochs": float("nan")}, "epochs is nan"),
        ({"test_fraction": 1.0}, "it has to lie between 0.01 and 0.9"),
        ({"batch_size": 8, "micro_batch_size": 3}, "micro_batch_size is 3: it has to divide batch_size, which is 8"),
    ],
)
def test_bad_values_are_named(values, message):
    with pytest.raises(ParameterError, match=message):
        check_parameters(values, TYPES)


def test_what_papermill_injects_is_read_from_its_cell():
    cells = ["", "limit: int = 5  # rows", '# Parameters\nlimit = 7\nlabels = ["a", "b"]\nresume = None\n', "x = 1"]
    assert injected(cells) == {"limit": 7, "labels": ["a", "b"], "resume": None}
    assert injected(cells[:2]) == {}


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [("3", int, 3), ("3", float, 3.0), ("3", str, "3"), ("True", bool, True), ("false", bool, False), ("x", int, "x")],
)
def test_words_of_the_command_line(text, kind, value):
    found = parse(text, kind)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "values"),
    [("a", ["a"]), ("a, b,c", ["a", "b", "c"]), ("", []), (7, [7]), (["x, y"], ["x, y"]), ("['x, y']", ["x, y"])],
)
def test_lists_as_text(text, values):
    assert as_list(text) == values


def test_mappings_as_text():
    assert as_mapping("1: World, 2: Sci/Tech") == {"1": "World", "2": "Sci/Tech"}
    assert as_mapping("{1: 'a, b'}") == as_mapping({1: "a, b"}) == {1: "a, b"}
    assert as_mapping("") == {}


@pytest.mark.parametrize("text", ["a", "[1", "{1}"])
def test_text_that_is_no_mapping_is_refused(text):
    with pytest.raises(ParameterError):
        as_mapping(text)

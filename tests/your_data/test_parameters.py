"""Parameters are checked by name, type and range; lists and mappings may be written as text."""

import pytest

from utils.your_data import ParameterError, check_parameters, injected, parse, read_settings
from utils.your_data.parameters import as_list, as_mapping

TYPES = {"path": str, "epochs": float, "limit": int, "resume": bool, "test_fraction": float}
TYPES |= {"batch_size": int, "micro_batch_size": int, "output_dir": str, "encoding": str, "template": str}
TYPES |= {"on_errors": str, "text_column": str, "price_per_hour": float}


@pytest.mark.parametrize("values", [
    {"path": "a.csv"}, {"path": 3}, {"path": ["a", "b"]}, {"epochs": 2}, {"epochs": 0.5}, {"limit": 0},
    {"resume": False}, {}, {"batch_size": 8, "micro_batch_size": 0}, {"batch_size": 8, "micro_batch_size": 4},
    {"text_column": 0}, {"output_dir": "20240601"}, {"encoding": "1252"}, {"on_errors": "drop"}, {"price_per_hour": 2},
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
        ({"epochs": float("nan")}, "epochs is nan: give a finite number"),
        ({"epochs": float("inf")}, "epochs is inf: give a finite number"),
        ({"epochs": 1e300}, r"epochs is 1e\+300: it has to lie between"),
        ({"price_per_hour": float("inf")}, "price_per_hour is inf"),
        ({"test_fraction": 1.0}, "it has to lie between 0.01 and 0.9"),
        ({"batch_size": 8, "micro_batch_size": 3}, "micro_batch_size is 3: it has to divide batch_size, which is 8"),
        ({"output_dir": 20240601}, "output_dir is 20240601, which is not text: papermill turns text"),
        ({"encoding": 1252}, "encoding is 1252, which is not text: .* -r encoding"),
        ({"template": 5}, "template is 5, which is not text"),
        ({"output_dir": ""}, "output_dir is empty"),
        ({"output_dir": "  "}, "output_dir is empty"),
        ({"output_dir": "a\0b"}, "it holds a NUL character"),
        ({"path": "\udcff.csv"}, "path is '.udcff.csv', whose bytes are not UTF-8"),
        ({"on_errors": "ignore"}, "on_errors is 'ignore': use one of stop, drop, keep"),
    ],
)
def test_bad_values_are_named(values, message):
    with pytest.raises(ParameterError, match=message):
        check_parameters(values, TYPES)


def test_what_papermill_injects_is_read_from_its_cell():
    cells = ["", "limit: int = 5  # rows", '# Parameters\nlimit = 7\nlabels = ["a", "b"]\nresume = None\n', "x = 1"]
    assert injected(cells) == {"limit": 7, "labels": ["a", "b"], "resume": None}
    assert injected(cells[:2]) == {}
    assert injected(["# Parameters\nepochs = float('inf')\n"]) == {"epochs": float("inf")}


def test_settings_are_the_values_of_the_cell_after_what_was_injected():
    names = {"limit": 7, "epochs": 1.0, "something": 3, "In": ["# Parameters\nlimit = 7\n"]}
    assert read_settings(names, {"limit": int, "epochs": float}) == {"limit": 7, "epochs": 1.0}
    with pytest.raises(ParameterError, match="no parameter 'limits'"):
        read_settings(names | {"In": ["# Parameters\nlimits = 7\n"]}, {"limit": int, "epochs": float})


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

"""An error holds the problem and its ways out, and each front end words these in its own terms."""

import pickle

from utils.errors import DataError, Pass

ERROR = DataError(
    "a.csv has no column 'body'",
    Pass("text", "<one of these>"),
    Pass("sep", "'|'", when="if another sign divides the fields", call="read_table('a.csv', …)"),
    "rename it",
)


def test_python_is_told_what_to_pass():
    assert str(ERROR) == (
        "a.csv has no column 'body': pass text=<one of these>; if another sign divides the fields, "
        "pass read_table('a.csv', sep='|'); or rename it"
    )


def test_another_front_end_words_the_ways_out_itself():
    said = ERROR.worded(lambda way: f"set {way.argument.upper()}" if way.argument == "text" else "")
    assert said == "a.csv has no column 'body': set TEXT; or rename it"


def test_an_error_without_a_way_out_is_its_problem():
    assert str(DataError("a.csv is empty")) == "a.csv is empty"


def test_an_error_survives_a_process():
    again = pickle.loads(pickle.dumps(ERROR))
    assert str(again) == str(ERROR) and again.ways == ERROR.ways

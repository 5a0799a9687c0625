"""Separators and quotes that nobody could guess are arguments, and a bad quote is found by its line."""

import pytest

from utils.errors import DataError
from utils.records import read_table


def rows(path, text, **options):
    path.write_text(text, encoding="utf-8")
    return list(read_table(path, **options).rows())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.csv"


def test_another_quote_character_is_an_argument(path):
    text = "label;text\nSport;'Ein Satz; mit \"Semikolon\" und ''Anführung'''\n"
    assert rows(path, text, quote="'") == [{"label": "Sport", "text": "Ein Satz; mit \"Semikolon\" und 'Anführung'"}]
    assert rows(path, "text,label\n'a;b;c',x\n'd;e;f',y\n", quote="'")[0] == {"text": "a;b;c", "label": "x"}


@pytest.mark.parametrize("first", ["sep=;\n", "SEP=;\r\n"])
def test_a_first_line_that_names_the_separator_is_not_the_header(path, first):
    assert rows(path, first + "a;b\n1,2;3,4\n5,6;7,8\n") == [{"a": "1,2", "b": "3,4"}, {"a": "5,6", "b": "7,8"}]
    assert rows(path, first + "a|b\n1|2\n", sep="|") == [{"a": "1", "b": "2"}]


@pytest.mark.parametrize("start", ["", "sep=,\n"])
def test_a_bad_quote_is_found_by_its_line(path, start):
    line = 4 + start.count("\n")
    text = start + 'Label,Text\na,"one"\nb,"two\nlines"\nc,"three\nd,four\ne,"five"\n'
    with pytest.raises(DataError, match=f"a.csv, line {line + 1}: .*in 'c,\"three'.*quote='none'"):
        rows(path, text)
    with pytest.raises(DataError, match=f"line {line + 1}"):
        rows(path, text, quote='"')


def test_the_line_of_a_bad_quote_beside_quotes_with_backslashes(path):
    with pytest.raises(DataError, match="line 3:"):
        rows(path, 'Label,Text\na,"say \\"no\\" now"\nb,"x" y\n')


@pytest.mark.parametrize(
    "options", [{"sep": "\n"}, {"sep": ""}, {"quote": "''"}, {"quote": ""}, {"sep": "'", "quote": "'"}]
)
def test_separators_and_quotes_that_cannot_be_are_refused(path, options):
    with pytest.raises(DataError, match="not one character"):
        rows(path, "a,b\n1,2\n", **options)


def test_a_space_may_separate(path):
    assert rows(path, "a b\n1 2\n", sep=" ") == [{"a": "1", "b": "2"}]


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
@pytest.mark.parametrize(
    ("data", "what"), [(PNG, "a PNG image"), (b"%PDF-1.7\n\xe2\xe3", "a PDF"), (bytes(range(32)) * 9, "another kind")]
)
def test_what_is_no_text_is_refused_in_one_sentence(path, data, what, encoding):
    path.write_bytes(data)
    if "another" in what and encoding == "utf-16":
        return  # anything of even length is UTF-16
    with pytest.raises(DataError, match=f"^a.csv is .*{what}.*, not text: pass another file$"):
        read_table(path, encoding=encoding)

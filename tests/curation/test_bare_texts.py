"""A reader's texts: every one is read or has a note that says why not."""

import pytest
from models_fixture import small_tokenizer

from utils.curation import BareTexts, read_bare_texts, usable
from utils.errors import DataError


def test_a_folder_of_text_files_is_read_in_order_with_all_that_is_left_out(tmp_path):
    (tmp_path / "b").mkdir()
    for name, content in {
        "b/two.md": "Two.\r\nEnd\n",
        "one.txt": " One. ",
        "c.txt": " \n",
        ".hidden.txt": "no",
    }.items():
        (tmp_path / name).write_bytes(content.encode())
    (tmp_path / "bad.txt").write_bytes(b"caf\xe9 au lait")
    (tmp_path / "scan.pdf").write_bytes(b"%PDF-1.7")
    found = read_bare_texts(tmp_path)
    assert dict(zip(found.names, found.texts, strict=True)) == {"b/two.md": "Two.\nEnd", "one.txt": "One."}
    assert found.unread == ["scan.pdf"]
    assert [(note.row, note.stage) for note in found.notes] == [(2, "read"), (3, "read")]
    assert "bad.txt is not utf-8" in found.notes[0].reason and found.notes[1].reason == "c.txt is empty"


@pytest.mark.parametrize(
    ("name", "content", "field"),
    [
        ("a.jsonl", '{"id": 1, "text": "One."}\n{"id": 2, "text": ""}\n', None),
        ("a.csv", "body\nOne.\n \n", None),
        ("a.jsonl", '{"text": "no", "letter": "One."}\n{"text": "no", "letter": null}\n', "letter"),
    ],
)
def test_a_table_is_read_by_its_column_of_texts(write_here, name, content, field):
    found = read_bare_texts(write_here(name, content), field=field)
    assert (found.names, found.texts) == (["row 1"], ["One."]) and [note.row for note in found.notes] == [2]


def test_a_table_that_does_not_say_where_its_texts_are_is_refused(write_here):
    name = write_here("a.jsonl", '{"a": "x", "b": "y"}\n')
    with pytest.raises(DataError, match="does not say which column.*field=<one of 'a', 'b'>"):
        read_bare_texts(name)
    with pytest.raises(DataError, match="no column 'c'"):
        read_bare_texts(name, field="c")


def test_a_folder_without_texts_says_what_it_holds(tmp_path):
    (tmp_path / "scan.pdf").write_bytes(b"%PDF")
    with pytest.raises(DataError, match="holds no .txt or .md file .but .pdf"):
        read_bare_texts(tmp_path)
    with pytest.raises(DataError):
        read_bare_texts(tmp_path / "missing.jsonl")


def test_a_text_that_is_too_long_is_left_out_whole_with_its_name():
    given = BareTexts(["a", "b"], ["short", "word " * 300], [], [])
    found = usable(given, small_tokenizer(), max_length=300)
    assert (found.names, found.texts) == (["a"], ["short"])
    [note] = found.notes
    assert (note.row, note.stage) == (2, "too long") and note.reason.startswith("b: ") and "300" in note.reason

"""Every record and note knows its row in the file, and columns that went into no record are named."""

import numpy
import pytest

from utils.errors import DataError
from utils.records import (
    Record,
    from_labels,
    from_phrases,
    from_spans,
    from_squad,
    load_records,
    save_records,
    unfold_columns,
)

ROWS = [{"id": 7, "t": "good", "y": "a"}, {"id": 8, "t": "", "y": "a"}, {"id": 9, "t": "bad", "y": "b"}]


def test_records_and_notes_know_their_rows(tmp_path):
    result = from_labels(ROWS, text="t", label="y")
    assert [record.row for record in result.records] == [1, 3]
    assert [(note.row, note.stage, note.reason) for note in result.rejected] == [(2, "converted", "text is empty")]
    assert result.records[0] == Record(result.records[0].instruction, "good", "a")  # the row tells no two apart
    loaded = load_records(save_records(result.records, tmp_path / "a.jsonl"))
    assert [record.row for record in loaded] == [1, 3]


def test_rows_of_unfolded_columns_have_the_number_in_the_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Bad,Good,row\nDirty,Kind,x\nonly one\n,Near,y\n", encoding="utf-8")
    table = unfold_columns(path, columns={"Bad": "Complaint", "Good": "Praise"})
    result = from_labels(table, text="Text", label="Label", group="row")
    assert [(record.row, record.input, record.group) for record in result.records] == [
        (1, "Dirty", "x"), (1, "Kind", "x"), (3, "Near", "y"),
    ]  # fmt: skip
    assert [(note.row, note.reason) for note in result.rejected] == [(2, "1 field instead of 3"), (3, "text is empty")]


def test_columns_that_are_not_used_are_named():
    result = from_labels(ROWS, text="t", label="y")
    assert result.unused == ("id",) and result.summary().endswith("; not used: id")
    assert from_labels(ROWS, text="t", label="y", group="id").summary().endswith("(text is empty: 1)")
    wide = [{f"column_{i}": "x" for i in range(30)} | {"text": "x", "phrases": []}]
    assert from_phrases(wide).summary().endswith("column_7 and 22 more")


def test_unused_columns_of_a_file_without_header_and_of_questions(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b,c\nd,e,f\n", encoding="utf-8")
    assert from_labels(path, text=0, label=2).unused == ("column 1",)
    qa = {"question": "Who?", "answers": [{"text": "Anna"}], "id": "1", "plausible_answers": []}
    assert from_squad([{"title": "T", "paragraphs": [{"context": "Anna", "qas": [qa]}]}]).unused == (
        "id", "plausible_answers",
    )  # fmt: skip


@pytest.mark.parametrize("verdict", ["reject", "ignore"])
def test_rows_that_an_annotator_refused_are_not_trained_on(verdict):
    rows = [{"text": "Anna met", "spans": [[0, 4, "PER"]], "answer": answer} for answer in ("accept", verdict)]
    result = from_spans(rows)
    assert [record.row for record in result.records] == [1] and result.unused == ()
    assert result.rejected[0].reason == f"the answer of the annotator is '{verdict}'"
    labels = [{"text": "x", "label": "spam", "answer": "accept"}, {"text": "y", "label": "spam", "answer": verdict}]
    assert len(from_labels(labels, text="text", label="label").records) == 1


def test_an_answer_column_that_is_used_is_no_verdict():
    rows = [{"text": "What do I do with it?", "answer": "ignore"}]
    assert from_labels(rows, text="text", label="answer").records[0].output == "ignore"


def test_long_headings_are_cut_in_messages(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(",".join(f"{i} {'x' * 2000}" for i in range(9)) + "\n", encoding="utf-8")
    with pytest.raises(DataError) as error:
        from_labels(path, text="t", label="y")
    assert len(str(error.value)) < 500 and "and 1 more) but no rows" in str(error.value)
    path.write_text(path.read_text() + ",".join("abcdefghi") + "\n", encoding="utf-8")
    with pytest.raises(DataError) as error:
        from_labels(path, text="t", label="y")
    assert len(str(error.value)) < 700 and "no column 'y'" in str(error.value)


def test_numbers_of_32_bits_keep_their_digits(tmp_path):
    from datasets import Dataset, Features, Value

    features = Features({"t": Value("string"), "y": Value("float32")})
    data = Dataset.from_dict({"t": ["a", "b", "c"], "y": [0.1, 1.0, None]}, features=features)
    data.to_parquet(tmp_path / "a.parquet")
    numpys = [
        {"t": "a", "y": numpy.float32(0.1)},
        {"t": "b", "y": numpy.float32(1)},
        {"t": "c", "y": numpy.float32("nan")},
    ]
    for source in (data, tmp_path / "a.parquet", numpys):
        result = from_labels(source, text="t", label="y")
        assert [record.output for record in result.records] == ["0.1", "1"], source

"""One token per row is grouped by its sentence or refused, and types are those that occur."""

import pytest

from utils.errors import DataError
from utils.records import from_phrases, from_tagged

ROWS = [
    {"n": 1, "Word": "Anna", "Tag": "B-per"}, {"n": 1, "Word": "lives", "Tag": "O"},
    {"n": 2, "Word": "None", "Tag": "O"}, {"n": 2, "Word": "a;b", "Tag": "B-geo"},
]  # fmt: skip


def test_one_token_per_row_is_refused_with_what_to_pass(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Word,Tag\nAnna,B-per\nlives,O\n", encoding="utf-8")
    for source in (path, ROWS):
        with pytest.raises(DataError, match="one token and its tag per row.*: pass sentence=<the column"):
            from_tagged(source, tokens="Word", tags="Tag")
        with pytest.raises(DataError, match="one token and its tag per row.*: pass from_tagged.sentence=<the column"):
            from_phrases(source, text="Word", phrases="Tag")


def test_tokens_are_grouped_by_the_column_of_sentences():
    result = from_tagged(ROWS, tokens="Word", tags="Tag", sentence="n", group="n")
    assert [(r.row, r.input, r.output, r.group) for r in result.records] == [
        (1, "Anna lives", "Anna", "1"), (3, "None a;b", "a;b", "2"),
    ]  # fmt: skip
    assert result.rows_in == 2 and not result.unused


def test_a_sentence_may_be_numbered_in_its_first_row_only(tmp_path):
    path = tmp_path / "ner_dataset.csv"
    path.write_text(
        "Sentence #,Word,POS,Tag\nSentence: 1,Anna,NNP,B-per\n,lives,VBZ,O\nSentence: 2,Yes,UH,O\n,.,.,O\nonly,two\n"
        "Sentence: 3,Bonn,NNP,B-geo\n",
        encoding="utf-8",
    )
    result = from_tagged(path, tokens="Word", tags="Tag", sentence="Sentence #")
    assert [(r.row, r.input, r.output) for r in result.records] == [(1, "Anna lives", "Anna"), (6, "Bonn", "Bonn")]
    assert [(n.row, n.reason) for n in result.rejected] == [
        (3, "a token of the sentence cannot be read: 2 fields instead of 4")
    ]
    assert result.unused == ("POS",)


def test_types_that_occur_nowhere_are_named_with_those_that_do(tmp_path):
    rows = [{"tokens": ["Anna", "saw", "Bonn"], "tags": ["B-PER", "O", "B-LOC"]}]
    path = tmp_path / "a.conll"
    path.write_text("Anna B-PER\nsaw O\nBonn B-LOC\n", encoding="utf-8")
    for source in (rows, path):
        with pytest.raises(DataError, match="no phrase of the type 'PERSON'; it has LOC, PER: pass types="):
            from_tagged(source, types=["PER", "PERSON"])
        result = from_tagged(source, types=["LOC"])
        assert result.records[0].output == "Bonn"
        assert result.records[0].instruction == "Extract the phrases of these types from the text: LOC."


def test_an_instruction_of_ones_own_may_name_the_types():
    rows = [{"tokens": ["Anna", "Bonn"], "tags": ["B-PER", "B-LOC"]}]
    found = from_tagged(rows, types=["PER", "LOC"], instruction="Find {types}!").records[0]
    assert found.instruction == "Find PER, LOC!"
    assert from_tagged(rows, instruction="Find names!").records[0].instruction == "Find names!"


def test_numbered_tags_without_names_are_refused():
    rows = [{"tokens": ["a"], "tags": [1]}, {"tokens": ["b"], "tags": [0]}]
    with pytest.raises(DataError, match="numbers for tags.*tag 1 has no name.*: pass tag_names="):
        from_tagged(rows)
    assert from_tagged(rows, tag_names=["O", "B-PER"]).records[0].output == "a"


def test_token_lines_have_no_groups(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text("Anna B-PER\nsaw O\n", encoding="utf-8")
    with pytest.raises(DataError, match="group is 'doc'"):
        from_tagged(path, group="doc")


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_missing_token_rejects_its_sentence(missing):
    rows = [{"tokens": ["a", missing], "tags": ["O", "O"]}, {"tokens": ["b"], "tags": ["O"]}]
    assert [note.reason for note in from_tagged(rows).rejected] == ["a token is missing"]


def test_tags_in_small_letters_are_tags(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Word,Tag\nAnna,b-per\nSmith,i-per\nlives,o\n", encoding="utf-8")
    with pytest.raises(DataError, match="one token"):
        from_phrases(path, text="Word", phrases="Tag")
    [record] = from_tagged([{"tokens": ["Anna", "Smith", "lives"], "tags": ["b-per", "i-per", "o"]}]).records
    assert record.output == "Anna Smith"

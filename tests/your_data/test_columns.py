"""Files of all forms become records from a few parameters; what is wrong with a parameter is said in its own name."""

import json

import pytest

from utils.errors import DataError
from utils.records import Record, Turn
from utils.your_data import locate, read_records
from utils.your_data.columns import MANY_LABELS, SHORT_INSTRUCTION


def texts(conversion):
    return [(record.input, record.output) for record in conversion.records]


# --- one form after the other ---


def test_usual_columns_are_found_in_any_case(write_here):
    path = write_here("a.csv", "Label,Text\nyes,It works\nno,It broke\n")
    assert texts(read_records(path, task="classification")) == [("It works", "yes"), ("It broke", "no")]


@pytest.mark.parametrize("columns", [("body", "kind"), ("0", "1"), (0, 1)])
def test_columns_by_name_or_by_position(write_here, columns):
    head = "body,kind\n" if columns[0] == "body" else ""
    path = write_here("a.csv", head + "It works,yes\nIt broke,no\n")
    found = read_records(path, task="classification", text_column=columns[0], answer_column=columns[1])
    assert texts(found) == [("It works", "yes"), ("It broke", "no")]


def test_news_without_a_header_with_numbers_for_labels_and_two_texts(write_here):
    path = write_here("news.csv", '"3","Oil rises","Prices went up, again."\n"4","New chip","It is small."\n')
    found = read_records(path, task="classification", text_column="1, 2", answer_column="0",
                         label_names="1: World, 2: Sports, 3: Business, 4: Sci/Tech")  # fmt: skip
    assert texts(found) == [("Oil rises\nPrices went up, again.", "Business"), ("New chip\nIt is small.", "Sci/Tech")]
    assert found.records[0].instruction == "Classify the text below as one of: World, Sports, Business, Sci/Tech."


def test_columns_that_are_the_labels(write_here):
    head = "Hotel,Negative_Review,Positive_Review\n"
    path = write_here("hotels.csv", head + "A,Dirty room,No Positive\nB,No Negative,Kind staff\n")
    found = read_records(path, task="classification", group_column="Hotel",
                         column_labels="Negative_Review: Complaint, Positive_Review: Praise")  # fmt: skip
    assert texts(found) == [("Dirty room", "Complaint"), ("Kind staff", "Praise")]
    assert [record.group for record in found.records] == ["A", "B"] and len(found.rejected) == 2
    assert [note.row for note in found.rejected] == [1, 2] and [record.row for record in found.records] == [1, 2]


def test_rows_of_unfolded_columns_keep_the_number_of_their_row(write_here):
    path = write_here("hotels.csv", "Bad,Good\nDirty,Kind staff\nOnly one field\nNoisy,No Positive\nSmall,Near\n")
    found = read_records(path, task="classification", column_labels="Bad: Complaint, Good: Praise")
    assert [(note.row, note.reason) for note in found.rejected] == [(2, "1 field instead of 2"), (3, "text is empty")]
    assert [record.row for record in found.records] == [1, 1, 3, 4, 4]


@pytest.mark.parametrize("count", [MANY_LABELS, MANY_LABELS + 1])
def test_a_long_list_of_labels_is_not_written_into_every_prompt(write_here, count):
    path = write_here("intents.csv", "text,category\n" + "".join(f"message {i},intent_{i}\n" for i in range(count)) * 3)
    [instruction] = {r.instruction for r in read_records(path, task="classification").records}
    assert (instruction == SHORT_INSTRUCTION) == (count > MANY_LABELS)
    wording = {r.instruction for r in read_records(path, task="classification", instruction="Pick: {labels}").records}
    assert "intent_1" in wording.pop()


CONLL = (
    "-DOCSTART- -X- O O\n\nAnna NNP B-NP I-PER\nsaw VBD B-VP O\nNew NNP B-NP I-LOC\nYork NNP I-NP I-LOC\n\nYes UH O O\n"
)


@pytest.mark.parametrize("name", ["eng.testa", "train.txt", "dev.conll", "a.tsv"])
def test_tagged_files_are_known_by_their_lines_not_by_their_names(write_here, name):
    found = read_records(write_here(name, CONLL), task="extraction")
    assert texts(found) == [("Anna saw New York", "Anna; New York"), ("Yes", "none")]
    people = read_records(name, task="extraction", labels="PER")
    assert texts(people)[0] == ("Anna saw New York", "Anna")
    assert people.records[0].instruction == "Extract the phrases of these types from the text: PER."
    words = read_records(name, task="extraction", labels="PER, LOC", instruction="Find {labels}!")
    assert words.records[0].instruction == "Find PER, LOC!"


EXTRACTION_ROWS = {
    "phrases": {"text": "Anna saw York", "phrases": ["Anna", "York"]},
    "spans": {"text": "Anna saw York", "spans": [{"start": 0, "end": 4}, {"start": 9, "end": 13}]},
    "tokens": {"tokens": ["Anna", "saw", "York"], "ner_tags": ["B-PER", "O", "B-LOC"]},
}


@pytest.mark.parametrize("form", EXTRACTION_ROWS)
def test_phrases_spans_and_tags_are_told_apart(write_here, form):
    path = write_here("a.jsonl", json.dumps(EXTRACTION_ROWS[form]) + "\n")
    assert texts(read_records(path, task="extraction")) == [("Anna saw York", "Anna; York")]


def test_instructions_in_three_forms(write_here):
    chat = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
    rows = [{"instruction": "Hi", "input": "", "output": "Hello!"}, {"ask": "Hi", "say": "Hello!"}, chat]
    named = [{}, {"instruction_column": "ask", "answer_column": "say", "text_column": ""}, {}]
    for row, columns in zip(rows, named, strict=True):
        [record] = read_records(write_here("a.json", json.dumps([row])), task="instructions", **columns).records
        assert (record.instruction, record.input, record.output) == ("Hi", "", "Hello!")


def test_documents_under_other_names(write_here):
    path = write_here("a.jsonl", '{"mail": "Hi, I am off.", "request": "Write a mail."}\n')
    [record] = read_records(path, task="documents", text_column="mail", answer_column="request").records
    assert (record.instruction, record.output) == ("Write a mail.", "Hi, I am off.")


# --- errors in the names of the parameters ---


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"task": "sorting"}, "task is 'sorting': use one of classification, extraction"),
        ({"answer_column": "b"}, "no column 'b'; found 'Label', 'Text': set answer_column to one of these"),
        ({"text_column": "7", "answer_column": "0"}, "no column 7; found 0, 1: set text_column to one of these"),
        ({"group_column": "hotel"}, "set group_column"),
        ({"column_labels": "Good: praise"}, "no column 'Good'.*set column_labels"),
        ({"column_labels": "Good praise"}, "no colon after 'Good praise'"),
        ({"task": "instructions"}, "no column 'instruction'.*set instruction_column"),
        ({"task": "extraction", "text_column": "Text, Label", "answer_column": "Label"}, "only the task class"),
        ({"text_column": "1", "answer_column": "Label"}, "column 1 is given by its position, 'Label' by its name"),
        ({"task": "extraction", "answer_column": "Label", "labels": "PER"}, "phrases in a.csv have no types"),
    ],
)  # fmt: skip
def test_faults_are_named(write_here, parameters, message):
    path = write_here("a.csv", "Label,Text\nyes,It works\nno,It broke\n")
    with pytest.raises(ValueError, match=message):
        read_records(path, **({"task": "classification"} | parameters))


@pytest.mark.parametrize("form", ["tagged", "spans", "tokens"])
def test_a_type_of_phrases_that_is_not_in_the_file_is_named(write_here, form):
    rows = EXTRACTION_ROWS | {"spans": {"text": "Anna saw York", "spans": [{"start": 0, "end": 4, "type": "PER"}]}}
    path = write_here("a.conll", CONLL) if form == "tagged" else write_here("a.jsonl", json.dumps(rows[form]) + "\n")
    assert len(read_records(path, task="extraction", labels="PER").records) == (2 if form == "tagged" else 1)
    with pytest.raises(
        DataError, match=r"has no phrase of the type 'CITY'; it has (LOC, )?PER: set labels to some of them"
    ):
        read_records(path, task="extraction", labels="PER, CITY")


def test_a_tagged_file_is_known_for_another_task_too(write_here):
    with pytest.raises(DataError, match="a token and its tag on each line: set task to extraction"):
        read_records(write_here("eng.train", CONLL), task="classification")


def test_a_column_that_cannot_be_the_labels_is_named_by_its_parameter(write_here):
    path = write_here("a.csv", "text,label\n" + "".join(f"no,text {i}\n" for i in range(30)))
    with pytest.raises(
        DataError, match="set answer_column to another of them; if it is right, set labels to the allow"
    ):
        read_records(path, task="classification")
    with pytest.raises(DataError, match="set labels to a list of the labels found; or set label_names to the labels f"):
        read_records(path, task="classification", labels="ham, spam")


def test_separator_and_quote_are_parameters(write_here):
    path = write_here("a.csv", "label|text\nSport|'A sentence | with a bar'\n")
    found = read_records(path, task="classification", separator="|", quote="'")
    assert texts(found) == [("A sentence | with a bar", "Sport")]
    tabs = write_here("a.tsv", 'label\ttext\nno\t"so\nyes\tit" goes\n')
    for tab in ("tab", r"\t", "\t"):
        found = read_records(tabs, task="classification", separator=tab, quote="none")
        assert texts(found) == [('"so', "no"), ('it" goes', "yes")]
    with pytest.raises(DataError, match=r"line 2: .*; if quotes are part of the text, set quote to 'none'$"):
        read_records(write_here("b.csv", 'label,text\na,"b" c\n'), task="classification")
    with pytest.raises(DataError, match=r"another sign divides the fields, set separator to '\|'$"):
        read_records(path, task="classification", text_column="text", answer_column="label")


@pytest.mark.parametrize("columns", [("2023", "text"), (2023, "text"), ("2023", "7")])
def test_a_column_may_have_a_number_for_a_name(write_here, columns):
    path = write_here("a.csv", f"2023,{columns[1]}\nyes,It works\nno,It broke\n")
    found = read_records(path, task="classification", answer_column=columns[0], text_column=columns[1])
    assert texts(found) == [("It works", "yes"), ("It broke", "no")]
    as_json = write_here("a.json", json.dumps([{"2023": "yes", columns[1]: "It works"}]))
    found = read_records(as_json, task="classification", answer_column=columns[0], text_column=columns[1])
    assert texts(found) == [("It works", "yes")]


def test_a_header_of_digits_is_a_header(write_here):
    path = write_here("a.csv", "0,1\nyes,It works\nno,It broke\n")
    found = read_records(path, task="classification", answer_column="0", text_column="1")
    assert texts(found) == [("It works", "yes"), ("It broke", "no")]
    found = read_records(
        write_here("b.csv", "1,It works\n0,It broke\n"), task="classification", answer_column="0", text_column="1"
    )
    assert texts(found) == [("It works", "1"), ("It broke", "0")]


def test_token_lines_with_an_index_are_read_when_their_columns_are_given(write_here):
    path = write_here("a.tsv", "0\tAnna\tB-PER\n1\tlives\tO\n\n0\tYes\tO\n1\t.\tO\n")
    with pytest.raises(DataError, match="holds running numbers, not tokens: set text_column to 1$"):
        read_records(path, task="extraction")
    for columns in (
        {"text_column": "1"},
        {"text_column": 1, "answer_column": 2},
        {"text_column": "1", "answer_column": "-1"},
    ):
        assert texts(read_records(path, task="extraction", **columns)) == [("Anna lives", "Anna"), ("Yes .", "none")]


def test_one_token_per_row_is_grouped_or_refused(write_here):
    rows = "Anna,B-per\nlives,O\n"
    for head, columns in (("Word,Tag\n", {}), ("w,t\n", {"text_column": "w", "answer_column": "t"})):
        with pytest.raises(DataError, match="one token and its tag per row.*: set sentence_column to the column that"):
            read_records(write_here("a.csv", head + rows), task="extraction", **columns)
    numbered = write_here("b.csv", "Sentence #,Word,Tag\ns1,Anna,B-per\n,lives,O\ns2,Yes,O\n")
    for columns in ({}, {"sentence_column": "Sentence #"}):
        found = read_records(numbered, task="extraction", labels="per", **columns)
        assert texts(found) == [("Anna lives", "Anna"), ("Yes", "none")]
        assert found.records[0].instruction.endswith("from the text: per.")
    bare = write_here("c.csv", "Anna,B-per,1\nlives,O,1\nYes,O,2\n")
    found = read_records(bare, task="extraction", text_column="0", answer_column="1", sentence_column="2")
    assert [record.row for record in found.records] == [1, 3]


def test_numbered_tags_are_named_by_label_names(write_here):
    path = write_here("a.jsonl", '{"tokens": ["Anna", "ran"], "ner_tags": [1, 0]}\n')
    with pytest.raises(DataError, match="numbers for tags.*: set label_names to one name for each number"):
        read_records(path, task="extraction")
    assert texts(read_records(path, task="extraction", label_names="0: O, 1: B-PER")) == [("Anna ran", "Anna")]


PYTHON_SPEECH = ("pass ", "=", "read_table", "from_")


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ('label,text\na,"b" c\n', {}),
        ("text|label\nx|y\n", {}),
        ("text,label\na,0\nb,good\n", {"labels": "good, bad"}),
        ("text,label\na,1\nb,2\n", {"labels": "good, bad"}),
        ("text,label\na,x\n", {"labels": "good, bad"}),
        ("text,label\na,x\n", {"separator": "||"}),
        ("text,label\na,x\n", {"quote": "''"}),
        ("text,label\na,x\n", {"encoding": "cp12522"}),
        ("text,label\na,x\n", {"group_column": "hotel"}),
        ("text,tag\na,O\nb,O\n", {"task": "extraction"}),
        ("1 a O\n2 b O\n", {"task": "extraction"}),
        ("a O\nb B-PER\n", {"task": "extraction", "labels": "LOC"}),
        ("a O\nb B-PER\n", {"task": "extraction", "group_column": "doc"}),
    ],
)
def test_no_error_speaks_python_to_somebody_with_parameters(write_here, text, parameters):
    path = write_here("a.csv" if "," in text or "|" in text else "a.conll", text)
    with pytest.raises(DataError) as error:
        read_records(path, **({"task": "classification"} | parameters))
    assert not [words for words in PYTHON_SPEECH if words in str(error.value)], str(error.value)


def test_another_encoding_is_a_parameter_away(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\ncafé,yes\nbar,no\n", encoding="cp1252")
    with pytest.raises(DataError, match="set encoding to 'cp1252'"):
        read_records(str(path), task="classification")
    assert texts(read_records(str(path), task="classification", encoding="cp1252"))[0] == ("café", "yes")


def test_a_path_is_looked_for_here_and_then_in_the_project(write_here):
    assert locate("data/hotel_reviews.csv").endswith("data/hotel_reviews.csv")
    assert locate("user/dataset") == "user/dataset"
    assert locate(write_here("mine.csv", "x")) == "mine.csv"
    with pytest.raises(DataError, match=r"data/mesy_review.csv does not exist; in data/ there is messy_reviews.csv"):
        locate("data/mesy_review.csv")  # no name on the Hub, so nobody has to wait for one


# --- conversations ---

CHAT = [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"},
        {"role": "user", "content": "v"}, {"role": "assistant", "content": "b"}]  # fmt: skip
TOLD = Record("v", "", "b", history=(Turn("user", "u"), Turn("assistant", "a")))
NAMES = {"user": "human", "assistant": "gpt"}
SHAREGPT = [{"from": NAMES[turn["role"]], "value": turn["content"]} for turn in CHAT]
ALPACA = {"instruction": "v", "input": "", "output": "b", "history": [["u", "a"]]}


@pytest.mark.parametrize(
    ("row", "settings"),
    [
        ({"messages": CHAT}, {}),
        ({"conversations": SHAREGPT}, {}),
        ({"conversations": CHAT}, {}),
        ({"messages": SHAREGPT}, {}),
        ({"Dialog": CHAT}, {}),
        ({"log": CHAT, "messages": "three"}, {"text_column": "log"}),
        (ALPACA, {}),
        ({"q": "v", "a": "b", "history": [["u", "a"]]}, {"instruction_column": "q", "answer_column": "a"}),
    ],
)
def test_conversations_are_found_in_every_form(row, settings):
    found = read_records([row | {"who": "Ann"}], task="conversation", group_column="who", **settings)
    assert found.records == [TOLD] and found.records[0].group == "Ann"
    if "messages" in row or "conversations" in row:
        assert read_records([row], task="instructions", **settings).records == [TOLD]


def test_a_table_without_conversations_is_named():
    with pytest.raises(DataError, match="no column 'instruction'.*: set instruction_column to one of them"):
        read_records([{"a": 1}], task="conversation")
    assert read_records([{"messages": [{"text": "x"}]}], task="conversation").rejected[0].reason.startswith("a message")


def test_of_questions_the_instruction_is_used_and_a_group_is_refused():
    row = {"question": "Who?", "context": "Anna went.", "answers": {"text": ["Anna"]}}
    [record] = read_records([row], task="extraction", instruction="Answer: {question}").records
    assert record.instruction == "Answer: Who?"
    with pytest.raises(DataError, match="write {question} where the question is to stand"):
        read_records([row], task="extraction", instruction="Answer.")
    with pytest.raises(DataError, match="group_column is set, but questions are grouped by their article"):
        read_records([row], task="extraction", group_column="context")

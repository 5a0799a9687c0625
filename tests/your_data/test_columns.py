"""Files of all forms become records from a few parameters; what is wrong with a parameter is said in its own name."""

import json

import pytest

from utils.errors import DataError
from utils.prompts import ALPACA, REVERSE_INSTRUCTION
from utils.quality import lint
from utils.records import Record, from_labels
from utils.training import Plan
from utils.your_data import (
    Progress,
    check_enough,
    choose_template,
    draw,
    file_row,
    how_to_ask,
    locate,
    problems,
    read_records,
    spare_validation,
)
from utils.your_data.columns import MANY_LABELS, SHORT_INSTRUCTION


def texts(conversion):
    return [(record.input, record.output) for record in conversion.records]


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(name: str, text: str) -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return name

    return write


# --- one form after the other ---


def test_usual_columns_are_found_in_any_case(write):
    path = write("a.csv", "Label,Text\nyes,It works\nno,It broke\n")
    assert texts(read_records(path, task="classification")) == [("It works", "yes"), ("It broke", "no")]


@pytest.mark.parametrize("columns", [("body", "kind"), ("0", "1"), (0, 1)])
def test_columns_by_name_or_by_position(write, columns):
    head = "body,kind\n" if columns[0] == "body" else ""
    path = write("a.csv", head + "It works,yes\nIt broke,no\n")
    found = read_records(path, task="classification", text_column=columns[0], answer_column=columns[1])
    assert texts(found) == [("It works", "yes"), ("It broke", "no")]


def test_news_without_a_header_with_numbers_for_labels_and_two_texts(write):
    path = write("news.csv", '"3","Oil rises","Prices went up, again."\n"4","New chip","It is small."\n')
    found = read_records(path, task="classification", text_column="1, 2", answer_column="0",
                         label_names="1: World, 2: Sports, 3: Business, 4: Sci/Tech")  # fmt: skip
    assert texts(found) == [("Oil rises\nPrices went up, again.", "Business"), ("New chip\nIt is small.", "Sci/Tech")]
    assert found.records[0].instruction == "Classify the text below as one of: World, Sports, Business, Sci/Tech."


def test_columns_that_are_the_labels(write):
    head = "Hotel,Negative_Review,Positive_Review\n"
    path = write("hotels.csv", head + "A,Dirty room,No Positive\nB,No Negative,Kind staff\n")
    found = read_records(path, task="classification", group_column="Hotel",
                         column_labels="Negative_Review: Complaint, Positive_Review: Praise")  # fmt: skip
    assert texts(found) == [("Dirty room", "Complaint"), ("Kind staff", "Praise")]
    assert [record.group for record in found.records] == ["A", "B"] and len(found.rejected) == 2
    assert [file_row(found, note.row) for note in found.rejected] == [1, 2]
    assert draw(found, limit=0, seed=1)[1] == [1, 2]


def test_rows_of_unfolded_columns_keep_the_number_of_their_row_beside_one_that_cannot_be_read(write):
    path = write("hotels.csv", "Bad,Good\nDirty,Kind staff\nOnly one field\nNoisy,No Positive\nSmall,Near\n")
    found = read_records(path, task="classification", column_labels="Bad: Complaint, Good: Praise")
    assert [(file_row(found, note.row), note.reason) for note in found.rejected] == [
        (2, "1 field instead of 2"), (3, "text is empty"),
    ]  # fmt: skip
    assert draw(found, limit=0, seed=1)[1] == [1, 1, 3, 4, 4]


@pytest.mark.parametrize("count", [MANY_LABELS, MANY_LABELS + 1])
def test_a_long_list_of_labels_is_not_written_into_every_prompt(write, count):
    path = write("intents.csv", "text,category\n" + "".join(f"message {i},intent_{i}\n" for i in range(count)) * 3)
    [instruction] = {r.instruction for r in read_records(path, task="classification").records}
    assert (instruction == SHORT_INSTRUCTION) == (count > MANY_LABELS)
    wording = {r.instruction for r in read_records(path, task="classification", instruction="Pick: {labels}").records}
    assert "intent_1" in wording.pop()


CONLL = (
    "-DOCSTART- -X- O O\n\nAnna NNP B-NP I-PER\nsaw VBD B-VP O\nNew NNP B-NP I-LOC\nYork NNP I-NP I-LOC\n\nYes UH O O\n"
)


@pytest.mark.parametrize("name", ["eng.testa", "train.txt", "dev.conll", "a.tsv"])
def test_tagged_files_are_known_by_their_lines_not_by_their_names(write, name):
    found = read_records(write(name, CONLL), task="extraction")
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
def test_phrases_spans_and_tags_are_told_apart(write, form):
    path = write("a.jsonl", json.dumps(EXTRACTION_ROWS[form]) + "\n")
    assert texts(read_records(path, task="extraction")) == [("Anna saw York", "Anna; York")]


def test_instructions_in_three_forms(write):
    chat = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
    rows = [{"instruction": "Hi", "input": "", "output": "Hello!"}, {"ask": "Hi", "say": "Hello!"}, chat]
    named = [{}, {"instruction_column": "ask", "answer_column": "say", "text_column": ""}, {}]
    for row, columns in zip(rows, named, strict=True):
        [record] = read_records(write("a.json", json.dumps([row])), task="instructions", **columns).records
        assert (record.instruction, record.input, record.output) == ("Hi", "", "Hello!")


def test_documents_under_other_names(write):
    path = write("a.jsonl", '{"mail": "Hi, I am off.", "request": "Write a mail."}\n')
    [record] = read_records(path, task="documents", text_column="mail", answer_column="request").records
    assert (record.instruction, record.output) == ("Write a mail.", "Hi, I am off.")


# --- errors in the names of the parameters ---


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"task": "sorting"}, "task is 'sorting': use one of classification, extraction"),
        ({"answer_column": "b"}, "no column 'b'; it has 'Label', 'Text': set answer_column to one of them"),
        ({"text_column": "7", "answer_column": "0"}, "no column 7; it has 0, 1: set text_column to one of them"),
        ({"group_column": "hotel"}, "set group_column"),
        ({"column_labels": "Good: praise"}, "no column 'Good'.*set column_labels"),
        ({"column_labels": "Good praise"}, "no colon behind 'Good praise'"),
        ({"task": "instructions"}, "no column 'instruction'.*set instruction_column"),
        ({"task": "extraction", "text_column": "Text, Label", "answer_column": "Label"}, "only the task class"),
        ({"text_column": "1", "answer_column": "Label"}, "column 1 is given by its position, 'Label' by its name"),
        ({"task": "extraction", "answer_column": "Label", "labels": "PER"}, "phrases in a.csv have no types"),
    ],
)  # fmt: skip
def test_faults_are_named(write, parameters, message):
    path = write("a.csv", "Label,Text\nyes,It works\nno,It broke\n")
    with pytest.raises(ValueError, match=message):
        read_records(path, **({"task": "classification"} | parameters))


@pytest.mark.parametrize("form", ["tagged", "spans", "tokens"])
def test_a_type_of_phrases_that_is_not_in_the_file_is_named(write, form):
    rows = EXTRACTION_ROWS | {"spans": {"text": "Anna saw York", "spans": [{"start": 0, "end": 4, "type": "PER"}]}}
    path = write("a.conll", CONLL) if form == "tagged" else write("a.jsonl", json.dumps(rows[form]) + "\n")
    assert len(read_records(path, task="extraction", labels="PER").records) == (2 if form == "tagged" else 1)
    with pytest.raises(DataError, match=r"has no phrase of the type 'CITY'; it has (LOC, )?PER: set labels"):
        read_records(path, task="extraction", labels="PER, CITY")


def test_a_tagged_file_is_known_for_another_task_too(write):
    with pytest.raises(DataError, match="a token and its tag on each line: set task to extraction"):
        read_records(write("eng.train", CONLL), task="classification")


def test_a_column_that_cannot_be_the_labels_is_named_by_its_parameter(write):
    path = write("a.csv", "text,label\n" + "".join(f"no,text {i}\n" for i in range(30)))
    with pytest.raises(DataError, match="set answer_column to another, or, if it is right, labels to the allowed ones"):
        read_records(path, task="classification")
    with pytest.raises(DataError, match="set labels or label_names to the labels found"):
        read_records(path, task="classification", labels="ham, spam")


def test_another_encoding_is_a_parameter_away(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\ncafé,yes\nbar,no\n", encoding="cp1252")
    with pytest.raises(DataError, match="set encoding to 'cp1252'"):
        read_records(str(path), task="classification")
    assert texts(read_records(str(path), task="classification", encoding="cp1252"))[0] == ("café", "yes")


def test_a_path_is_looked_for_here_and_then_in_the_project(write):
    assert locate("data/hotel_reviews.csv").endswith("data/hotel_reviews.csv")
    assert locate("user/dataset") == "user/dataset"
    assert locate(write("mine.csv", "x")) == "mine.csv"
    with pytest.raises(DataError, match=r"data/mesy_review.csv does not exist; in data/ there is messy_reviews.csv"):
        locate("data/mesy_review.csv")  # no name on the Hub, so nobody has to wait for one


# --- templates ---


def test_the_template_fits_the_task_unless_told_otherwise(write):
    assert choose_template("", "classification") is ALPACA and choose_template("", "documents") is REVERSE_INSTRUCTION
    assert choose_template("alpaca", "documents") is ALPACA
    own = {"text": "Q: {instruction}\nA:\n", "response_marker": "A:\n"}
    template = choose_template(write("short.json", json.dumps(own)), "instructions")
    assert template.name == "short" and template.prompt(Record("Why?")) == "Q: Why?\nA:\n"


def test_the_report_says_how_to_ask_with_the_field_that_the_template_shows():
    label = Record("Which?", "a text", "yes", task="classification")
    assert "Record('Which?', 'your text')" in how_to_ask(label, ALPACA)
    assert "Record('', output='your text')" in how_to_ask(label, REVERSE_INSTRUCTION)
    free = how_to_ask(Record("Say hi", "", "Hi", task="instruction"), ALPACA)
    assert "Record('your instruction')" in free and "templates['alpaca']" in free


@pytest.mark.parametrize("text", ["[]", "{", '{"text": "no field"}', '{"text": 5}'])
def test_a_faulty_template_file_is_named(write, text):
    with pytest.raises(DataError, match=r"template file bad\.json"):
        choose_template(write("bad.json", text), "classification")


def test_a_template_with_a_field_that_no_record_has_is_named(write):
    text = json.dumps({"text": "Q: {question}\n### Response:\n"})
    with pytest.raises(DataError, match=r"template file mine\.json: .*unknown field \{question\}"):
        choose_template(write("mine.json", text), "classification")


# --- which rows are used ---


def conversion(rows):
    return from_labels(
        [{"t": f"text {i}" if i % 5 else "", "l": "ab"[i % 2]} for i in range(rows)], text="t", label="l"
    )


def test_a_draw_knows_the_rows_of_the_file(seed=3):
    everything = conversion(100)
    records, rows = draw(everything, limit=20, seed=seed)
    assert len(records) == 20 and rows == sorted(rows) and rows != draw(everything, limit=20, seed=seed + 1)[1]
    assert [record.input for record in records] == [f"text {row - 1}" for row in rows]
    assert draw(everything, limit=20, seed=seed)[1] == rows
    assert draw(everything, limit=0, seed=seed)[0] == everything.records


def test_labels_that_are_not_allowed_and_errors_of_the_linter_are_problems():
    rows = [{"t": f"text {i}", "l": "abx"[i % 3]} for i in range(30)]
    found = from_labels(rows, text="t", label="l", labels=["a", "b"])
    assert problems(found, []) == ["10 rows with unknown label 'x': allowed are a, b"]
    findings = lint([Record("Say it", "", "Yes </s>"), Record("Say that", "", "")])  # the empty one has a safe fix
    [problem] = problems(conversion(10), findings)
    assert problem.startswith("special_token × 1")


@pytest.mark.parametrize(("count", "outputs", "message"), [(5, "ab", "5 usable records"), (30, "a", "the same answer")])
def test_records_that_teach_nothing_are_refused(count, outputs, message):
    records = [Record("Which?", str(i), outputs[i % len(outputs)]) for i in range(count)]
    with pytest.raises(DataError, match=message):
        check_enough(records, ALPACA)


# --- validation rows ---

WORDS = "alder birch cedar elder fir hazel juniper larch maple oak pine rowan spruce willow yew".split()


def different(count, **fields):
    """Records with texts that have nothing in common, labels in turn."""
    texts = (f"{WORDS[i % 15]}{i} {WORDS[i // 15 % 15]}{i} {i}" for i in range(count))
    return [Record("Which?", text, "ab"[i % 2], "classification", **fields) for i, text in enumerate(texts)]


@pytest.mark.parametrize(("rows", "spared"), [(39, 0), (40, 4), (90, 9), (320, 32), (900, 32)])
def test_a_tenth_of_the_training_rows_is_spared_for_validation(rows, spared):
    records = different(rows)
    train, validation = spare_validation(records, seed=1)
    assert len(validation) == spared
    assert sorted(train + validation, key=records.index) == records  # every row on one side, none lost
    assert abs(sum(r.output == "a" for r in validation) - spared / 2) <= 1
    assert spare_validation(records, seed=1)[1] == validation
    assert not spared or spare_validation(records, seed=2)[1] != validation


def test_validation_rows_do_not_leak_and_there_are_none_where_they_would():
    pairs = [Record("Which?", f"{r.input} to the very end of it", r.output, r.task) for r in different(30)]
    twins = [Record(r.instruction, r.input + "!", r.output, r.task) for r in pairs]
    train, validation = spare_validation(pairs + twins, seed=1)
    texts = {r.input.rstrip("!") for r in train}
    assert 4 <= len(validation) <= 6 and not [r for r in validation if r.input.rstrip("!") in texts]
    tied = different(50, group="one hotel")
    assert spare_validation(tied, seed=1) == (tied, [])


# --- what is said while it trains ---


def progress(*, epochs, validation, times):
    said, times = [], iter(times)
    return Progress(said.append, epochs=epochs, validation=validation, clock=lambda: next(times)), said


def test_before_the_first_step_there_is_a_guess_of_the_time():
    for seconds, words in ((4, "10 seconds"), (52, "50 seconds"), (88, "90 seconds"), (250, "4 minutes")):
        one, said = progress(epochs=2, validation=0, times=[0])
        one.announce(Plan(rows=1200, tokens=90_000, steps=300, seconds=seconds))
        assert said == [f"1,200 rows, 90,000 tokens, 300 steps: about {words} on this machine"]
    one, said = progress(epochs=2, validation=60, times=[0])
    one.announce(Plan(rows=110, tokens=1, steps=1, seconds=120))
    assert said == ["110 rows, 1 tokens, 1 step: about 4 minutes on this machine"]  # measuring takes as long again


def test_each_validation_loss_is_a_line_with_the_time_left():
    one, said = progress(epochs=2, validation=10, times=[0, 0, 5, 10, 10])
    one.announce(Plan(rows=80, tokens=8000, steps=20, seconds=60))
    history = [{"step": 0, "epoch": 0.0, "heldout_loss": 3.0}]
    one.follow(history)
    history.append({"step": 1, "epoch": 0.1, "loss": 2.5})
    one.follow(history)  # no line: the training loss of one step says little
    history.append({"step": 2, "epoch": 0.2, "heldout_loss": 2.0})
    one.follow(history)
    one.follow(history)  # nothing new
    assert said[1:] == [
        "epoch 0.00 of 2: loss on validation rows 3.000; 0:00 gone, about 1:14 to go",
        "epoch 0.20 of 2: loss on validation rows 2.000; 0:10 gone, about 1:30 to go",
    ]


def test_without_validation_rows_there_are_ten_lines():
    one, said = progress(epochs=1, validation=0, times=range(100))
    one.announce(Plan(rows=80, tokens=8000, steps=40, seconds=60))
    history = []
    for step in range(11, 41):  # a run that goes on after ten steps
        history.append({"step": step, "epoch": step / 40, "loss": 1.0})
        one.follow(history)
    assert len(said) - 1 == 8  # of ten, two were before it was interrupted
    assert said[-1] == "epoch 1.00 of 1: loss 1.000; 0:30 gone, about 0:00 to go"

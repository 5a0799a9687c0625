"""What a run leaves can be asked: one text, or rows of a file as they come, each with an answer or a reason."""

import json
from dataclasses import replace

import pytest
from models_fixture import save_model

from utils.errors import DataError
from utils.models import load_base
from utils.prompts import ALPACA, REVERSE_INSTRUCTION
from utils.records import Record, Turn
from utils.your_data import Asker, load_asker, save_form, texts_in
from utils.your_data.asking import BATCH, FORM

SETTINGS = {"task": "classification", "text_column": "", "column_labels": "", "instruction_column": ""}
LABELLED = [Record("Which?", text, label, "classification") for text, label in (("good", "yes"), ("bad", "no"))]
QUESTIONS = [Record(f"Question {i}?", "", "so", "instruction") for i in range(3)]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return load_base(save_model(tmp_path_factory.mktemp("base")))


@pytest.fixture
def asker(base, tmp_path):
    def make(records, template=ALPACA, *, settings=SETTINGS, **choice) -> Asker:
        save_form(tmp_path, template, records, settings=settings, max_new_tokens=5, **choice)
        form = json.loads((tmp_path / FORM).read_text(encoding="utf-8"))
        return Asker(*base, {template.name: template}, form)

    return make


def test_a_label_comes_with_its_probability_and_no_other_comes_out(asker):
    ask = asker(LABELLED, labels=["yes", "no", "never"], temperature=2.0)
    one = ask("a text")
    assert one["answer"] in ("yes", "no", "never") and 1 / 3 <= one["probability"] <= 1
    flat = asker(LABELLED, labels=["yes", "no", "never"], temperature=1000.0)("a text")
    assert flat["answer"] == one["answer"] and flat["probability"] == pytest.approx(1 / 3, abs=0.02)


def test_the_prompt_is_that_of_the_training(asker):
    assert asker(LABELLED)._record("x", "") == Record("Which?", "x")
    assert asker(LABELLED, REVERSE_INSTRUCTION)._record("x", "") == Record("", "", "x")
    assert asker(QUESTIONS)._record("x", "about y") == Record("x", "about y")


def test_a_record_is_asked_like_its_text_and_its_own_answer_is_not_read(asker):
    ask = asker(LABELLED, labels=["yes", "no"], temperature=1.0)
    assert ask(LABELLED[0]) == ask(replace(LABELLED[0], output="no")) == ask(LABELLED[0].input)
    ask = asker(LABELLED, REVERSE_INSTRUCTION)
    assert ask(Record("a secret", output="a letter")) == ask("a letter")


@pytest.mark.parametrize(
    ("settings", "row", "text"),
    [
        ({}, "a text", "a text"),
        ({}, {"id": "7", "Text": " a text "}, "a text"),
        ({}, {"message": "a text"}, "a text"),
        ({}, {"whatever": "a text"}, "a text"),
        ({"text_column": "title, body"}, {"body": "b", "title": "a", "text": "c"}, "a\nb"),
        ({"text_column": "title, body"}, {"body": "b", "title": ""}, "b"),
        ({"text_column": "1"}, {"0": "b", "1": "a"}, "a"),
        ({"column_labels": "Bad: no, Good: yes"}, {"Good": "a", "id": "1"}, "a"),
    ],
)
def test_the_text_is_looked_for_where_it_was_in_training(asker, settings, row, text):
    assert asker(LABELLED, settings=SETTINGS | settings)._record_of(row).input == text


def test_an_instruction_and_its_input_come_from_two_columns(asker):
    row = {"instruction": "Do it", "input": "with this"}
    ask = asker(QUESTIONS, settings=SETTINGS | {"task": "instructions"})
    assert ask._record_of(row) == Record("Do it", "with this")
    assert asker(QUESTIONS, settings=SETTINGS | {"instruction_column": "q"})._record_of({"q": "Why?"}).input == ""


def test_rows_are_read_as_they_are_answered(asker):
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield "a text"

    answers = asker(LABELLED, labels=["yes", "no"]).rows(endless())
    numbers = [next(answers)["row"] for _ in range(BATCH + 1)]
    assert numbers == list(range(1, BATCH + 2)) and len(taken) == 2 * BATCH


def test_a_row_that_cannot_be_answered_says_why_and_the_others_are(asker):
    rows = ["short", "far too long " * 200, {"a": "x", "b": "y"}, "", 5, "short"]
    first, long, unknown, empty, number, last = asker(LABELLED).rows(rows)
    assert first == last | {"row": 1} and "answer" in first
    assert "tokens" in long["error"] and "it is looked for in text" in unknown["error"]
    assert "no text" in empty["error"] and "int" in number["error"]
    assert [row["row"] for row in (long, unknown, empty, number)] == [2, 3, 4, 5]


# --- conversations ---

SAID = [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}, {"role": "user", "content": "v"}]
PAST = (Turn("user", "u"), Turn("assistant", "a"))
CHATS = [Record("v", "", "b", "instruction", history=(Turn("system", "s"), *PAST)), Record("s", "u", "b")]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": SAID},
        {"Messages": [*SAID, {"role": "assistant", "content": "the answer that is asked for"}]},
        {"messages": json.dumps(SAID)},
        {"messages": [{"role": "system", "content": "s"}, *SAID]},
        {"conversations": [{"from": "human", "value": "u"}, {"from": "gpt", "value": "a"},
                           {"from": "human", "value": "v"}]},
        {"instruction": "v", "history": [["u", "a"]], "system": "s"},
        {"instruction": "v", "history": [["u", "a"]]},
    ],
)  # fmt: skip
def test_a_row_may_hold_a_conversation_so_far(asker, row):
    ask = asker(CHATS, settings=SETTINGS | {"task": "conversation"})
    assert ask._record_of(row) == Record("v", history=(Turn("system", "s"), *PAST))
    [answer] = ask.rows([row])
    assert answer.keys() >= {"row", "answer"}


def test_a_text_is_said_by_the_user_after_what_all_conversations_begin_with(asker):
    settings = SETTINGS | {"task": "conversation"}
    for row in ("u", {"prompt": "u"}, {"messages": "u"}):
        assert asker(CHATS, settings=settings)._record_of(row) == Record("s", "u")
    mixed = asker([CHATS[0], Record("v", "", "b")], settings=settings)
    assert mixed._record_of("u") == Record("u") and mixed._so_far({"messages": SAID}, "messages").history == PAST
    assert mixed(SAID).keys() >= {"answer"}
    for row, message in (
        ({"messages": [*SAID, SAID[0]]}, "two messages of the user in a row"),
        ({"messages": []}, "not a list of messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "unknown role 'robot'"),
        ({"messages": [*SAID[:1], {"role": "tool", "content": "x"}, *SAID[:1]]}, "a tool is called"),
        ({"a": 1, "b": 2}, "there is no text"),
    ):
        [answer] = mixed.rows([row])
        assert message in answer["error"]
    with pytest.raises(DataError, match="not trained on conversations: pass a text"):
        asker(QUESTIONS)(SAID)


def test_the_card_shows_how_the_adapter_is_asked(asker, tmp_path):
    (tmp_path / "README.md").write_text("# A card\n")
    for _ in range(2):  # once, however often it is written
        asker(LABELLED)
    card = (tmp_path / "README.md").read_text()
    assert card.startswith("# A card\n") and card.count('python -m utils.ask OUT "a text"') == 1
    assert "ask = load_asker('OUT')" in card


# --- files ---


@pytest.mark.parametrize(
    ("name", "text", "rows"),
    [
        ("a.jsonl", '"one"\n\n{"text": "two\\nlines"}\n', ["one", {"text": "two\nlines"}]),
        ("a.csv", 'id,text\n1,"a, ""b"""\n\n2,c\n', [{"id": "1", "text": 'a, "b"'}, {"id": "2", "text": "c"}]),
        ("a.tsv", "id\ttext\n1\ta\n", [{"id": "1", "text": "a"}]),
        ("a.txt", "one, two\r\n \nthree\u2028still three\n", ["one, two", "three\u2028still three"]),
        ("a.jsonl", "\ufeff" + '"one"', ["one"]),
        ("a.csv", "text\n" + "x" * 200_000 + "\n", [{"text": "x" * 200_000}]),
        ("a.txt", "", []),
    ],
)
def test_files_of_texts(tmp_path, name, text, rows):
    (tmp_path / name).write_bytes(text.encode())
    assert list(texts_in(tmp_path / name)) == rows


def test_a_table_without_a_header_is_read_by_position(tmp_path):
    (tmp_path / "a.csv").write_text("1,a\n2,b\n")
    assert list(texts_in(tmp_path / "a.csv", header=False)) == [{"0": "1", "1": "a"}, {"0": "2", "1": "b"}]


@pytest.mark.parametrize(
    ("content", "message"), [(b'"one"\n{', r"a\.jsonl, line 2: not JSON"), (b'"\xff"', r"a\.jsonl is not UTF-8")]
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, message):
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(texts_in(tmp_path / "a.jsonl"))


def test_a_folder_that_cannot_be_asked_is_named(tmp_path):
    with pytest.raises(DataError, match="holds no adapter of a job"):
        load_asker(tmp_path)
    (tmp_path / FORM).write_text("[]")
    with pytest.raises(DataError, match="is not what a job writes"):
        load_asker(tmp_path)

"""A template with which nothing can be learned, or that could not be saved, is refused before a model is loaded."""

import json

import pytest

from utils.errors import DataError
from utils.prompts import ALPACA, REVERSE_INSTRUCTION, ChatTemplate, PromptTemplate
from utils.records import Record
from utils.your_data import check_enough, choose_template

BLIND = PromptTemplate(name="blind", text="{instruction}\n### Response:\n")


def labelled(count):
    return [Record("Which?", f"text {i}", "ab"[i % 2], "classification") for i in range(count)]


@pytest.mark.parametrize("name", ["default", "x/y", "x" * 300, "..", "../a", "", " ", "tool_use", "a\0b", "é/ü", ".x"])
def test_a_name_that_could_not_be_saved_is_refused(name, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(ALPACA.to_dict() | {"name": name}))
    with pytest.raises(DataError, match=r"template file mine\.json: its name is"):
        choose_template(str(path), "classification")


@pytest.mark.parametrize("name", ["mine", "my template-2.1"])
def test_other_names_are_fine(name, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(ALPACA.to_dict() | {"name": name}))
    assert choose_template(str(path), "classification").name == name


def test_the_name_of_a_known_template_belongs_to_it(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(BLIND.to_dict() | {"name": "alpaca"}))
    with pytest.raises(DataError, match="'alpaca' is that of another template"):
        choose_template(str(path), "classification")


def test_a_template_that_does_not_show_the_text_is_refused():
    with pytest.raises(DataError, match=r"template 'blind' does not show the input of 12 records.*\{input\}"):
        check_enough(labelled(12), BLIND)
    check_enough(labelled(12), ALPACA)


def test_a_template_need_not_show_an_input_that_there_is_not():
    questions = [Record(f"Question {i}?", "", f"answer {i}", "instruction") for i in range(12)]
    check_enough(questions, BLIND)
    check_enough([Record(f"Write {i}", "", f"document {i}", "document") for i in range(12)], REVERSE_INSTRUCTION)
    with pytest.raises(DataError, match="same prompt of every record"):
        check_enough([Record("Say it", "", f"answer {i}", "instruction") for i in range(12)], BLIND)


def test_too_few_records_and_one_answer_are_refused():
    with pytest.raises(DataError, match="9 usable records are too few"):
        check_enough(labelled(9), ALPACA)
    with pytest.raises(DataError, match="all 12 records have the same answer, 'Which.'"):
        check_enough(labelled(12), REVERSE_INSTRUCTION)


def test_the_template_fits_the_task_unless_told_otherwise(write_here):
    assert choose_template("", "classification") is ALPACA and choose_template("", "documents") is REVERSE_INSTRUCTION
    assert choose_template("alpaca", "documents") is ALPACA
    own = {"text": "Q: {instruction}\nA:\n", "response_marker": "A:\n"}
    template = choose_template(write_here("short.json", json.dumps(own)), "instructions")
    assert template.name == "short" and template.prompt(Record("Why?")) == "Q: Why?\nA:\n"


@pytest.mark.parametrize("text", ["[]", "{", '{"text": "no field"}', '{"text": 5}'])
def test_a_faulty_template_file_is_named(write_here, text):
    with pytest.raises(DataError, match=r"template file bad\.json"):
        choose_template(write_here("bad.json", text), "classification")


def test_a_template_with_a_field_that_no_record_has_is_named(write_here):
    text = json.dumps({"text": "Q: {question}\n### Response:\n"})
    with pytest.raises(DataError, match=r"template file mine\.json: .*unknown field \{question\}"):
        choose_template(write_here("mine.json", text), "classification")


def test_a_chat_template_is_chosen_by_name_by_task_or_from_a_file(tmp_path):
    assert choose_template("chat", "classification") == choose_template("", "conversation") == ChatTemplate(name="chat")
    assert choose_template("alpaca", "conversation") is ALPACA
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"jinja": "{{ messages }}"}))
    assert choose_template(str(path), "conversation") == ChatTemplate(name="mine", jinja="{{ messages }}")
    path.write_text(json.dumps({"jinja": 5}))
    with pytest.raises(DataError, match="its jinja is 5, but has to be a string"):
        choose_template(str(path), "conversation")

"""Exports: what is written can be read back, equal, and is what each trainer and service asks for."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.errors import DataError
from utils.files import write_json, write_jsonl
from utils.prompts import ALPACA
from utils.records import Record, from_instructions, from_messages, from_sharegpt
from utils.records.exports import (
    save_dataset,
    to_alpaca,
    to_messages,
    to_prompt_completion,
    to_sharegpt,
    to_text,
    to_watsonx,
)

RECORDS = [Record("Greet\u2028", "", "Hi “you”\r\n"), Record("Sum </s>", "1\n2", "3"), Record("Blank input", " ", "ok")]
full = st.text(min_size=1, max_size=30)
free_records = st.lists(st.builds(Record, full, st.text(max_size=30), full), min_size=1, max_size=4)


@given(free_records)
def test_alpaca_messages_and_sharegpt_come_back(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("out")
    assert from_instructions(write_json(folder / "a.json", to_alpaca(records))).records == records
    assert from_messages(write_jsonl(folder / "m.jsonl", to_messages(records))).records == records
    assert from_sharegpt(write_jsonl(folder / "s.jsonl", to_sharegpt(records))).records == records


def test_gzipped_files_come_back(tmp_path):
    assert from_instructions(write_json(tmp_path / "a.json.gz", to_alpaca(RECORDS))).records == RECORDS
    assert from_messages(write_jsonl(tmp_path / "m.jsonl.gz", to_messages(RECORDS))).records == RECORDS


def test_datasets_come_back(tmp_path, capfd):
    for path in (tmp_path / "saved", tmp_path / "deep" / "data.parquet"):
        assert from_instructions(save_dataset(to_alpaca(RECORDS), path)).records == RECORDS
    assert from_messages(save_dataset(to_messages(RECORDS), tmp_path / "chats.parquet")).records == RECORDS
    assert capfd.readouterr() == ("", "")


def test_rendered_forms_hold_exactly_what_the_template_says(tmp_path):
    rendered = [ALPACA.render(record) for record in RECORDS]
    texts = write_jsonl(tmp_path / "t.jsonl", to_text(RECORDS, ALPACA))
    pairs = write_jsonl(tmp_path / "p.jsonl", to_prompt_completion(RECORDS, ALPACA))
    tuning = write_jsonl(tmp_path / "w.jsonl", to_watsonx(RECORDS, ALPACA))
    lines = [
        [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
        for path in (texts, pairs, tuning)
    ]
    assert lines[0] == [{"text": prompt + completion} for prompt, completion in rendered]
    assert lines[1] == [{"prompt": prompt, "completion": completion} for prompt, completion in rendered]
    assert lines[2] == [{"input": prompt, "output": completion} for prompt, completion in rendered]
    asked_and_answered = [Record(prompt, "", completion) for prompt, completion in rendered]
    assert from_instructions(tuning, instruction="input", output="output").records == asked_and_answered
    assert from_instructions(pairs, instruction="prompt", output="completion").records == asked_and_answered


def check_openai(line: str) -> None:
    """The format checks of OpenAI's cookbook, 'Data preparation and analysis for chat model fine-tuning'."""
    row = json.loads(line)
    assert isinstance(row, dict) and row["messages"]
    for message in row["messages"]:
        assert set(message) <= {"role", "content", "name", "function_call", "weight"}
        assert message["role"] in ("system", "user", "assistant", "function")
        assert message["content"] and isinstance(message["content"], str)
    assert any(message["role"] == "assistant" for message in row["messages"])


def test_messages_pass_the_documented_checks(tmp_path):
    path = write_jsonl(tmp_path / "m.jsonl", to_messages(RECORDS))
    lines = path.read_text(encoding="utf-8").split("\n")
    assert lines.pop() == "" and len(lines) == len(RECORDS)
    for line in lines:
        check_openai(line)


@pytest.mark.parametrize("record", [Record("i", "", ""), Record("", "", "o"), Record("", "x", "o")])
@pytest.mark.parametrize("export", [to_messages, to_sharegpt])
def test_empty_messages_are_refused_by_row(export, record):
    with pytest.raises(DataError, match="record 1 has an empty"):
        export([RECORDS[0], record])

"""Records that fit: the test rows are asked in the very form in which the training rows are learned."""

import pytest
from models_fixture import small_tokenizer

from utils.prompts import ALPACA, REVERSE_INSTRUCTION, encode, encode_prompts, fit
from utils.records import Record

TOKENIZER = small_tokenizer()
LONG = "Amina went to Oslo by train. " * 40


def fitted(records, template=ALPACA, max_length=120):
    return fit(records, template, TOKENIZER, max_length=max_length)


def test_short_records_stay_as_they_are():
    records = [Record("Name the city.", "Bela went to Lima.", "Lima", "classification")] * 3
    found = fitted(records)
    assert found.records == records and found.kept == [0, 1, 2] and not found.notes


@pytest.mark.parametrize("max_length", [100, 137, 300])
def test_long_data_is_cut_at_its_end_and_the_answer_stays(max_length):
    record = Record("Name the city.", LONG, "Oslo", "classification")
    found = fitted([record], max_length=max_length)
    [short], [row] = found.records, found.rows
    assert LONG.startswith(short.input) and short.output == "Oslo" and short.instruction == record.instruction
    assert max_length * 0.8 <= len(row["input_ids"]) <= max_length
    assert row["labels"][-1] == TOKENIZER.eos_token_id
    [note] = found.notes
    assert note.stage == "shortened" and f"from {len(LONG)} to {len(short.input)}" in note.reason


def test_the_prompt_asked_is_the_prompt_learned():
    records = [Record("Name the city.", LONG[: 29 * n], "Oslo", "classification") for n in range(1, 40, 6)]
    found = fitted(records)
    prompts = encode_prompts(found.records, ALPACA, TOKENIZER)
    for row, prompt in zip(found.rows, prompts, strict=True):
        assert row["input_ids"][: len(prompt)] == prompt and set(row["labels"][: len(prompt)]) == {-100}
    assert found.lengths == encode(records, ALPACA, TOKENIZER, max_length=None).lengths


def test_a_document_is_cut_and_its_instruction_is_not():
    found = fitted([Record("Write a diary.", "", LONG, "document")], REVERSE_INSTRUCTION)
    assert found.records[0].instruction == "Write a diary." and len(found.records[0].output) < len(LONG)


@pytest.mark.parametrize("task", ["extraction", "question"])
def test_a_text_to_be_searched_is_dropped_rather_than_cut(task):
    found = fitted([Record("Find.", "Oslo.", "Oslo", task), Record("Find.", LONG, "Oslo", task)])
    assert found.kept == [0] and [(note.row, note.stage) for note in found.notes] == [(2, "too long")]


def test_every_record_is_kept_or_noted():
    records = [
        Record("Name the city.", LONG, "Oslo", "classification"),
        Record(LONG, "Oslo", "Oslo", "classification"),  # nothing that may be cut would be enough
        Record("Name the city.", "Oslo.", LONG, "instruction"),  # an answer is never cut
        Record("Name the city.", "Lima.", "Lima", "classification"),
    ]
    found = fitted(records)
    assert found.kept == [0, 3]
    assert [(note.row, note.stage) for note in found.notes] == [(1, "shortened"), (2, "too long"), (3, "too long")]

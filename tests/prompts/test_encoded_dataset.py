"""A dataset on disk, encoded batch by batch in several processes: the rows of `encode`, and every refused row named."""

import json

import pytest
from datasets import Dataset, disable_progress_bars, load_from_disk
from tokenizers_fixture import DATA, with_three_specials

from utils.errors import DataError
from utils.prompts import ALPACA, REVERSE_INSTRUCTION, ChatTemplate, encode, encode_dataset, set_chat_template
from utils.records import from_instructions

BASE = with_three_specials()
ROWS_IN, BROKEN, LONG = 3500, range(100, 3500, 500), range(70, 3500, 700)  # counted from 0

disable_progress_bars()


@pytest.fixture(scope="module")
def rows():
    """Instructions in turn, each with a number of its own; some without an answer, some with a long input."""
    known = json.loads((DATA / "instructions.json").read_text(encoding="utf-8"))
    made = []
    for at in range(ROWS_IN):
        row = {name: known[at % len(known)].get(name, "") for name in ("instruction", "input", "output")}
        made.append(row | {"instruction": f"{row['instruction']} ({at})"})
    for at in BROKEN:
        made[at]["output"] = None
    for at in LONG:
        made[at]["input"] = "word " * 400
    return made


@pytest.fixture(scope="module")
def on_disk(rows, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("large"))
    Dataset.from_list(rows).save_to_disk(folder)
    return load_from_disk(folder)


@pytest.mark.parametrize(("too_long", "processes"), [("drop", 2), ("shorten", 2), ("drop", 1)])
def test_rows_are_those_of_encode_whatever_the_processes(rows, on_disk, too_long, processes):
    read = from_instructions(rows)
    wanted = encode(read.records, ALPACA, BASE, max_length=300, too_long=too_long)
    encoded = encode_dataset(on_disk, ALPACA, BASE, max_length=300, too_long=too_long, processes=processes)
    assert list(encoded.rows) == wanted.rows
    assert encoded.rows_in == ROWS_IN == len(encoded.rows) + len(encoded.refused)
    assert encoded.notes == sorted([*read.rejected, *wanted.notes], key=lambda note: note.row)


def test_refused_rows_are_named_with_their_reason(on_disk):
    encoded = encode_dataset(on_disk, ALPACA, BASE, max_length=300, processes=2)
    by_stage = {stage: [n.row - 1 for n in encoded.refused if n.stage == stage] for stage in ("converted", "too long")}
    assert by_stage == {"converted": list(BROKEN), "too long": list(LONG)}
    assert all("output" in note.reason for note in encoded.refused if note.stage == "converted")
    assert encoded.refused[0].excerpt.startswith("word word") and "922 tokens" in encoded.refused[0].reason


def test_the_result_lies_on_disk_and_not_in_memory(on_disk):
    assert encode_dataset(on_disk, ALPACA, BASE, max_length=300, processes=2).rows.cache_files


def test_a_batch_that_the_chat_template_refuses_spoils_no_other(tmp_path):
    tokenizer = with_three_specials()
    set_chat_template(tokenizer, REVERSE_INSTRUCTION)
    tokenizer.chat_template = (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
        + tokenizer.chat_template
    )
    template = ChatTemplate.of(tokenizer)
    rows = [{"instruction": "Say it.", "input": "", "output": "Yes."}] * 1500
    rows[1000:] = [{"instruction": "Say it.", "input": "", "output": "Yes.", "system": "Be brief."}] * 500
    Dataset.from_list([{"system": None} | row for row in rows]).save_to_disk(tmp_path / "rows")
    encoded = encode_dataset(load_from_disk(str(tmp_path / "rows")), template, tokenizer, max_length=None)
    assert len(encoded.rows) == 1000 and {note.stage for note in encoded.refused} == {"template"}
    with pytest.raises(ValueError, match="suits none of the records"):
        encode_dataset(Dataset.from_list(rows[1000:]), template, tokenizer, max_length=None)


def test_wrong_arguments_are_named_before_a_process_starts(on_disk):
    with pytest.raises(ValueError, match="too_long is 'refuse'"):
        encode_dataset(on_disk, ALPACA, BASE, max_length=300, too_long="refuse")
    with pytest.raises(ValueError, match="max_length is 0"):
        encode_dataset(on_disk, ALPACA, BASE, max_length=0)
    with pytest.raises(ValueError, match="the dataset has no rows"):
        encode_dataset(on_disk.select([]), ALPACA, BASE, max_length=300)
    with pytest.raises(DataError, match="no column 'instruction'"):
        encode_dataset(on_disk.remove_columns("instruction"), ALPACA, BASE, max_length=300, processes=2)

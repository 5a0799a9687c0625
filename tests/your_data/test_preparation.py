"""Rows on their way: faulty ones are listed in any case, nothing is lost in silence, nothing leaks into the test."""

import json

import pytest

from utils.errors import DataError
from utils.prompts import ALPACA
from utils.quality import lint
from utils.records import Record, Turn, from_labels, turns_of
from utils.your_data import (
    Account,
    clean,
    divide,
    draw,
    label_counts,
    problems,
    read_rows,
    spare_validation,
    warnings_of,
)

LETTERS = "abcdefghijklmnopqrstuvwxyz"
SETTINGS = {
    "task": "classification", "text_column": "", "answer_column": "", "instruction_column": "", "column_labels": "",
    "group_column": "", "sentence_column": "", "labels": "", "label_names": "", "encoding": "utf-8", "instruction": "",
    "separator": "", "quote": "", "limit": 0, "seed": 1, "test_path": "beside", "test_rows": 0,
}  # fmt: skip


def words(i):
    return " ".join(LETTERS[(i * k) % 26] * (2 + i % 5) for k in (1, 3, 5, 7))


def line(i):
    return f"{words(i)} {i},{'good' if i % 2 else 'bad'}"


GOOD = [line(i) for i in range(60)]
FAULTY = [
    *GOOD,
    "one text under two labels,good",
    "one text under two labels,bad",
    "a spelling,Good",
    "tag </s> here,bad",
]


@pytest.fixture
def write(tmp_path):
    def write(name, rows):
        (tmp_path / name).write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
        return SETTINGS | {"data_path": str(tmp_path / name)}

    return write


def faults(folder):
    lines = (folder / "faulty_rows.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(one) for one in lines]


def test_faulty_rows_stop_a_run_and_are_listed_by_their_numbers(write, tmp_path):
    read = read_rows(write("a.csv", FAULTY))
    with pytest.raises(DataError, match=r"listed in .*faulty_rows\.jsonl \(row 61, 62, 63.*set on_errors to drop"):
        clean(read, ALPACA, folder=tmp_path, on_errors="stop")
    found = {row["row"]: row["reason"] for row in faults(tmp_path)}
    assert found.keys() >= {61, 62, 63}
    assert found[61] == "conflict: row 62 has the same prompt, another answer"
    assert found[63] == "label_variant: 'Good', elsewhere 'good'"


def test_rows_that_differ_in_case_and_punctuation_name_each_other(write, tmp_path):
    twins = ["The lift has been broken since May,bad", "the lift has been broken since may!,good"]
    read = read_rows(write("a.csv", [*FAULTY[:60], *twins]))
    clean(read, ALPACA, folder=tmp_path, on_errors="drop")
    found = {row["row"]: row["reason"] for row in faults(tmp_path)}
    assert found[61] == "conflict: row 62 but for case and punctuation, another answer"
    assert found[62] == "conflict: row 61 but for case and punctuation, another answer"


@pytest.mark.parametrize("on_errors", ["drop", "keep"])
def test_faulty_rows_are_dropped_or_kept_and_listed_alike(write, tmp_path, on_errors):
    read = read_rows(write("a.csv", FAULTY))
    cleaned = clean(read, ALPACA, folder=tmp_path, on_errors=on_errors)
    numbers = {row["row"] for row in faults(tmp_path)}
    left = {record.row for record in cleaned.records}
    assert numbers >= {61, 62, 63} and cleaned.counts["faulty"] == len(numbers)
    assert not numbers & left if on_errors == "drop" else numbers <= left
    gone = {row["row"] for row in cleaned.left_out}
    assert gone == (numbers if on_errors == "drop" else set())
    assert len(cleaned.records) + len(cleaned.left_out) == len(FAULTY)


def test_a_list_without_rows_is_written_too(write, tmp_path):
    clean(read_rows(write("a.csv", GOOD)), ALPACA, folder=tmp_path, on_errors="stop")
    assert faults(tmp_path) == []


def test_a_label_that_is_not_allowed_stops_and_can_be_dropped(write, tmp_path):
    settings = write("a.csv", [*GOOD, "something else,fine"]) | {"labels": "good, bad"}
    read = read_rows(settings)
    with pytest.raises(DataError, match=r"1 row with unknown label 'fine'.*\(row 61\)"):
        clean(read, ALPACA, folder=tmp_path, on_errors="stop")
    cleaned = clean(read, ALPACA, folder=tmp_path, on_errors="drop")
    assert [row["row"] for row in cleaned.left_out] == [61] and len(cleaned.records) == 60


def test_a_cell_that_runs_twice_counts_nothing_twice(write, tmp_path):
    read = read_rows(write("a.csv", FAULTY))
    first = clean(read, ALPACA, folder=tmp_path, on_errors="drop")
    second = clean(read, ALPACA, folder=tmp_path, on_errors="drop")
    assert first == second
    assert divide(first, test_fraction=0.2, test_rows=0, seed=1) == divide(
        first, test_fraction=0.2, test_rows=0, seed=1
    )


def test_test_rows_beside_the_data_are_found_and_asked_alike(write, tmp_path):
    settings = write("a.csv", GOOD)
    write("a_test.csv", [f"{words(i)} other {i},{'good' if i % 2 else 'bad'}" for i in range(100, 104)] + ["odd,never"])
    read = read_rows(settings)
    assert len(read.records) == 60 and len(read.test) == 4
    assert {record.instruction for record in read.test} == {record.instruction for record in read.records}
    [row] = read.left_out
    assert row["file"] == "a_test.csv" and row["row"] == 5 and "'never' is not in the data" in row["reason"]
    assert not read_rows(settings | {"test_path": ""}).test
    assert len(read_rows(settings | {"test_rows": 2}).test) == 2
    assert read_rows(settings | {"test_rows": 2}).counts["test_rows_not_drawn"] == 2


def test_a_test_file_that_cannot_be_used_is_named(write, tmp_path):
    settings = write("a.csv", GOOD)
    (tmp_path / "a_test.csv").write_text("id,body\n1,some text\n")
    with pytest.raises(DataError, match=r"a_test\.csv .*set test_path to another file, or to ''"):
        read_rows(settings)


def test_training_rows_that_are_nearly_test_rows_are_left_out(write, tmp_path):
    settings = write("a.csv", [*GOOD, "the quick brown fox jumps over the lazy dog today,good"])
    write(
        "a_test.csv", ["the quick brown fox jumps over the lazy dog today!,good", "quite another text of its own,bad"]
    )
    cleaned = clean(read_rows(settings), ALPACA, folder=tmp_path, on_errors="stop")
    divided = divide(cleaned, test_fraction=0.2, test_rows=0, seed=1)
    assert [(row["row"], row["stage"]) for row in divided.left_out] == [(61, "splitting")]
    assert len(divided.records) + len(divided.validation) == 60 and len(divided.test) == 2


def test_validation_and_test_rows_are_split_off_and_few_if_asked(write, tmp_path):
    cleaned = clean(read_rows(write("a.csv", GOOD)), ALPACA, folder=tmp_path, on_errors="stop")
    divided = divide(cleaned, test_fraction=0.5, test_rows=8, seed=1)
    parts = [divided.records, divided.validation, divided.test]
    rows = [record.row for part in parts for record in part]
    assert sorted(rows) == list(range(1, 61)) and 6 <= len(divided.test) <= 8 and len(divided.validation) >= 4
    counts = label_counts(divided)
    assert sum(sum(part.values()) for part in counts.values()) == 60


def test_rare_labels_and_imbalance_are_said(write, tmp_path):
    rows = [f"{words(i)} {i},{'good' if i < 56 else 'bad'}" for i in range(60)]
    cleaned = clean(read_rows(write("a.csv", rows)), ALPACA, folder=tmp_path, on_errors="stop")
    imbalance, rare = warnings_of(cleaned.findings)
    assert imbalance.startswith("imbalance: 56 rows of 'good', 4 of 'bad'; read macro F1")
    assert rare == "1 label with fewer than 10 rows each: 4 rows of 'bad'"


def test_of_a_conversation_the_first_exchange_is_used_and_that_is_said(tmp_path):
    chat = [{"role": role, "content": f"{text} {{}}"} for role, text in
            (("user", "Hello"), ("assistant", "Hi"), ("user", "And?"), ("assistant", "So."))]  # fmt: skip
    rows = [
        json.dumps({"messages": [turn | {"content": turn["content"].format(i)} for turn in chat]}) for i in range(3)
    ]
    (tmp_path / "chat.jsonl").write_text("\n".join(rows))
    read = read_rows(SETTINGS | {"task": "instructions", "data_path": str(tmp_path / "chat.jsonl")})
    whole = read_rows(SETTINGS | {"task": "conversation", "data_path": str(tmp_path / "chat.jsonl")})
    assert [turn.content for turn in turns_of(whole.records[1])] == ["Hello 1", "Hi 1", "And? 1", "So. 1"]
    assert whole.left_out == []
    assert read.records[1] == Record("Hello 1", "", "Hi 1")
    assert [row["reason"] for row in read.left_out] == [
        "the first of 2 exchanges is used: set task to conversation for all of them"
    ] * 3


# --- drawing, and what stops a run ---


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


def test_what_belongs_to_one_conversation_stays_on_one_side():
    def chat(i, said):  # the same chat after its first, its second … answer, as logs have it
        told = [Turn(("user", "assistant")[at % 2], f"{words(i + 9 * at)} {i} {at}") for at in range(2 * said + 2)]
        return Record(told[-2].content, "", told[-1].content, "instruction", history=tuple(told[:-2]))

    grown = [chat(i, said) for i in range(40) for said in (1, 2, 3)]
    rows = Account(grown, [], [], {}, from_labels([{"t": "a", "l": "b"}], text="t", label="l"))
    divided = divide(rows, test_fraction=0.25, test_rows=0, seed=1)
    assert divided.test and divided.validation
    sides = [{record.history[0].content for record in part} for part in
             (divided.records, divided.validation, divided.test)]  # fmt: skip
    assert not (sides[0] & sides[2] or sides[1] & sides[2] or sides[0] & sides[1])

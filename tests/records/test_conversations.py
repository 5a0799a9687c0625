"""Conversations: every turn is kept or named, in whatever form they come, and comes back from every export."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.errors import DataError
from utils.files import write_json, write_jsonl
from utils.prompts import ALPACA
from utils.records import (
    Record,
    Turn,
    exchanges,
    fingerprint,
    from_instructions,
    from_messages,
    from_sharegpt,
    load_records,
    save_dataset,
    save_records,
    to_alpaca,
    to_messages,
    to_prompt_completion,
    to_sharegpt,
    to_text,
    to_watsonx,
    turns_of,
    without_first_exchange,
)

SPOKEN = [("system", "s"), ("user", "u"), ("assistant", "a"), ("user", "v"), ("assistant", "b")]
LONG = Record("v", "", "b", history=(Turn("system", "s"), Turn("user", "u"), Turn("assistant", "a")))


def message(role, content, **more):
    return {"role": role, "content": content, **more}


def read(*messages, **columns):
    return from_messages([{"messages": list(messages), **columns}])


def reason(*messages, **columns):
    (note,) = read(*messages, **columns).rejected
    return note.reason


def test_all_turns_are_kept():
    assert read(*(message(*each) for each in SPOKEN)).records == [LONG]
    assert [(turn.role, turn.content) for turn in turns_of(LONG)] == SPOKEN
    assert read(*(message(*each) for each in SPOKEN[1:])).records[0].history == LONG.history[1:]
    told = [{"from": {"user": "human", "assistant": "gpt"}.get(role, role), "value": text} for role, text in SPOKEN]
    assert from_sharegpt([{"conversations": told}]).records == [LONG]


def test_one_exchange_is_an_ordinary_record():
    assert read(message("user", "u"), message("assistant", "a")).records == [Record("u", "", "a")]
    assert read(*(message(*each) for each in SPOKEN[:3])).records == [Record("s", "u", "a")]
    assert exchanges(LONG) == [(Record("s", "u", "a"), True), (Record("v", "", "b"), True)]
    assert without_first_exchange(LONG) == Record("s", "v", "b")


def test_content_in_parts_is_their_text():
    parts = [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]
    assert read(message("user", parts), message("assistant", "a")).records == [Record("Hello", "", "a")]
    image = [*parts, {"type": "image_url", "image_url": {"url": "x"}}]
    assert "part of the type 'image_url'" in reason(message("user", image), message("assistant", "a"))


def test_an_answer_of_weight_0_is_read_and_not_learned():
    told = [message("user", "u"), message("assistant", "a", weight=0), message("user", "v"), message("assistant", "b")]
    (record,) = read(*told).records
    assert record.history == (Turn("user", "u"), Turn("assistant", "a", False)) and record.output == "b"
    assert [learned for _, learned in exchanges(record)] == [False, True]
    told[3]["weight"], told[1]["weight"] = 0, 1
    result = read(*told)
    assert result.records == [Record("u", "", "a")] and "after the last answer" in result.notes[0].reason
    assert "weight 0" in reason(message("user", "u"), message("assistant", "a", weight=0))
    assert "weight is 0.5" in reason(message("user", "u"), message("assistant", "a", weight=0.5))


def test_tools_end_a_conversation_with_a_note_or_reject_it():
    call = message("assistant", None, tool_calls=[{"function": {"name": "f"}}])
    first, asked = [message("user", "u"), message("assistant", "a")], message("user", "v")
    for used in (
        [call, message("tool", "4")],
        [message("function", "4")],
        [message("assistant", "", function_call={"n": 1})],
    ):
        result = read(*first, asked, *used, message("assistant", "b"))
        assert result.records == [Record("u", "", "a")]
        assert [note.reason for note in result.notes] == ["left out from the exchange on that calls a tool"]
        assert "write calls and results as text" in reason(asked, *used, message("assistant", "b"))


def test_what_is_not_used_is_named():
    answer = message("assistant", "a", reasoning_content="hm", name="bot", audio=None)
    result = read(message("user", "u"), answer, message("user", "v"), tools=[{"name": "f"}], id=7)
    assert result.records == [Record("u", "", "a")] and result.unused == ("tools", "id")
    (note,) = result.notes
    assert "reasoning_content, name" in note.reason and "after the last answer" in note.reason
    assert "audio" not in note.reason


def test_a_system_message_beside_the_messages_is_used():
    told = [message(*each) for each in SPOKEN[1:]]
    assert read(*told, system="s").records == [LONG]
    assert read(*told[:2], system="s").records == [Record("s", "u", "a")]
    result = read(message("system", "own"), *told, system="s")
    assert result.records[0].history[0].content == "own" and "has its own" in result.notes[0].reason


def test_a_bad_example_is_rejected():
    told = [message("user", "u"), message("assistant", "a")]
    assert "label is false" in reason(*told, label=False)
    assert read(*told, label=True).records == [Record("u", "", "a")] and not read(*told, label=True).unused
    assert read(*told, label="blue").unused == ("label",)
    rows = [{"instruction": "i", "output": "o", "label": False}]
    assert "label is false" in from_instructions(rows).rejected[0].reason


@pytest.mark.parametrize(
    "roles, expected",
    [
        ("", "no answer of the assistant"),
        ("u", "no answer of the assistant"),
        ("a", "the assistant speaks first"),
        ("uua", "two messages of the user in a row"),
        ("uaaua", "two messages of the assistant in a row"),
        ("uasua", "a system message that is not the first"),
        ("suax", "unknown role 'alien'"),
    ],
)
def test_turns_that_make_no_record_are_rejected_with_a_reason(roles, expected):
    names = {"s": "system", "u": "user", "a": "assistant", "x": "alien"}
    assert expected in reason(*(message(names[role], "text") for role in roles))


def test_alpaca_with_history_and_system():
    row = {"instruction": "v", "input": "", "output": "b", "system": "s", "history": [["u", "a"]]}
    assert from_instructions([row]).records == [LONG] and not from_instructions([row]).unused
    assert from_instructions([row | {"history": json.dumps(row["history"])}]).records == [LONG]
    assert from_instructions([row | {"history": None, "system": None, "input": "x"}]).records == [Record("v", "x", "b")]
    assert from_instructions([row | {"history": [], "input": "x"}]).records == [Record("s", "v\n\nx", "b")]
    (note,) = from_instructions([row | {"history": [["u", "a", "?"]]}]).rejected
    assert note.reason == "history is not a list of [user, answer] pairs"


full = st.text(min_size=1, max_size=12)


@st.composite
def conversations(draw, weights):
    pairs = draw(st.lists(st.tuples(full, full, weights), min_size=1, max_size=4))
    opening = [Turn("system", draw(full))] if draw(st.booleans()) else []
    said = [turn for u, a, learned in pairs[:-1] for turn in (Turn("user", u), Turn("assistant", a, learned))]
    (asked, answer, _), history = pairs[-1], (*opening, *said)
    if said:
        return Record(asked, "", answer, history=history)
    return Record(opening[0].content, asked, answer) if opening else Record(asked, "", answer)


@given(st.lists(conversations(st.booleans()), min_size=1, max_size=4))
def test_no_turn_is_lost_in_messages_sharegpt_and_files(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("out")
    assert from_messages(write_jsonl(folder / "m.jsonl", to_messages(records))).records == records
    assert from_sharegpt(write_jsonl(folder / "s.jsonl", to_sharegpt(records))).records == records
    save_records(records, folder / "r.jsonl.gz")
    assert load_records(folder / "r.jsonl.gz") == records
    assert [turn for record in records for one, _ in exchanges(record) for turn in turns_of(one)] == [
        turn._replace(trained=True) for record in records for turn in turns_of(record)
    ]


@given(st.lists(conversations(st.just(True)), min_size=1, max_size=4))
def test_no_turn_is_lost_in_alpaca(tmp_path_factory, records):
    rows = to_alpaca(records)
    assert len({tuple(row) for row in rows}) == 1  # a dataset needs the same columns in every row
    assert from_instructions(write_json(tmp_path_factory.mktemp("out") / "a.json", rows)).records == records


def test_datasets_of_conversations_come_back(tmp_path):
    unlearned = Record("v", "", "b", history=(Turn("user", "u"), Turn("assistant", "a", False)))
    records = [Record("u", "", "a"), LONG, unlearned]
    for path in (tmp_path / "saved", tmp_path / "m.parquet"):
        assert from_messages(save_dataset(to_messages(records), path)).records == records
    assert from_instructions(save_dataset(to_alpaca(records[:2]), tmp_path / "a.parquet")).records == records[:2]


def test_exports_refuse_what_they_cannot_say():
    for export in (to_text, to_prompt_completion, to_watsonx):
        with pytest.raises(DataError, match="record 1 is a conversation of 2 exchanges"):
            export([Record("u", "", "a"), LONG], ALPACA)
    unlearned = Record("v", "", "b", history=(Turn("user", "u"), Turn("assistant", "a", False)))
    with pytest.raises(DataError, match="record 0 has an answer that is only read"):
        to_alpaca([unlearned])
    with pytest.raises(DataError, match="record 0 has an empty assistant message"):
        to_messages([Record("v", "", "b", history=(Turn("user", "u"), Turn("assistant", "")))])


def test_the_history_counts_in_equality_and_fingerprint():
    other = Record("v", "", "b", history=LONG.history[1:])
    assert other != LONG and len({fingerprint([one]) for one in (LONG, other, Record("v", "", "b"))}) == 3
    assert "history" in repr(LONG) and "history" not in repr(Record("v", "", "b"))


def test_an_empty_system_message_is_as_none():
    told = [message("system", ""), message("user", "u"), message("assistant", "a")]
    assert read(*told).records == [Record("u", "", "a")] and read(*told).notes == []
    assert read(*told, system="s").records == [Record("s", "u", "a")]


def test_rows_of_one_person_form_a_group():
    rows = [{"messages": [message("user", "u"), message("assistant", "a")], "who": name} for name in ("Ann", 5, None)]
    result = from_messages(rows, group="who")
    assert [record.group for record in result.records] == ["Ann", "5", ""] and result.unused == ()
    with pytest.raises(DataError, match="no column 'whom'"):
        from_messages(rows, group="whom")

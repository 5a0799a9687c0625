"""Splits and what they rest on: own texts, contexts, labels; nothing similar straddles train and test."""

import random
from collections import Counter

import pytest

from utils.errors import DataError
from utils.records import (
    QUESTION_INSTRUCTION,
    Record,
    Turn,
    continued,
    from_labels,
    label_sets,
    near_duplicates,
    own_texts,
    similar_records,
    split,
)
from utils.records.own_texts import SHARED


def reviews(count, *, seed=0, labels=("good", "bad", "bad")):
    rng = random.Random(seed)
    rows = [
        {"t": " ".join(rng.choices([f"w{i}" for i in range(500)], k=12)), "y": rng.choice(labels)} for _ in range(count)
    ]
    rows += [{"t": row["t"] + " really", "y": row["y"]} for row in rows[: count // 5]]
    return from_labels(rows, text="t", label="y").records


def test_split_keeps_near_duplicates_and_groups_together():
    records = reviews(200)
    train, test = split(records, test_fraction=0.25, seed=3)
    assert Counter(train) + Counter(test) == Counter(records)
    assert not any(i < len(train) <= j for i, j, _ in near_duplicates([r.input for r in train + test]))
    assert len(test) / len(records) == pytest.approx(0.25, abs=0.02)
    share = [sum(record.output == "bad" for record in part) / len(part) for part in (train, test)]
    assert share[0] == pytest.approx(share[1], abs=0.03)
    grouped = [Record("Say", f"text number {i} of many", "ok", group=f"hotel {i % 7}") for i in range(70)]
    train, test = split(grouped, test_fraction=0.3, seed=1)
    assert len(test) == 20 and not {r.group for r in train} & {r.group for r in test}


def test_the_same_text_under_two_instructions_stays_on_one_side():
    records = [Record(f"task {i % 2}", f"one long enough text, number {i // 2}", f"answer {i}") for i in range(40)]
    train, test = split(records, test_fraction=0.5, seed=2)
    assert not {r.input for r in train} & {r.input for r in test}
    placeholders = [Record(f"Do thing number {i} for me please", "No input", f"a{i}") for i in range(40)]
    assert len(split(placeholders, test_fraction=0.5)[1]) == 20


def test_split_is_seeded():
    records = reviews(100)
    assert split(records, seed=1) == split(records, seed=1) != split(records, seed=2)


def test_rare_labels_stay_in_train_and_large_clusters_take_nothing_from_other_labels():
    rows = [{"t": f"the very same text again {i % 2 * '!'}", "y": "a"} for i in range(50)]
    rows += [{"t": f"other text {i} {i * i} {i + 9}", "y": "b"} for i in range(10)] + [{"t": "alone", "y": "c"}]
    with pytest.warns(UserWarning, match="the largest of 50, which leaves 2 test records instead of 12"):
        train, test = split(from_labels(rows, text="t", label="y").records, test_fraction=0.2)
    assert {record.output for record in test} == {"b"} and len(test) <= 3  # 20 % of 10, and one for rounding
    assert Counter(record.output for record in train) == {"a": 50, "b": 10 - len(test), "c": 1}


def test_groups_of_several_labels_are_divided_too():
    rng = random.Random(0)
    rows = [{"t": f"text {i} {i * i} {i + 7}", "y": rng.choice("abbb"), "g": i % 5} for i in range(200)]
    train, test = split(from_labels(rows, text="t", label="y", group="g").records, test_fraction=0.2, seed=1)
    assert len(test) == 40 and not {r.group for r in train} & {r.group for r in test}
    rows = [row | {"g": i // 5} for i, row in enumerate(rows)]
    train, test = split(from_labels(rows, text="t", label="y", group="g").records, test_fraction=0.2, seed=1)
    share = [sum(record.output == "a" for record in part) / len(part) for part in (train, test)]
    assert len(test) == 40 and share[0] == pytest.approx(share[1], abs=0.03)


def test_rounding_neither_empties_the_test_part_nor_fills_it():
    rows = [{"t": f"text {i} {i * i} {i + 7}", "y": f"intent {i % 77:02}"} for i in range(77 * 5)]
    train, test = split(from_labels(rows, text="t", label="y").records, test_fraction=0.1, seed=1)
    assert len(test) in (38, 39) and max(Counter(record.output for record in test).values()) == 1


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5])
def test_impossible_fractions(fraction):
    with pytest.raises(DataError, match=f"test_fraction is {fraction}"):
        split(reviews(20), test_fraction=fraction)


def test_groups_tied_together_by_short_texts_are_an_error_not_a_tiny_test_part():
    rows = [{"t": "nothing", "y": "bad", "g": i} for i in range(200)]
    rows += [{"t": f"all but {i} {i + 1} {i + 2}", "y": "good", "g": i} for i in range(200)]
    records = from_labels(rows, text="t", label="y", group="g").records
    with pytest.raises(DataError, match="the largest of 400"):
        split(records)


def test_records_that_cannot_be_divided():
    with pytest.raises(DataError, match="9 records into 1 cluster, the largest of 9"):
        split([Record("i", "the same text every time", "o")] * 9)


def test_what_counts_as_a_label():
    assert list(label_sets(reviews(30))) == ["Classify the text below as one of: bad, good."]
    plain = [Record(r.instruction, r.input, r.output) for r in reviews(30)]
    assert list(label_sets(plain)) == ["Classify the text below as one of: bad, good."]
    assert not label_sets([Record("Extract", f"text {i}", "none" if i % 2 else f"Anna {i}") for i in range(40)])


def test_own_texts_leave_out_what_all_share():
    task = [Record("A shared instruction", f"text {i}", "o") for i in range(SHARED)]
    assert own_texts(task)[0] == "text 0"
    assert own_texts([Record("Greet", "Anna", "Hi"), Record("Greet", "", "Hi", "document")]) == ["Greet\nAnna", "Hi"]


PLACES = "Graz Lund Bergen Turku Porto Ghent Cork Nancy Parma Malmo".split()


def about(place):
    number = PLACES.index(place)
    return (
        f"In 1903 {place} opened {number} lines, of which {number + 1} were {place[::-1]} and {number * 7} of others."
    )


def asked(question, place, instruction=QUESTION_INSTRUCTION, task="question"):
    return Record(instruction.replace("{question}", question), about(place), "1903", task)


@pytest.mark.parametrize(
    ("instruction", "task"),
    [
        (QUESTION_INSTRUCTION, "question"),
        ("Read the text below and answer this question about it: {question} Keep the answer short.", "question"),
        ("Read the text below and answer this question about it: {question} Keep the answer short.", "instruction"),
        ("{question}", "instruction"),
    ],
)
def test_alike_questions_are_near_duplicates_about_one_text_only(instruction, task):
    questions = ["When did the tram open?", "Who paid for it?", "When did the fire begin?"]
    records = [asked(question, place, instruction, task) for place in PLACES for question in questions]
    assert similar_records(records) == []
    twice = [*records, asked("When DID the tram open", "Graz", instruction, task)]
    assert [pair[:2] for pair in similar_records(twice)] == [(0, 30)]


def test_a_split_of_questions_has_its_size_and_ties_nearly_equal_texts():
    records = [asked(f"When did the {what} open?", place) for place in PLACES for what in ("tram", "line", "bank")]
    records.append(Record("When?", about("Graz").upper(), "1903", "question"))
    train, test = split(records, test_fraction=0.2, seed=0)
    assert 5 <= len(test) <= 7 and not {r.input.upper() for r in train} & {r.input.upper() for r in test}


def test_the_wording_that_instructions_share_is_not_their_own_text():
    wording = "Classify the mood of this short review as good or bad: "
    reviews = [
        Record(f"{wording}{word} {i * 37} rooms", "", "good", "instruction") for i, word in enumerate("abcde" * 8)
    ]
    assert own_texts(reviews)[1] == "b 37 rooms\n" and similar_records(reviews) == []
    few = [Record("Write a story of a dog", "", "x"), Record("Write a story of a cat", "", "y")]
    assert own_texts(few)[0] == "Write a story of a dog\n"


def test_the_own_text_of_an_answer_in_a_chat_is_the_chat():
    past = (Turn("user", "Book a room"), Turn("assistant", "For when?"))
    assert own_texts([Record("Today", "", "Done", history=past)]) == ["Book a room\nFor when?\nToday"]


def test_a_system_message_that_many_share_does_not_make_chats_alike():
    system, answer = Turn("system", "You help the guests of a hotel in short and friendly words. " * 9), "Gladly."

    def chat(i):
        said = (system, Turn("user", f"Room {i} is too {i * 7}"), Turn("assistant", answer))
        return Record(f"Then send {i * 3} of them", "", answer, "instruction", history=said)

    many = [chat(i) for i in range(30)]
    assert own_texts(many)[1] == "Room 1 is too 7\nGladly.\nThen send 3 of them" and similar_records(many) == []
    assert own_texts(many[:2])[0].startswith("You help")


def test_a_chat_that_goes_on_belongs_to_its_beginning():
    said = [Turn("user", "When does the ferry to Hvar leave?"), Turn("assistant", "At nine.")]
    more = [*said, Turn("user", "And back?"), Turn("assistant", "At five.")]
    one, two = Record(said[0].content, "", said[1].content), Record("Thanks", "", "Bye", history=tuple(more))
    hello = Record("Hello", "", "Hi")
    after = [
        Record(f"Question {i}", "", "So", history=(Turn("user", "Hello"), Turn("assistant", "Hi"))) for i in (1, 2)
    ]
    assert continued([two, hello, *after, one]) == [(0, 4)]
    assert similar_records([two, hello, *after, one]) == [(0, 4, 1.0)]
    assert continued([hello, one]) == []


@pytest.mark.parametrize("of_one", [30, 29])
def test_a_group_that_holds_nearly_all_is_named(of_one):
    records = [
        Record("Which?", f"text {i} {i * 7}", "ab"[i % 2], "classification", "Ritz" if i < of_one else "Savoy")
        for i in range(30)
    ]
    with pytest.raises(DataError, match=f"{of_one} records of 30 belong to the group 'Ritz'.*choose another group"):
        split(records, test_fraction=0.4, seed=1)

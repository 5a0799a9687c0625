"""Near-duplicates and splits: nothing similar is missed, and nothing similar straddles train and test."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.errors import DataError
from utils.records import (
    Record,
    clusters,
    from_labels,
    label_sets,
    near_duplicates,
    own_texts,
    similarity,
    split,
    splits,
)

words = st.lists(st.sampled_from("abcd"), max_size=12).map(" ".join)


def shingles(text):
    found = text.split()
    return {tuple(found[i : i + 3]) for i in range(max(1, len(found) - 2))} if found else set()


def jaccard(a, b):
    return len(a & b) / len(a | b) if a | b else 0


@given(st.lists(words, max_size=10), st.sampled_from([0.5, 0.8, 1.0]))
def test_the_same_clusters_as_by_brute_force(texts, threshold):
    found = near_duplicates(texts, threshold=threshold)
    sets = [shingles(text) for text in texts]
    pairs = {(i, j): jaccard(sets[i], sets[j]) for j in range(len(texts)) for i in range(j)}
    alike = {pair for pair, value in pairs.items() if value >= threshold and sets[pair[0]]}
    assert {(i, j) for i, j, _ in found} <= alike
    assert all(value == pytest.approx(pairs[i, j]) for i, j, value in found)
    assert clusters(len(texts), [pair[:2] for pair in found]) == clusters(len(texts), sorted(alike))


def test_case_and_punctuation_do_not_count_and_other_scripts_do():
    texts = [
        "The room was dirty!",
        "the ROOM — was dirty",
        "部屋がとても汚かったです",
        "部屋がとても汚かったです。",
        "",
        "!!!",
    ]
    assert [pair[:2] for pair in near_duplicates(texts)] == [(0, 1), (2, 3)]


def test_a_form_letter_sent_to_thousands_stays_cheap():
    letter = " ".join(f"word{i}" for i in range(40))
    pairs = near_duplicates([f"{letter} name{i} yours faithfully" for i in range(1000)])
    assert len(pairs) < 1000 * (similarity.MANY + 1)
    assert set(clusters(1000, [pair[:2] for pair in pairs])) == {0}


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
    task = [Record("A shared instruction", f"text {i}", "o") for i in range(splits.SHARED)]
    assert own_texts(task)[0] == "text 0"
    assert own_texts([Record("Greet", "Anna", "Hi"), Record("Greet", "", "Hi", "document")]) == ["Greet\nAnna", "Hi"]

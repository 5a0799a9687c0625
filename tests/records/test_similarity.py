"""Near-duplicates: nothing similar is missed, and what is alike by chance stays cheap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.records import clusters, near_duplicates, similarity

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


@given(st.lists(st.tuples(words, st.integers(0, 2)), max_size=10))
def test_texts_of_different_groups_are_never_a_pair(texts):
    found = near_duplicates([text for text, _ in texts], within=[group for _, group in texts])
    assert all(texts[i][1] == texts[j][1] for i, j, _ in found)
    for group in range(3):
        rows = [i for i, (_, own) in enumerate(texts) if own == group]
        alone = near_duplicates([texts[i][0] for i in rows])
        assert [(rows[i], rows[j], s) for i, j, s in alone] == [pair for pair in found if texts[pair[0]][1] == group]


def test_texts_read_in_several_parts_are_compared_with_each_other(monkeypatch):
    texts = [f"one text of some words with number {i % 7}" for i in range(20)] + ["", "one"]
    whole = near_duplicates(texts)
    monkeypatch.setattr(similarity, "_AT_ONCE", 3)
    assert near_duplicates(texts) == whole and len(whole) == 13

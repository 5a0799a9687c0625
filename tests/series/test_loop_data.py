"""The bare texts of notebook 06 and the pairs that measure it: what the data card says of them holds."""

from collections import Counter

import pytest

from tests.series.test_data import RUN, plain, runs, wordings
from utils.curation import load_loop_data, stands_in
from utils.quality import lint
from utils.records import fingerprint, near_duplicates
from utils.series import find_notebooks, parameters_of
from utils.series.data_cards import DATA, load_rows, read_rows

BARE, TESTS = (read_rows(DATA / f"{name}.jsonl") for name in ("bare_texts", "forward_pairs_test"))
FILES = pytest.mark.parametrize("rows", [BARE, TESTS], ids=["bare_texts", "forward_pairs_test"])
SEED_KINDS = {row["kind"] for row in load_rows("documents")}


def texts(rows: list[dict]) -> list[str]:
    return [row["document"] for row in rows]


@FILES
def test_rows_have_the_fields_of_documents_and_whole_texts(rows):
    assert {tuple(row) for row in rows} == {("kind", "document", "instruction", "slots")}
    assert all(row["document"] == row["document"].strip() and row["document"] for row in rows)
    assert max(Counter(map(plain, texts(rows))).values()) == 1
    assert max(len(text.split()) for text in texts(rows)) <= 80


@FILES
def test_slots_stand_in_text_and_instruction(rows):
    for row in rows:
        assert all(stands_in(slot, row["document"]) and slot in row["instruction"] for slot in row["slots"]), row


@FILES
def test_instructions_have_the_wording_of_their_kind_or_are_one_sentence(rows):
    known = wordings()
    for row in rows:
        if row["kind"] in known:
            starts = {text.partition("{")[0] for text in known[row["kind"]]}
            assert row["instruction"].startswith(tuple(starts)), row["instruction"]
        else:
            assert row["instruction"].startswith("Write ") and row["instruction"].endswith("."), row["instruction"]


def test_there_are_bare_texts_enough_of_kinds_that_the_seed_has_and_has_not():
    assert len(BARE) >= 300
    kinds = {row["kind"] for row in BARE}
    assert len(kinds & SEED_KINDS) >= 14 and len(kinds - SEED_KINDS) >= 14
    assert {row["kind"] for row in TESTS} <= kinds


@pytest.mark.parametrize("size", [40, 80, 120, 160])
def test_any_beginning_of_the_bare_texts_mixes_kinds(size):
    share = sum(row["kind"] in SEED_KINDS for row in BARE) / len(BARE)
    assert sum(row["kind"] in SEED_KINDS for row in BARE[:size]) / size == pytest.approx(share, abs=0.1)
    assert len({row["kind"] for row in BARE[:size]}) >= 30


def test_no_bare_text_and_no_test_pair_is_near_a_text_of_another_file():
    splits = [row for split in ("training", "development", "test") for row in load_rows("documents", split)]
    known = texts(splits) + texts(read_rows(DATA / "article_examples.jsonl"))
    every = texts(BARE) + texts(TESTS)
    together = known + every
    assert [(together[i], together[j]) for i, j, _ in near_duplicates(together)
            if j >= len(known) and not (i < len(known) and j < len(known))] == []  # fmt: skip
    seen = {run for text in known for run in runs(text)}
    assert [text for text in every if runs(text) & seen] == [], f"{RUN} words in a row stand in another file"
    assert not {run for text in texts(BARE) for run in runs(text)} & {run for t in texts(TESTS) for run in runs(t)}


def test_the_linter_finds_no_error_in_the_reference_pairs():
    data = load_loop_data()
    found = [one for one in lint(data.texts, test=data.tests) if one.severity == "error"]
    assert found == []


def test_the_first_rows_of_all_parts_stay_together():
    data = load_loop_data().first(seed=5, texts=7, tests=6, reverse=4)
    sizes = [len(part) for part in (data.seed, data.texts, data.kinds, data.text_slots, data.tests, data.test_slots)]
    assert sizes == [5, 7, 7, 7, 6, 6] and len(data.reverse_test) == len(data.reverse_slots) == 4
    assert [record.output for record in data.texts] == texts(BARE[:7])
    assert data.text_slots == [row["slots"] for row in BARE[:7]]


def test_the_committed_notebook_is_that_of_todays_rows():
    [path] = find_notebooks(["06"])
    given = {name: default for name, (_, default, _) in parameters_of(path).items()}
    sizes = {"seed": given["seed_rows"], "texts": given["text_rows"], "tests": given["test_rows"]}
    data = load_loop_data().first(**sizes, reverse=given["reverse_test_rows"])
    rows = fingerprint(data.seed + data.texts + data.tests)
    assert rows in path.read_text(encoding="utf-8"), "06 was made from other rows: run `make notebooks`"

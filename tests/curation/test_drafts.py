"""Drafts: what the reverse model writes, how far samples agree, and that files keep all of it."""

import pytest
from models_fixture import RECORDS, TEXTS, trained  # noqa: F401

from utils.adapters import load_adapter
from utils.curation import Draft, Fit, load_drafts, save_drafts, write_drafts
from utils.inference import generate
from utils.prompts import REVERSE_INSTRUCTION
from utils.records import Record


@pytest.fixture(scope="module")
def model(trained):  # noqa: F811
    return load_adapter(trained.adapter)[:2]


def test_the_instruction_is_the_greedy_answer_and_samples_stand_beside_it(model):
    texts = [record.output for record in RECORDS[:3]]
    drafts = write_drafts(*model, texts, samples=2, max_new_tokens=12)
    bare = [Record("", "", text, "document") for text in texts]
    greedy = generate(*model, bare, REVERSE_INSTRUCTION, max_new_tokens=12)
    assert [draft.instruction for draft in drafts] == [answer.text.strip() for answer in greedy]
    assert [draft.stopped for draft in drafts] == [answer.stopped for answer in greedy]
    assert [(draft.text, len(draft.samples)) for draft in drafts] == [(text, 2) for text in texts]
    assert drafts == write_drafts(*model, texts, samples=2, max_new_tokens=12)


def test_without_samples_nothing_is_drawn_and_all_agree(model):
    [draft] = write_drafts(*model, TEXTS[:1], samples=0, max_new_tokens=4)
    assert draft.samples == () and draft.agreement == 1


def test_agreement_is_the_share_of_common_words():
    assert Draft("t", "Write to Ann.", ("write to ANN", "Sing!")).agreement == pytest.approx(0.5)
    assert Draft("t", "", ("",)).agreement == 0


def test_a_pair_asks_with_the_instruction_and_answers_with_the_text():
    assert Draft("Dear Ann", "Write to Ann.").pair == Record("Write to Ann.", "", "Dear Ann", "document")


def test_drafts_and_fits_come_back_from_their_file(tmp_path):
    drafts = [Draft("a\u2028b\n", "Write it.", ("x", "é"), False), Draft("", "")]
    fits = [Fit(0.1, -2.5), Fit(0.0, 0.3)]
    assert load_drafts(save_drafts(drafts, fits, tmp_path / "drafts.jsonl")) == (drafts, fits)
    with pytest.raises(ValueError):
        save_drafts(drafts, fits[:1], tmp_path / "other.jsonl")

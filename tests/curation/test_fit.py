"""Fits: the difference of two losses per token, against a constant instruction and a neighbour's."""

import pytest
from curation_fixture import drafts
from models_fixture import trained  # noqa: F401

from utils.adapters import load_adapter
from utils.curation import CONSTANT, Draft, measure_fit, neighbours, text_loss
from utils.records import Record


@pytest.fixture(scope="module")
def model(trained):  # noqa: F811
    return load_adapter(trained.adapter)[:2]


def test_a_fit_is_what_the_instruction_saves_per_token(model):
    given = [Draft("Oslo by train.", "Name Oslo."), Draft("Oslo by bus.", "Name a bus."), Draft("A cat.", "Cats?")]
    fits = measure_fit(*model, given)
    near = neighbours(given)
    assert near[0] == 1 and near[1] == 0

    def loss(instruction, text):
        return text_loss(*model, [Record(instruction, "", text)]).value

    for draft, fit, other in zip(given, fits, near, strict=True):
        own = loss(draft.instruction, draft.text)
        assert fit.over_constant == pytest.approx(loss(CONSTANT, draft.text) - own, abs=2e-3)
        assert fit.over_neighbour == pytest.approx(loss(given[other].instruction, draft.text) - own, abs=2e-3)


def test_a_constant_instruction_gains_nothing_over_itself(model):
    [fit, _] = measure_fit(*model, [Draft("Oslo by train.", CONSTANT), Draft("Lima.", "Name it.")])
    assert fit.over_constant == pytest.approx(0, abs=1e-3)


def test_no_draft_is_a_neighbour_of_one_with_the_same_instruction():
    same = drafts("Write to Ann.", "Write to Ann.", "Write to Bo.")
    assert neighbours(same) == [2, 2, neighbours(same)[2]] and neighbours(same)[2] != 2
    assert neighbours(drafts("Write.", "Write.")) == [0, 1]


def test_the_loss_is_a_mean_over_tokens_and_needs_rows(model):
    score = text_loss(*model, [Record("Name it.", "", "Oslo"), Record("Name it.", "", "Oslo by train.")])
    assert score.value == pytest.approx(score.rows[:, 0].sum() / score.rows[:, 1].sum())
    assert measure_fit(*model, []) == []
    with pytest.raises(ValueError, match="empty"):
        text_loss(*model, [])

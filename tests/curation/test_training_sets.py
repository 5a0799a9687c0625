"""Training sets over the same texts, the opponents' instructions, and equal steps for sets of any size."""

import pytest
from curation_fixture import GOOD, drafts
from models_fixture import RECORDS, trained  # noqa: F401

from utils.curation import (
    CONSTANT,
    CONSTANT_SET,
    CURATED,
    FIRST_SENTENCE,
    MACHINE,
    NEAREST,
    REFERENCE,
    Judged,
    opponents,
    training_sets,
    tune,
)
from utils.prompts import REVERSE_INSTRUCTION

JUDGED = [
    Judged(draft, GOOD, reasons)
    for draft, reasons in zip(drafts("Write to Ann.", "", "Write."), [{}, {"linter": "x"}, {}], strict=True)
]


def test_four_sets_differ_in_their_instructions_and_one_in_its_texts():
    sets = training_sets(JUDGED, ["one", "two", "three"])
    texts = [one.draft.text for one in JUDGED]
    for name in (CONSTANT_SET, MACHINE, REFERENCE):
        assert [pair.output for pair in sets[name]] == texts
    assert [pair.output for pair in sets[CURATED]] == [texts[0], texts[2]]
    assert [pair.instruction for pair in sets[REFERENCE]] == ["one", "two", "three"]
    assert [pair.instruction for pair in sets[MACHINE]] == ["Write to Ann.", CONSTANT, "Write."]
    assert {pair.instruction for pair in sets[CONSTANT_SET]} == {CONSTANT}


def test_nothing_kept_is_said():
    with pytest.raises(ValueError, match="none of 1 drafts passed"):
        training_sets(JUDGED[1:2], ["two"])


def test_opponents_know_the_text_and_the_seed_but_no_model():
    found = opponents(RECORDS[:8], [f"Hi all!\n{RECORDS[3].output} again. Bye.", "No end"])
    assert found[CONSTANT_SET] == [CONSTANT] * 2
    assert found[FIRST_SENTENCE] == ["Hi all!", "No end"]
    assert found[NEAREST][0] in {record.instruction for record in RECORDS[:8]}


@pytest.mark.parametrize(("pairs", "steps"), [(3, 2), (5, 1), (9, 4)])
def test_sets_of_any_size_get_the_same_number_of_steps(trained, tmp_path, pairs, steps):  # noqa: F811
    result, _ = tune(
        trained.base, RECORDS[:pairs], REVERSE_INSTRUCTION, output_dir=tmp_path, steps=steps, batch_size=4, seed=1
    )
    assert result.metrics["steps"] == steps and result.metrics["rows"] == pairs


def test_held_out_pairs_choose_the_weights(trained, tmp_path):  # noqa: F811
    result, _ = tune(
        trained.base, RECORDS[:6], output_dir=tmp_path, steps=3, batch_size=4, heldout=RECORDS[6:9], learning_rate=1e-2
    )
    losses = [entry["heldout_loss"] for entry in result.history if "heldout_loss" in entry]
    assert result.metrics["heldout_loss"] == min(losses[1:])

"""Forward models compared: on the same rows, in words that the intervals allow, and the same after a record."""

import json

import numpy as np
import pytest
from models_fixture import RECORDS, trained  # noqa: F401

from utils.adapters import load_adapter
from utils.curation import Forward, better, forward_table, measure_forward, of_rows, over_seeds, part_of_the_way, saved
from utils.curation.comparison import own_form_loss
from utils.curation.fit import text_loss
from utils.evaluation import quotient
from utils.models import load_base


def forward(shift: float = 0.0, rows: int = 30, noise: int = 0) -> Forward:
    chance = np.random.default_rng(noise)
    loss = [(20 + 10 * shift + chance.normal() * 0.1, 10) for _ in range(rows)]
    return Forward.from_dict(
        {"loss": loss, "names": [(1, 2), (0, 0)], "stops": [(1, 1), (0, 1)], "written": ["a", "b"]}
    )


RESULTS = {"start": forward(0.5), "mid": forward(0.3, noise=1), "twin": forward(0.3, noise=2), "end": forward(0)}


def test_less_loss_is_better_and_more_is_worse():
    assert saved(RESULTS, "mid", against="start").value == pytest.approx(0.2, abs=0.02)
    assert better(RESULTS, "mid", against="start").endswith("“mid” is better.")
    assert better(RESULTS, "start", against="mid").endswith("“start” is worse.")


def test_a_difference_that_is_not_settled_is_called_that():
    assert "cannot tell the two apart" in better(RESULTS, "mid", against="twin")


def test_a_share_of_the_way_needs_a_way():
    assert "40% of the way" in part_of_the_way(RESULTS, "mid", start="start", end="end")
    assert part_of_the_way(RESULTS, "mid", start="twin", end="mid").startswith("No share can be given")


def test_the_table_has_a_row_for_each_model_and_intervals():
    table = forward_table(RESULTS, against="start")
    assert list(table.index) == list(RESULTS) and table.loc["start"].iloc[1] == ""
    assert table.loc["mid"].iloc[0].value == pytest.approx(2.3, abs=0.02)
    assert table.loc["mid", "names and dates kept"].value == 0.5 and table.loc["mid", "ends by itself"].value == 0.5


def test_a_result_comes_back_from_a_record():
    one = forward(0.1)
    back = Forward.from_dict(json.loads(json.dumps(one.to_dict())))
    assert back.written == one.written
    for name in ("loss", "names", "stops"):
        assert getattr(back, name).value == getattr(one, name).value


def test_several_seeds_are_one_result_on_the_same_rows():
    both = over_seeds([forward(0.1), forward(0.3)])
    assert both.loss.rows.shape == (2, 30, 2) and both.loss.value == pytest.approx(2.2, abs=0.02)
    assert "better" in better({"a": both, "b": over_seeds([forward(0.5), forward(0.6)])}, "a", against="b")


def test_some_rows_alone_are_those_rows():
    part = of_rows(RESULTS, [True, False] * 15)
    assert part["mid"].loss.rows.tolist() == RESULTS["mid"].loss.rows[::2].tolist()
    assert part["mid"].written == ("a",) and part["mid"].stops.value == 1
    assert "better" in better(part, "mid", against="start")


def test_a_model_is_measured_on_all_pairs_and_writes_to_the_first(trained):  # noqa: F811
    model, tokenizer, _ = load_adapter(trained.adapter)
    slots = [[record.output] for record in RECORDS[:5]]
    found = measure_forward(model, tokenizer, RECORDS[:5], slots, write=3, max_new_tokens=8)
    assert found.loss.rows.shape == (5, 2) and found.names.rows.shape == (3, 2) and len(found.written) == 3
    assert found.loss.value == pytest.approx(text_loss(model, tokenizer, RECORDS[:5]).value)
    with pytest.raises(ValueError, match="5 pairs, 1 lists of slots"):
        measure_forward(model, tokenizer, RECORDS[:5], slots[:1], write=1)


def test_a_base_is_weighed_in_its_own_form_too(trained):  # noqa: F811
    model, tokenizer = load_base(trained.base)
    score = own_form_loss(model, tokenizer, RECORDS[:4])
    assert score.rows.shape == (4, 2) and score.value > 0
    assert (score.rows[:, 1] == text_loss(model, tokenizer, RECORDS[:4]).rows[:, 1]).all()
    assert quotient([(2, 4)]).value == 0.5

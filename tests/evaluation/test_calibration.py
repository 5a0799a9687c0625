"""Probabilities that can be believed: temperature, reliability, and what asking a person costs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

from utils.evaluation import ask_a_person, expected_calibration_error, fit_temperature, reliability

LABELS = ["a", "b", "c", "d"]


def simulated(*, temperature: float, rows: int = 4000, labels=LABELS, seed: int = 0):
    """Log-probabilities that are too sure by `temperature`, and right labels drawn from the honest ones."""
    random = np.random.default_rng(seed)
    honest = random.normal(scale=2, size=(rows, len(labels)))
    right = [labels[random.choice(len(labels), p=row)] for row in softmax(honest, axis=1)]
    logs = log_softmax(honest * temperature, axis=1)
    return [dict(zip(labels, row.tolist(), strict=True)) for row in logs], right


def judged(logs, right, temperature=1.0):
    """How sure each chosen label is at a temperature, and whether it is right."""
    names = list(logs[0])
    sure = softmax(np.array([list(row.values()) for row in logs]) / temperature, axis=1)
    chosen = [names[at] for at in sure.argmax(axis=1)]
    return sure.max(axis=1), [one == other for one, other in zip(chosen, right, strict=True)]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_of_a_simulation_is_found_again_and_mends_it(temperature):
    logs, right = simulated(temperature=temperature)
    found = fit_temperature(logs, right)
    assert found == pytest.approx(temperature, rel=0.07)
    before = expected_calibration_error(*judged(logs, right))
    after = expected_calibration_error(*judged(*simulated(temperature=temperature, seed=1), found))
    assert after < 0.03 and (temperature == 1.0 or before > 2 * after)


def test_log_probabilities_of_answers_need_not_sum_to_one():
    logs, right = simulated(temperature=2.0, rows=500)
    shifted = [{label: log - 40 for label, log in row.items()} for row in logs]
    assert fit_temperature(shifted, right) == pytest.approx(fit_temperature(logs, right), rel=1e-3)


def test_thirty_right_rows_do_not_make_a_model_certain():
    logs = [{"a": -0.05, "b": -3.0}] * 30
    found = fit_temperature(logs, ["a"] * 30)
    sure, _ = judged(logs, ["a"] * 30, found)
    assert sure[0] == pytest.approx(31 / 32, abs=0.005)  # the rule of succession
    assert fit_temperature(logs, ["a"] * 15 + ["b"] * 15) == pytest.approx(20, rel=0.01)  # worth no more than a coin


def test_150_labels_and_one_label_are_calibrated_too():
    logs, right = simulated(temperature=2.0, rows=1500, labels=[f"label_{i}" for i in range(150)])
    assert fit_temperature(logs, right) == pytest.approx(2.0, rel=0.07)
    assert fit_temperature([{"a": -1.0}], ["a"]) > 0


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(ValueError, match="0 rows, 0 labels"):
        fit_temperature([], [])
    with pytest.raises(ValueError, match="1 rows, 2 labels"):
        fit_temperature([{"a": -1.0}], ["a", "a"])
    with pytest.raises(ValueError, match=r"\['z'\] have no log-probability"):
        fit_temperature([{"a": -1.0, "b": -1.0}], ["z"])


def test_a_calibrated_set_has_hardly_an_error_and_one_that_boasts_has():
    random = np.random.default_rng(0)
    sure = random.uniform(0.25, 1, size=20_000)
    right = random.random(20_000) < sure
    assert expected_calibration_error(sure, right) < 0.015
    assert expected_calibration_error(np.full(20_000, 0.99), right) == pytest.approx(0.99 - right.mean(), abs=1e-6)


def test_reliability_by_hand():
    table = reliability([0.92, 0.98, 1.0, 0.55], [True, False, True, False], bins=10)
    assert table["rows"].tolist() == [1, 3] and table["from"].tolist() == [0.5, 0.9]
    assert table["probability"].tolist() == pytest.approx([0.55, 2.9 / 3])
    assert table["accuracy"].tolist() == pytest.approx([0, 2 / 3])
    error = expected_calibration_error([0.92, 0.98, 1.0, 0.55], [True, False, True, False], bins=10)
    assert error == pytest.approx((0.55 + 3 * (2.9 / 3 - 2 / 3)) / 4)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_bins_hold_every_row_and_a_higher_threshold_asks_about_more(rows):
    sure, right = zip(*rows, strict=True)
    table = reliability(sure, right)
    assert table["rows"].sum() == len(rows) and 0 <= expected_calibration_error(sure, right) <= 1
    assert (table["from"] <= table["probability"] + 1e-9).all() and (table["probability"] <= table["to"] + 1e-9).all()
    asked = ask_a_person(sure, right)
    assert asked["asked"].is_monotonic_increasing and asked["unseen mistakes"].is_monotonic_decreasing
    assert asked["asked"][0] == 0 and asked["accuracy of the rest"][0] == pytest.approx(np.mean(right))


def test_asking_about_the_unsure_rows_leaves_the_rest_more_accurate():
    table = ask_a_person(*judged(*simulated(temperature=1.0)))
    assert table["accuracy of the rest"].is_monotonic_increasing and table["asked"].iloc[-1] < 1
    by_hand = ask_a_person([0.4, 0.6, 0.9, 0.8], [False, True, True, False], thresholds=[0.5, 0.85, 0.95])
    assert by_hand["asked"].tolist() == pytest.approx([0.25, 0.75, 1])
    assert by_hand["accuracy of the rest"].tolist() == pytest.approx([2 / 3, 1, float("nan")], nan_ok=True)
    assert by_hand["unseen mistakes"].tolist() == [0.25, 0, 0]


def test_numbers_that_are_no_probabilities_are_refused():
    with pytest.raises(ValueError, match="0 probabilities"):
        reliability([], [])
    with pytest.raises(ValueError, match="2 probabilities, 1 verdicts"):
        ask_a_person([0.1, 0.2], [True])
    with pytest.raises(ValueError, match="between 0 and 1"):
        expected_calibration_error([1.5, 0.2], [True, False])

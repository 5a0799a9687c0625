"""Labels with a probability: only allowed ones, each scored as if it were alone, however many there are."""

import math
from dataclasses import replace

import pytest
import torch
from models_fixture import FAMILIES, RECORDS, TEXTS, Trained, save_model, small_config, small_tokenizer, trained  # noqa: F401

from utils.adapters import load_adapter
from utils.evaluation import fit_temperature
from utils.inference import Choice, answer_tree, classify, generate
from utils.models import load_base
from utils.prompts import ALPACA, REVERSE_INSTRUCTION, encode_prompts
from utils.records import Record

MIXED = [Record("Name it.", " ".join(TEXTS[i : i + i % 4]), "no") for i in range(9)]
MANY = [f"{first}{middle}{last}" for first in ("card", "cash", "a") for middle in "_- xy" for last in "0123456789"]


@pytest.fixture(scope="module", params=FAMILIES)
def base(request, tmp_path_factory):
    """An untrained model whose answers vary with every token of the prompt."""
    return load_base(save_model(tmp_path_factory.mktemp("own") / "base", FAMILIES[request.param]))


def one_by_one(model, tokenizer, prompt, label):
    """The plain way to the log-probability of an answer and EOS after a prompt."""
    end = [*tokenizer("### Response:\n" + label, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    end = end[len(tokenizer("### Response:\n", add_special_tokens=False)["input_ids"]) :]
    with torch.no_grad():
        logs = model(torch.tensor([prompt + end])).logits[0, len(prompt) - 1 : -1].log_softmax(dim=-1)
    return sum(logs[at, token].item() for at, token in enumerate(end))


def test_150_labels_score_as_each_of_them_alone(base):
    model, tokenizer = base
    labels = [*MANY, ""]
    choices = classify(model, tokenizer, MIXED[1:4], ALPACA, labels)
    prompts = encode_prompts(MIXED[1:4], ALPACA, tokenizer)
    alone = [one_by_one(model, tokenizer, prompts[0], label) for label in labels]
    assert list(choices[0].log_probabilities.values()) == pytest.approx(alone, abs=2e-3)
    assert choices[0].label == labels[alone.index(max(alone))] and list(choices[0].probabilities) == labels


def test_a_tree_that_is_too_large_is_computed_in_parts(base, monkeypatch):
    whole = classify(*base, MIXED, ALPACA, MANY[::4], batch_size=4)
    monkeypatch.setattr(answer_tree, "LOGITS", 512 * 7)  # seven tokens at a time
    for one, other in zip(whole, classify(*base, MIXED, ALPACA, MANY[::4], batch_size=4), strict=True):
        assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-3)


def test_the_batch_and_the_order_of_the_labels_change_nothing(base):
    model, tokenizer = base
    one = classify(model, tokenizer, MIXED, ALPACA, MANY[:20])
    other = classify(model, tokenizer, MIXED, ALPACA, MANY[19::-1], batch_size=2)
    for here, there in zip(one, other, strict=True):
        assert here.probabilities == pytest.approx(there.probabilities, abs=1e-4)


def test_probabilities_sum_to_one_and_the_temperature_changes_no_label():
    logs = {"a": -3000.0, "b": -3001.0, "c": -9000.0}  # far below what exp can tell from 0
    for temperature in (0.1, 1.0, 7.0):
        choice = Choice(logs, temperature)
        assert sum(choice.probabilities.values()) == pytest.approx(1) and choice.label == "a"
        assert choice.probability == max(choice.probabilities.values())
    assert Choice(logs).probability == pytest.approx(1 / (1 + math.exp(-1)))
    assert Choice(logs, 7.0).probability < Choice(logs).probability < Choice(logs, 0.1).probability


def test_a_trained_adapter_chooses_what_it_writes_and_can_be_calibrated(trained: Trained):  # noqa: F811
    model, tokenizer, templates = load_adapter(trained.adapter)
    form, names = templates["alpaca"], sorted({record.output for record in RECORDS})
    choices = classify(model, tokenizer, RECORDS, form, names)
    written = [answer.text for answer in generate(model, tokenizer, RECORDS, form, max_new_tokens=12)]
    allowed = [at for at, text in enumerate(written) if text in names]
    prompts = encode_prompts(RECORDS, form, tokenizer)
    assert len(allowed) > 0.9 * len(RECORDS)
    for at in allowed:  # greedy goes by the first token, the choice by the whole label
        chosen, text = choices[at].label, written[at]
        if chosen != text:
            ours, theirs = (one_by_one(model, tokenizer, prompts[at], label) for label in (chosen, text))
            assert ours > theirs - 1e-3
    right = [record.output for record in RECORDS]
    temperature = fit_temperature([choice.log_probabilities for choice in choices], right)
    again = classify(model, tokenizer, RECORDS[:4], form, names, temperature=temperature)
    assert [choice.label for choice in again] == [choice.label for choice in choices[:4]]
    assert again[0].probability == pytest.approx(
        Choice(choices[0].log_probabilities, temperature).probability, abs=1e-4
    )


def test_the_right_answer_is_never_read_and_reworded_answers_are_scored_whole(base):
    model, tokenizer = base
    secret = [replace(record, output="card") for record in MIXED[:2]]
    labels = ["card", "cash"]
    assert classify(model, tokenizer, secret, ALPACA, labels) == classify(model, tokenizer, MIXED[:2], ALPACA, labels)
    worded = replace(ALPACA, name="worded", completion="It is {output}.")
    [choice] = classify(model, tokenizer, MIXED[:1], worded, labels)
    [prompt] = encode_prompts(MIXED[:1], worded, tokenizer)
    alone = [one_by_one(model, tokenizer, prompt, f"It is {label}.") for label in labels]
    assert list(choice.log_probabilities.values()) == pytest.approx(alone, abs=2e-3)


def test_what_cannot_be_weighed_is_refused(base):
    model, tokenizer = base
    assert classify(model, tokenizer, [], ALPACA, ["a"]) == []
    with pytest.raises(ValueError, match=r"\['a'\] are there twice"):
        classify(model, tokenizer, MIXED, ALPACA, ["a", "b", "a"])
    with pytest.raises(ValueError, match="0 answers"):
        classify(model, tokenizer, MIXED, ALPACA, [])
    for wrong in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="above 0"):
            classify(model, tokenizer, MIXED, ALPACA, ["a"], temperature=wrong)
    with pytest.raises(ValueError, match="'reverse_instruction' asks for {instruction}"):
        classify(model, tokenizer, MIXED, REVERSE_INSTRUCTION, ["a"])

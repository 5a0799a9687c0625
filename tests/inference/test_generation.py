"""Answers: the same in a batch as alone, cut off by ids, reproducible, and streamed."""

import threading

import pytest
import torch
from models_fixture import RECORDS, TEXTS, Trained, save_model, small_config, small_tokenizer, trained  # noqa: F401
from transformers import AddedToken, GenerationConfig

from utils.adapters import load_adapter
from utils.inference import generate, stream
from utils.inference.decoding import without_own_settings
from utils.inference.generation import answer_prompts
from utils.models import load_base
from utils.prompts import ALPACA, REVERSE_INSTRUCTION, encode_prompts
from utils.records import Record

# Prompts of very different lengths, in no order
MIXED = [Record(instruction="Name it.", input=" ".join(TEXTS[i : i + i % 5]), output="") for i in range(23)]


@pytest.fixture(scope="module")
def tuned(trained: Trained):  # noqa: F811
    return load_adapter(trained.adapter)


@pytest.fixture(scope="module")
def babbler(tmp_path_factory):
    """An untrained model, whose answers vary with every token of the prompt and seldom end."""
    return load_base(save_model(tmp_path_factory.mktemp("babbler") / "base", small_config(initializer_range=0.3)))


def test_batched_greedy_answers_equal_one_by_one_answers_in_the_order_of_the_records(babbler):
    single = [generate(*babbler, [record], ALPACA, max_new_tokens=20)[0] for record in MIXED]
    assert len({answer.text for answer in single}) > 15
    for batch_size in (4, 64):
        assert generate(*babbler, MIXED, ALPACA, max_new_tokens=20, batch_size=batch_size) == single


def test_right_padding_on_the_tokenizer_does_not_matter(babbler):
    model, tokenizer = babbler
    expected = generate(model, tokenizer, MIXED, ALPACA, max_new_tokens=10)
    side, tokenizer.padding_side = tokenizer.padding_side, "right"
    try:
        assert generate(model, tokenizer, MIXED, ALPACA, max_new_tokens=10) == expected
    finally:
        tokenizer.padding_side = side


def test_a_tuned_model_stops_by_itself_and_the_answer_says_so(tuned):
    model, tokenizer, templates = tuned
    for answer in generate(model, tokenizer, RECORDS[:8], templates["alpaca"], max_new_tokens=20):
        assert answer.stopped
        assert answer.answer_tokens < 20
        assert "</s>" not in answer.text
        assert answer.text == answer.text.strip() != ""


def test_an_answer_that_is_cut_off_says_so(babbler):
    answers = generate(*babbler, MIXED, ALPACA, max_new_tokens=5)
    assert {(a.stopped, a.answer_tokens) for a in answers if not a.stopped} == {(False, 5)}


def test_the_prompt_is_cut_off_by_ids_even_if_it_spells_special_tokens(babbler):
    model, tokenizer = babbler
    record = Record(instruction="Say </s> <pad>  twice", input="", output="")
    [answer] = generate(model, tokenizer, [record], ALPACA, max_new_tokens=8)
    [prompt] = encode_prompts([record], ALPACA, tokenizer)
    whole = model.generate(torch.tensor([prompt]), do_sample=False, max_new_tokens=8, eos_token_id=1, pad_token_id=2)
    assert answer.prompt_tokens == len(prompt)
    assert answer.text == tokenizer.decode(whole[0, len(prompt) :], skip_special_tokens=True)


def test_sampling_is_reproducible_by_seed_and_leaves_the_callers_generator_alone(babbler):
    settings = {"max_new_tokens": 15, "do_sample": True, "temperature": 0.9, "top_p": 0.9}
    torch.manual_seed(7)
    state = torch.get_rng_state()
    first, again, other = (generate(*babbler, MIXED, ALPACA, **settings, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert torch.equal(state, torch.get_rng_state())


def test_a_tiny_nucleus_is_greedy(babbler):
    greedy = generate(*babbler, MIXED, ALPACA, max_new_tokens=10)
    assert generate(*babbler, MIXED, ALPACA, max_new_tokens=10, do_sample=True, top_p=1e-6) == greedy


def test_the_models_own_generation_settings_do_not_leak_in(babbler):
    model, tokenizer = babbler
    expected = generate(model, tokenizer, MIXED, ALPACA, max_new_tokens=10)
    before = model.generation_config.to_dict()
    model.generation_config.update(repetition_penalty=5.0, do_sample=True, temperature=3.0, num_beams=1, top_k=3)
    try:
        assert generate(model, tokenizer, MIXED, ALPACA, max_new_tokens=10) == expected
    finally:
        model.generation_config.update(**before)


# What some model on the Hub has in its generation_config.json, or might have
HABITS = {
    "no cache": {"use_cache": False},
    "no repeats": {"no_repeat_ngram_size": 1},
    "a least length": {"min_new_tokens": 10, "min_length": 200},
    "a forced end": {"forced_eos_token_id": 77},
    "words it must not say": {"suppress_tokens": list(range(3, 300)), "bad_words_ids": [[300], [301]]},
    "haste": {"exponential_decay_length_penalty": [1, 3.0]},
    "several answers": {"num_return_sequences": 2, "do_sample": True},
    "a cache of another kind": {"cache_implementation": "static"},
    "time": {"max_time": 0.0},
    "beams": {"num_beams": 2, "repetition_penalty": 5.0, "renormalize_logits": True},
}


@pytest.mark.parametrize("habit", HABITS)
def test_greedy_is_greedy_whatever_a_model_has_in_its_generation_config(babbler, monkeypatch, habit):
    model, tokenizer = babbler
    ends = list(range(100, 160))  # so many that an untrained model meets one sooner or later; these are taken over
    monkeypatch.setattr(model, "generation_config", GenerationConfig(eos_token_id=ends))
    expected = generate(model, tokenizer, MIXED, ALPACA, max_new_tokens=12)
    assert 3 < sum(answer.stopped for answer in expected) < len(MIXED)
    own = GenerationConfig(**HABITS[habit], eos_token_id=ends)
    monkeypatch.setattr(model, "generation_config", own)
    assert generate(model, tokenizer, MIXED, ALPACA, max_new_tokens=12) == expected
    long = next(row for row, answer in enumerate(expected) if not answer.stopped)
    assert "".join(stream(model, tokenizer, MIXED[long], ALPACA, max_new_tokens=12)) == expected[long].text
    assert model.generation_config is own


def test_a_model_with_an_adapter_has_its_own_settings_back_even_after_an_error(tuned, monkeypatch):
    model, tokenizer, templates = tuned
    expected = generate(model, tokenizer, RECORDS[:8], templates["alpaca"], max_new_tokens=8)
    own = GenerationConfig(no_repeat_ngram_size=1, min_new_tokens=6, eos_token_id=1)
    monkeypatch.setattr(model.get_base_model(), "generation_config", own)
    assert generate(model, tokenizer, RECORDS[:8], templates["alpaca"], max_new_tokens=8) == expected
    with pytest.raises(KeyError), without_own_settings(model):
        assert model.generation_config.min_new_tokens is None and model.generation_config.eos_token_id == 1
        raise KeyError
    assert model.generation_config is own and "generation_config" not in vars(model)


def test_prompts_made_elsewhere_are_answered_too(babbler):
    model, tokenizer = babbler
    prompts = encode_prompts(MIXED, ALPACA, tokenizer)
    assert answer_prompts(model, tokenizer, prompts, max_new_tokens=9) == generate(
        model, tokenizer, MIXED, ALPACA, max_new_tokens=9
    )
    with pytest.raises(ValueError, match="row 1: the prompt has 200 tokens, 156 are allowed"):
        answer_prompts(model, tokenizer, [[3], [3] * 200], max_new_tokens=100)


def test_the_base_answers_beside_the_tuned_model_with_its_adapter_switched_off(tuned, trained: Trained):  # noqa: F811
    model, tokenizer, templates = tuned
    base, _ = load_base(trained.base)
    with model.disable_adapter():
        inside = generate(model, tokenizer, RECORDS[:4], templates["alpaca"], max_new_tokens=10)
    assert inside == generate(base, tokenizer, RECORDS[:4], ALPACA, max_new_tokens=10)
    assert inside != generate(model, tokenizer, RECORDS[:4], templates["alpaca"], max_new_tokens=10)


def test_a_prompt_that_leaves_no_room_for_the_answer_is_refused_by_row(babbler):
    long = Record(instruction="Name it.", input=" ".join(TEXTS), output="")
    with pytest.raises(ValueError, match=r"row 1: the prompt has \d+ tokens, 236 are allowed"):
        generate(*babbler, [RECORDS[0], long], ALPACA, max_new_tokens=20)


@pytest.mark.parametrize("number", [0, 256, 300])
def test_a_number_of_new_tokens_that_cannot_be_is_refused(babbler, number):
    match = f"max_new_tokens is {number}: give a number from 1 to 255"
    with pytest.raises(ValueError, match=match):
        generate(*babbler, RECORDS[:1], ALPACA, max_new_tokens=number)
    with pytest.raises(ValueError, match=match):
        next(stream(*babbler, RECORDS[0], ALPACA, max_new_tokens=number))


def test_a_batch_of_no_rows_is_refused(babbler):
    with pytest.raises(ValueError, match="batch_size is 0"):
        generate(*babbler, RECORDS[:1], ALPACA, batch_size=0)


def test_no_records_give_no_answers(babbler):
    assert generate(*babbler, [], ALPACA) == []


@pytest.mark.parametrize("do_sample", [False, True])
def test_streamed_pieces_join_to_the_generated_text(babbler, do_sample):
    settings = {"max_new_tokens": 30, "do_sample": do_sample, "seed": 3}
    for record in MIXED[:3]:
        pieces = list(stream(*babbler, record, ALPACA, **settings))
        assert len(pieces) > 1
        assert "".join(pieces) == generate(*babbler, [record], ALPACA, **settings)[0].text


def test_an_end_token_that_is_not_special_is_not_streamed(tmp_path):
    """Phi-3's </s> is an ordinary added token; so are ends that a model's own settings name."""
    tokenizer = small_tokenizer()
    tokenizer.add_tokens([AddedToken("<|over|>", special=False)])
    config = small_config(vocab_size=len(tokenizer), initializer_range=0.3)
    model, tokenizer = load_base(save_model(tmp_path / "base", config, tokenizer))
    model.lm_head.weight.data[len(tokenizer) - 1] = model.lm_head.weight.data[:100].mean(dim=0) * 6
    model.generation_config.eos_token_id = [1, len(tokenizer) - 1]
    answers = generate(model, tokenizer, MIXED, ALPACA, max_new_tokens=40)
    ended = [row for row, answer in enumerate(answers) if answer.stopped and answer.text]
    assert ended
    for row in ended[:3]:
        assert "".join(stream(model, tokenizer, MIXED[row], ALPACA, max_new_tokens=40)) == answers[row].text
        assert "<|over|>" not in answers[row].text


def test_who_stops_listening_to_a_stream_stops_the_model(babbler):
    pieces = stream(*babbler, MIXED[4], REVERSE_INSTRUCTION, max_new_tokens=150)
    next(pieces)
    pieces.close()
    assert not [t for t in threading.enumerate() if t.name == "stream"]


def test_an_error_while_streaming_reaches_the_reader(babbler, monkeypatch):
    model, tokenizer = babbler

    def fail(*args, **kwargs):
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(model, "generate", fail)
    with pytest.raises(RuntimeError, match="no such kernel"):
        list(stream(model, tokenizer, MIXED[0], ALPACA))

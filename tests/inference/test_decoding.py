"""Faster decoding changes no answer and leaves the model as it was."""

import logging
from functools import wraps

import pytest
from models_fixture import RECORDS, TEXTS, save_model, small_config
from transformers import GenerationConfig, Lfm2Config, MistralConfig

from utils.inference.decoding import decode
from utils.models import load_base
from utils.prompts import ALPACA, encode_prompts
from utils.records import Record

MIXED = [Record(instruction="Name it.", input=" ".join(TEXTS[i : i + 1 + i % 4]), output="") for i in range(20)]
ENDS = [1, *range(100, 160)]  # so many that an untrained model meets one sooner or later, each row at its own time
GREEDY = GenerationConfig(max_new_tokens=16, do_sample=False, eos_token_id=ENDS, pad_token_id=2)


@pytest.fixture(scope="module")
def babbler(tmp_path_factory):
    return load_base(save_model(tmp_path_factory.mktemp("decoding") / "base", small_config(initializer_range=0.3)))


def up_to_end(ids: list[int]) -> list[int]:
    return ids[: next((i for i, token in enumerate(ids) if token in ENDS), len(ids))]


def test_rows_that_ended_leave_the_batch_and_the_others_go_on_as_if_alone(babbler, monkeypatch):
    model, tokenizer = babbler
    prompts = encode_prompts(MIXED, ALPACA, tokenizer)
    alone = [up_to_end(decode(model, tokenizer, [prompt], GREEDY)[0]) for prompt in prompts]
    assert len({len(ids) for ids in alone}) > 4
    sizes, generate = [], model.generate

    def spy(**settings):
        sizes.append(len(settings["input_ids"]))
        return generate(**settings)

    monkeypatch.setattr(model, "generate", spy)
    together = decode(model, tokenizer, prompts, GREEDY)
    assert [up_to_end(ids) for ids in together] == alone
    assert len(sizes) > 1
    assert sizes == sorted(set(sizes), reverse=True)


def test_the_start_that_all_prompts_share_is_computed_once(babbler, monkeypatch):
    model, tokenizer = babbler
    shapes, forward = [], model.forward

    @wraps(forward)  # generate reads its signature
    def spy(*args, **settings):
        shapes.append(tuple(settings["input_ids"].shape))
        return forward(*args, **settings)

    monkeypatch.setattr(model, "forward", spy)
    prompts = encode_prompts(MIXED, ALPACA, tokenizer)
    decode(model, tokenizer, prompts, GREEDY)
    (one, shared), (rows, rest) = shapes[:2]
    assert (one, rows) == (1, len(prompts))
    assert shared > 20
    assert shared + rest == max(map(len, prompts))


def test_layers_that_see_a_window_only_give_the_same_answers_in_a_batch(tmp_path):
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = MistralConfig(vocab_size=512, num_key_value_heads=2, sliding_window=24, initializer_range=0.3, **shape)
    model, tokenizer = load_base(save_model(tmp_path / "base", config))
    prompts = encode_prompts(MIXED, ALPACA, tokenizer)
    together = decode(model, tokenizer, prompts, GREEDY)
    alone = [decode(model, tokenizer, [prompt], GREEDY)[0] for prompt in prompts]
    assert list(map(up_to_end, together)) == list(map(up_to_end, alone))


def test_layers_with_a_running_state_keep_all_rows_to_the_end(tmp_path, monkeypatch):
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4}
    shape |= {"num_key_value_heads": 2, "full_attn_idxs": [0, 1, 3], "tie_word_embeddings": False}
    config = Lfm2Config(vocab_size=512, initializer_range=0.3, **shape)
    model, tokenizer = load_base(save_model(tmp_path / "base", config))
    prompts, sizes, generate = encode_prompts(MIXED, ALPACA, tokenizer), [], model.generate

    def spy(**settings):
        sizes.append(len(settings["input_ids"]))
        return generate(**settings)

    alone = [decode(model, tokenizer, [prompt], GREEDY)[0] for prompt in prompts]
    monkeypatch.setattr(model, "generate", spy)
    together = decode(model, tokenizer, prompts, GREEDY)
    assert list(map(up_to_end, together)) == list(map(up_to_end, alone))
    assert len({len(up_to_end(ids)) for ids in alone}) > 4
    assert sizes == [len(prompts)]


def test_a_prompt_that_is_the_start_of_another_is_answered_too(babbler):
    model, tokenizer = babbler
    [prompt] = encode_prompts(RECORDS[:1], ALPACA, tokenizer)
    prompts = [prompt, prompt[:-3], prompt]
    alone = [up_to_end(decode(model, tokenizer, [ids], GREEDY)[0]) for ids in prompts]
    assert [up_to_end(ids) for ids in decode(model, tokenizer, prompts, GREEDY)] == alone


def test_nothing_is_passed_in_a_way_that_transformers_warns_of(babbler, caplog, monkeypatch):
    model, tokenizer = babbler
    logger = logging.getLogger("transformers")
    monkeypatch.setattr(logger, "propagate", True)
    caplog.set_level(logging.WARNING, "transformers")
    type(logger).warning_once.cache_clear()  # what an earlier test heard is said again
    decode(model, tokenizer, encode_prompts(MIXED, ALPACA, tokenizer), GREEDY)
    assert not caplog.records

"""Rows in one sequence give the losses of single rows, and what they share stands there once."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from models_fixture import small_config
from transformers import AutoConfig, AutoModelForCausalLM, GPT2Config, MistralConfig

from utils.training.shared_starts import ARCHITECTURES, can_share, losses, pack

SMALL = {
    "vocab_size": 64, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 128, "pad_token_id": 2, "sliding_window": None,
}  # fmt: skip


def row(prompt: list[int], answer: list[int]) -> dict[str, list[int]]:
    return {"input_ids": prompt + answer, "labels": [-100] * len(prompt) + answer}


ROWS = [
    row([1, 5, 6, 7, 8], [20, 1]),
    row([1, 5, 6, 7, 8], [21, 22, 1]),  # the same prompt with another answer
    row([1, 5, 6, 9], [20, 1]),
    row([1, 5, 6, 9, 10, 11], [23, 1]),
    row([30, 31], [32, 33, 34, 1]),
    row([1], [5, 6, 1]),  # an answer that looks like another row's prompt
]


def model_of(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(name, **SMALL)).eval()


@pytest.fixture(scope="module")
def llama():
    return model_of("llama")


@torch.no_grad()
def alone(model, one: dict[str, list[int]]) -> list[float]:
    logits = model(input_ids=torch.tensor([one["input_ids"]])).logits[0, :-1]
    targets = torch.tensor(one["labels"][1:])
    every = torch.nn.functional.cross_entropy(logits, targets, reduction="none", ignore_index=-100)
    return every[targets != -100].tolist()


@torch.no_grad()
def packed(model, rows, **settings) -> list[float]:
    return [loss for each in pack(rows, **settings) for loss in losses(model, each).tolist()]


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_losses_are_those_of_single_rows_on_each_architecture(name):
    model = model_of(name)
    assert can_share(model)
    assert sorted(packed(model, ROWS)) == pytest.approx(sorted(sum((alone(model, r) for r in ROWS), [])), abs=1e-4)


rows_of_ids = st.tuples(
    st.lists(st.integers(3, 6), min_size=1, max_size=6), st.lists(st.integers(3, 6), min_size=1, max_size=4)
).map(lambda sides: row(*sides))


@given(st.lists(rows_of_ids, min_size=1, max_size=8), st.integers(4, 40), st.integers(1, 3))
def test_any_rows_limit_and_parts_give_the_losses_of_single_rows(llama, rows, limit, parts):
    expected = sorted(sum((alone(llama, one) for one in rows), []))
    assert sorted(packed(llama, rows, limit=limit, parts=parts)) == pytest.approx(expected, abs=1e-4)
    sizes = [each["input_ids"].shape[1] for each in pack(rows, limit=limit, parts=parts)]
    assert all(size <= max(limit, 10) for size in sizes)


@given(st.lists(rows_of_ids, min_size=2, max_size=8))
def test_of_two_parts_the_longer_is_as_short_as_any_cut_makes_it(rows):
    def tokens(some) -> int:
        return sum(each["input_ids"].shape[1] for each in pack(some))

    ordered = sorted(rows, key=lambda one: one["input_ids"])
    shortest = min(max(tokens(ordered[:at]), tokens(ordered[at:])) for at in range(1, len(rows)))
    parts = pack(rows, parts=2)
    assert len(parts) == 2
    assert max(each["input_ids"].shape[1] for each in parts) == shortest


def test_gradients_are_those_of_single_rows(llama):
    weight = llama.model.layers[0].self_attn.q_proj.weight
    sum(losses(llama, each).sum() for each in pack(ROWS)).backward()
    together, weight.grad = weight.grad, None
    for one in ROWS:
        losses(llama, pack([one])[0]).sum().backward()
    assert torch.allclose(together, weight.grad, atol=1e-5)
    llama.zero_grad()


def test_gradients_are_the_same_where_activations_are_computed_again():
    model = model_of("llama").train()
    weight = model.model.layers[0].self_attn.q_proj.weight
    sum(losses(model, each).sum() for each in pack(ROWS)).backward()
    kept, weight.grad = weight.grad, None
    model.gradient_checkpointing_enable({"use_reentrant": False})
    sum(losses(model, each).sum() for each in pack(ROWS)).backward()
    assert torch.allclose(kept, weight.grad, atol=1e-6) and kept.abs().sum() > 0


def test_what_rows_share_stands_there_once():
    same = [row([1, *range(5, 25)], [answer, 1]) for answer in (30, 31, 32)]
    [only] = pack(same)
    # 20 of the 21 prompt tokens once; the last one, which predicts the answer, and the answer for each row
    assert only["input_ids"].shape[1] == 20 + 3 * (1 + 2)
    assert only["share"].tolist() == [0.5] * 6


def test_the_shares_of_a_row_sum_to_1():
    assert sum(float(each["share"].sum()) for each in pack(ROWS)) == pytest.approx(len(ROWS))


def test_models_that_see_otherwise_than_through_such_a_mask_are_left_alone():
    window = MistralConfig(**SMALL | {"sliding_window": 16})
    for config in (GPT2Config(vocab_size=64, n_embd=32, n_layer=2, n_head=4), window):
        assert not can_share(AutoModelForCausalLM.from_config(config))
    assert not can_share(AutoModelForCausalLM.from_config(small_config(), attn_implementation="eager"))

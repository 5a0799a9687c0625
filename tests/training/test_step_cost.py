"""What a step costs: the same loss however it is cut, and less kept in memory with fewer rows or with checkpointing."""

import pytest
from peft import LoraConfig, get_peft_model
from transformers import LlamaForCausalLM

from tests.models_fixture import RECORDS, small_config, small_tokenizer
from utils.prompts import ALPACA, encode
from utils.training import step_cost


@pytest.fixture(scope="module")
def model_and_rows():
    rows = encode(RECORDS[:8], ALPACA, small_tokenizer(), max_length=256).rows
    model = LlamaForCausalLM(small_config())
    return get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")), rows


def test_a_step_in_parts_has_the_loss_of_the_whole_and_keeps_less(model_and_rows):
    model, rows = model_and_rows
    whole, parts = (step_cost(model, rows, micro_batch_size=size) for size in (8, 2))
    assert parts.loss == pytest.approx(whole.loss, rel=1e-4)
    assert whole.kept / 5 < parts.kept < whole.kept / 3


def test_checkpointing_keeps_the_inputs_of_the_layers_and_the_loss(model_and_rows):
    model, rows = model_and_rows
    plain, recomputed = (step_cost(model, rows, micro_batch_size=8, checkpointing=on) for on in (False, True))
    assert recomputed.loss == pytest.approx(plain.loss, rel=1e-4)
    assert recomputed.kept < plain.kept / 2
    again = step_cost(model, rows, micro_batch_size=8)
    assert again.kept == pytest.approx(plain.kept, rel=0.05)  # it was switched off; the embeddings keep a gradient


def test_weights_do_not_count_as_kept(model_and_rows):
    model, rows = model_and_rows
    wide = step_cost(model, rows, micro_batch_size=8).kept
    narrow = step_cost(model, rows[:1], micro_batch_size=8).kept
    assert narrow < wide / 4


def test_a_step_of_nothing_is_refused(model_and_rows):
    with pytest.raises(ValueError, match="0 rows, 8 at a time"):
        step_cost(model_and_rows[0], [], micro_batch_size=8)

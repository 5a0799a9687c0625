"""Weights are expanded for a run or an answer only: nothing else changes, and the 4-bit layers come back."""

from pathlib import Path

import psutil
import pytest
import torch
from bitsandbytes.nn import Linear4bit
from models_fixture import Trained, save_model, trained  # noqa: F401
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import nn

from utils.adapters import load_adapter
from utils.models import (
    expanded_for_generation,
    expanded_for_training,
    expansion,
    keep_freed_memory,
    load_base,
    quiet_peft,
)


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return save_model(tmp_path_factory.mktemp("expansion") / "base")


def kinds(model) -> set[type]:
    return {type(module) for name, module in model.named_modules() if name.endswith("_proj")}


def test_the_layers_are_plain_inside_and_the_same_objects_afterwards(base):
    model, _ = load_base(base)
    before = dict(model.named_modules())
    with expanded_for_training(model, torch.float32) as done:
        assert done
        assert kinds(model) == {nn.Linear}
        assert not any(p.requires_grad for name, p in model.named_parameters() if "_proj" in name)
    assert dict(model.named_modules()) == before


def test_outputs_and_input_gradients_are_those_of_the_4_bit_layers(base):
    model, _ = load_base(base)
    ids = torch.arange(5, 25)[None]

    def run() -> tuple[torch.Tensor, torch.Tensor]:
        inputs = model.get_input_embeddings()(ids).detach().requires_grad_()
        logits = model(inputs_embeds=inputs).logits
        logits.square().mean().backward()
        return logits.detach(), inputs.grad

    four_bit = run()
    with expanded_for_training(model, torch.float32):
        plain = run()
    for one, other in zip(four_bit, plain, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)


def test_the_head_is_cast_once_as_autocast_would_cast_it_at_every_step(base):
    model, _ = load_base(base)
    head, ids = model.requires_grad_(False).get_output_embeddings(), torch.arange(5, 25)[None]
    with expanded_for_training(model, torch.bfloat16), torch.autocast("cpu", torch.bfloat16):
        assert model.get_output_embeddings().weight.dtype == torch.bfloat16
        once = model(ids).logits
        model.set_output_embeddings(head)
        assert torch.equal(model(ids).logits, once)
    assert model.get_output_embeddings() is head
    assert head.weight.dtype == model.get_input_embeddings().weight.dtype == torch.float32


def test_where_memory_is_short_the_weights_stay_in_4_bits(base, monkeypatch):
    model, _ = load_base(base)
    layers = [module for module in model.modules() if isinstance(module, Linear4bit)]
    needed = sum(layer.in_features * layer.out_features for layer in layers) * 4

    class Memory:
        available = needed  # of which half may be taken

    monkeypatch.setattr(expansion.psutil, "virtual_memory", Memory)
    with expanded_for_training(model, torch.float32) as done:
        assert not done
        assert kinds(model) == {Linear4bit}
    with expanded_for_training(model, torch.bfloat16) as done:
        assert done


def test_they_come_back_after_an_error_too(base):
    model, _ = load_base(base)
    with pytest.raises(RuntimeError, match="amid training"), expanded_for_training(model, torch.float32):
        raise RuntimeError("amid training")
    assert kinds(model) == {Linear4bit}


@pytest.fixture
def tuned(trained: Trained):  # noqa: F811
    return load_adapter(trained.adapter)


def logits(model):
    with torch.no_grad():
        return model(torch.arange(3, 40)[None]).logits


def slow_layers(model) -> set[type]:
    return {type(layer) for layer in model.modules() if isinstance(layer, Linear4bit | LoraLayer)}


def test_expanded_layers_compute_the_same_and_are_put_back_even_after_an_error(tuned):
    model, _, _ = tuned
    before, layers = logits(model), list(model.modules())
    with pytest.raises(KeyError), expanded_for_generation(model):
        assert not slow_layers(model)
        assert torch.allclose(logits(model), before, atol=1e-4)
        raise KeyError
    assert all(map(lambda a, b: a is b, layers, model.modules()))
    assert torch.equal(logits(model), before)


def test_expanded_layers_of_a_model_with_its_adapter_switched_off_are_the_bases(tuned):
    model, _, _ = tuned
    with model.disable_adapter():
        base = logits(model)
        with expanded_for_generation(model):
            assert torch.allclose(logits(model), base, atol=1e-4)
    assert not torch.allclose(logits(model), base, atol=1e-2)


def test_a_model_too_large_to_expand_stays_in_4_bits(tuned, monkeypatch):
    monkeypatch.setattr(expansion, "EXPANDED_BYTES", 1000)
    before = slow_layers(tuned[0])
    with expanded_for_generation(tuned[0]):
        assert slow_layers(tuned[0]) == before != set()


def test_an_adapter_is_not_rounded_into_16_bit_weights(trained: Trained):  # noqa: F811
    model = load_base(trained.base, quantize=False)[0].bfloat16()
    with quiet_peft():
        model = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    with expanded_for_generation(model):
        assert sum(isinstance(layer, LoraLayer) for layer in model.modules()) == 14


def test_keeping_freed_memory_is_a_request_that_any_system_survives(monkeypatch):
    keep_freed_memory()
    assert psutil.Process().memory_info().rss > 0
    monkeypatch.setattr(expansion.sys, "platform", "darwin")
    keep_freed_memory()

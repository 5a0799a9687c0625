"""Frozen weights are expanded for a run only: gradients stay, and the 4-bit layers come back."""

from pathlib import Path

import psutil
import pytest
import torch
from bitsandbytes.nn import Linear4bit
from models_fixture import save_model
from torch import nn

from utils.models import expanded_for_training, expansion, keep_freed_memory, load_base
from utils.models.expansion import expanded_bytes


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


def test_where_memory_is_short_the_weights_stay_in_4_bits(base, monkeypatch):
    model, _ = load_base(base)
    layers = [module for module in model.modules() if isinstance(module, Linear4bit)]
    needed = sum(layer.in_features * layer.out_features for layer in layers) * 4
    assert expanded_bytes(model, torch.float32) == needed == 2 * expanded_bytes(model, torch.bfloat16)

    class Memory:
        available = needed  # of which half may be taken

    monkeypatch.setattr(expansion.psutil, "virtual_memory", Memory)
    with expanded_for_training(model, torch.float32) as done:
        assert not done
        assert kinds(model) == {Linear4bit}


def test_they_come_back_after_an_error_too(base):
    model, _ = load_base(base)
    with pytest.raises(RuntimeError, match="amid training"), expanded_for_training(model, torch.float32):
        raise RuntimeError("amid training")
    assert kinds(model) == {Linear4bit}


def test_keeping_freed_memory_is_a_request_that_any_system_survives(monkeypatch):
    keep_freed_memory()
    assert psutil.Process().memory_info().rss > 0
    monkeypatch.setattr(expansion.sys, "platform", "darwin")
    keep_freed_memory()

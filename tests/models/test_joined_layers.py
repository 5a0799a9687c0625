"""Layers computed as one operation give what PEFT and transformers give, and are themselves again afterwards."""

from contextlib import nullcontext

import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from transformers import AutoConfig, AutoModelForCausalLM

from utils.models import quiet_peft
from utils.models.joined_layers import GATED, NORMS, joined_layers

SMALL = {
    "vocab_size": 64, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64, "pad_token_id": 2,
}  # fmt: skip
IDS = torch.arange(3, 43).view(2, 20)


def model_of(name: str = "llama", dtype: torch.dtype = torch.float32, **lora) -> torch.nn.Module:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(name, **SMALL), dtype=dtype)
    with quiet_peft():
        config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", **lora)
        model = get_peft_model(model, config)
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()
            if "lora_B" in name:  # zero until something is learned, so that A would have no gradient
                torch.nn.init.normal_(weight, std=0.1)
    return model.train()


def learned(model, ids=IDS, *, joined: bool, autocast: bool = False) -> tuple[torch.Tensor, list[torch.Tensor]]:
    model.zero_grad()
    with joined_layers(model) if joined else nullcontext(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        logits = model(ids).logits.float()
        logits.log_softmax(-1).square().mean().backward()
    return logits.detach(), [weight.grad for weight in model.parameters() if weight.requires_grad]


def changed(model) -> list[torch.nn.Module]:
    return [module for module in model.modules() if "forward" in vars(module)]


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2", "qwen3", "smollm3"])
def test_logits_and_gradients_are_those_of_the_separate_operations(name):
    model = model_of(name)
    logits, gradients = learned(model, joined=False)
    joined_logits, joined_gradients = learned(model, joined=True)
    assert torch.allclose(joined_logits, logits, atol=1e-5)
    assert len(gradients) == 28 and all(gradient.any() for gradient in gradients)
    for one, other in zip(joined_gradients, gradients, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2", "qwen3", "smollm3"])
def test_every_such_part_of_a_layer_is_joined_and_released_even_after_an_error(name):
    model = model_of(name)
    parts = [m for m in model.modules() if isinstance(m, LoraLayer) or type(m) in (*NORMS, *GATED)]
    assert len(parts) >= 2 * (7 + 2 + 1) + 1
    with pytest.raises(KeyError), joined_layers(model):
        assert changed(model) == parts
        raise KeyError
    assert not changed(model)


def test_in_bf16_it_is_as_near_to_fp32_as_the_separate_operations_are():
    exact, rounded = model_of(), model_of(dtype=torch.bfloat16)
    far = {False: 0.0, True: 0.0}
    for ids in torch.arange(3, 63).view(3, 1, 20):
        truth, _ = learned(exact, ids, joined=False)
        for joined in far:
            far[joined] += float(learned(rounded, ids, joined=joined, autocast=True)[0].sub(truth).norm())
    assert 0 < far[True] < 1.25 * far[False]


def test_gradients_of_fp32_adapters_are_fp32_in_a_bf16_model():
    _, gradients = learned(model_of(dtype=torch.bfloat16), joined=True, autocast=True)
    assert {gradient.dtype for gradient in gradients} == {torch.float32}


@pytest.mark.parametrize("lora", [{"lora_dropout": 0.1}, {"use_dora": True}, {"lora_bias": True}])
def test_other_kinds_of_adapter_are_left_alone(lora):
    model = model_of(**lora)
    with joined_layers(model):
        assert not any(isinstance(module, LoraLayer) for module in changed(model))


def test_an_adapter_switched_off_or_merged_stays_so():
    model = model_of()
    logits, _ = learned(model, joined=False)
    with model.disable_adapter(), joined_layers(model), torch.no_grad():
        off = model(IDS).logits
    with model.disable_adapter(), torch.no_grad():
        assert torch.allclose(off, model(IDS).logits, atol=1e-5)
    assert not torch.allclose(off, logits, atol=1e-3)
    model.merge_adapter()
    with joined_layers(model), torch.no_grad():
        assert torch.allclose(model(IDS).logits, logits, atol=1e-4)


def test_weights_that_are_trained_themselves_are_not_joined():
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model("llama", **SMALL))
    with joined_layers(model):
        assert all(type(module) in GATED for module in changed(model))
    assert learned(model, joined=True)[1][1].any()

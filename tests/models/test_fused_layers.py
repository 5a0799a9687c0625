"""Fused layers give what PEFT and transformers give, and are themselves again afterwards."""

from contextlib import nullcontext

import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from transformers import AutoConfig, AutoModelForCausalLM

from utils.models import attention_tree, bytes_beside_weights, expanded_for_training, quiet_peft, saved_for_backward
from utils.models.fused_layers import LAYERS, fused_layers
from utils.training.shared_starts import ARCHITECTURES

SMALL = {
    "vocab_size": 64, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64, "pad_token_id": 2,
}  # fmt: skip
# Two rows of 12 and 16 tokens, of which the first 8 are the same.
POSITIONS = torch.tensor([*range(12), *range(8, 16)])
SEEN = torch.ones(20, 20, dtype=torch.bool).tril()
SEEN[12:, 8:12] = False
PACKED = {"position_ids": POSITIONS[None], "attention_mask": SEEN[None, None], "use_cache": False}
IDS = torch.arange(3, 23)[None]


def model_of(name: str = "llama", dtype: torch.dtype = torch.float32, config=None, **lora) -> torch.nn.Module:
    torch.manual_seed(0)
    small = AutoConfig.for_model(name, **SMALL | (config or {}))
    if name == "smollm3":
        small.no_rope_layers = [1, 0]  # the second layer has no positions
    model = AutoModelForCausalLM.from_config(small, dtype=dtype)
    for parameter in model.parameters():  # biases and norms are zeros and ones as they come
        if parameter.dim() == 1:
            torch.nn.init.normal_(parameter, mean=1, std=0.2)
    with quiet_peft():
        model = get_peft_model(
            model, LoraConfig(**{"r": 4, "target_modules": "all-linear", "task_type": "CAUSAL_LM"} | lora)
        )
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()
            if "lora_B" in name:  # zero until something is learned, so that A would have no gradient
                torch.nn.init.normal_(weight, std=0.1)
    return model.train()


def logits_of(model, ids=IDS) -> torch.Tensor:
    return model(ids, **PACKED, along=attention_tree(SEEN, [11, 19])).logits.float()


def learned(model, ids=IDS, *, fused: bool, autocast: bool = False) -> tuple[torch.Tensor, list[torch.Tensor]]:
    model.zero_grad()
    with fused_layers(model) if fused else nullcontext(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        logits = logits_of(model, ids)
        logits.log_softmax(-1).square().mean().backward()
    return logits.detach(), [weight.grad for weight in model.parameters() if weight.requires_grad]


def alike(some: list[torch.Tensor], others: list[torch.Tensor]) -> bool:
    return all(torch.allclose(one, other, rtol=1e-3, atol=1e-6) for one, other in zip(some, others, strict=True))


def changed(model, kind=LAYERS) -> list[torch.nn.Module]:
    return [module for module in model.modules() if "forward" in vars(module) and isinstance(module, kind)]


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_logits_and_gradients_are_those_of_the_separate_operations(name):
    model = model_of(name)
    logits, gradients = learned(model, fused=False)
    fused_logits, fused_gradients = learned(model, fused=True)
    assert not torch.equal(fused_logits, logits)  # by rounding: it was not the same operations
    assert torch.allclose(fused_logits, logits, atol=1e-5)
    assert len(gradients) == 28 and all(gradient.any() for gradient in gradients)
    assert alike(fused_gradients, gradients)


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_every_layer_is_fused_and_released_even_after_an_error(name):
    model = model_of(name)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    with pytest.raises(KeyError), fused_layers(model):
        assert len(changed(model)) == 2 and len(changed(model, LoraLayer)) == 14
        raise KeyError
    assert not changed(model, torch.nn.Module)
    after = model.state_dict()
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())
    assert len({weight.untyped_storage().data_ptr() for weight in model.parameters()}) == len(list(model.parameters()))


def test_ranks_may_differ_and_scales_may_not():
    ranks = model_of(rank_pattern={"k_proj": 2}, alpha_pattern={"k_proj": 4}, lora_alpha=8)
    assert alike(learned(ranks, fused=True)[1], learned(ranks, fused=False)[1])
    with fused_layers(ranks):
        assert len(changed(ranks)) == 2
    scales = model_of(alpha_pattern={"k_proj": 2})
    with fused_layers(scales):
        assert not changed(scales) and len(changed(scales, LoraLayer)) == 14


def test_in_bf16_it_is_as_near_to_fp32_as_the_separate_operations_are():
    exact, rounded = model_of(), model_of(dtype=torch.bfloat16)
    far = {False: [0.0, 0.0], True: [0.0, 0.0]}
    for ids in torch.arange(3, 63).view(3, 1, 20):
        true_logits, true_gradients = learned(exact, ids, fused=False)
        true_gradients = [gradient.clone() for gradient in true_gradients]
        for fused in far:
            logits, gradients = learned(rounded, ids, fused=fused, autocast=True)
            far[fused][0] += float((logits - true_logits).norm())
            far[fused][1] += sum(float((g - t).norm()) for g, t in zip(gradients, true_gradients, strict=True))
    assert all(0 < ours < 1.25 * other for ours, other in zip(far[True], far[False], strict=True))


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_biases_norms_and_vocabulary_may_be_wider_than_the_weights(name):
    model = model_of(name)
    logits, _ = learned(model, fused=False)
    with expanded_for_training(model, torch.bfloat16), torch.autocast("cpu", torch.bfloat16):
        assert len(changed(model)) == 2
        rounded = logits_of(model)
        rounded.square().mean().backward()
    assert (rounded - logits).norm() < 0.02 * logits.norm()


def test_gradients_of_fp32_adapters_are_fp32_in_a_bf16_model():
    _, gradients = learned(model_of(dtype=torch.bfloat16), fused=True, autocast=True)
    assert {gradient.dtype for gradient in gradients} == {torch.float32}


@pytest.mark.parametrize("lora", [{"lora_dropout": 0.1}, {"use_dora": True}, {"lora_bias": True}])
def test_other_kinds_of_adapter_are_left_alone(lora):
    model = model_of(**lora)
    with fused_layers(model):
        assert not changed(model, torch.nn.Module)


@pytest.mark.parametrize("how", [{"target_modules": ["q_proj", "v_proj"]}, {"config": {"hidden_act": "gelu"}}])
def test_in_other_layers_the_lora_products_are_single_operations(how):
    model = model_of(**how)
    with fused_layers(model):
        assert not changed(model) and len(changed(model, LoraLayer)) == (14 if "config" in how else 4)
    logits, gradients = learned(model, fused=False)
    fused_logits, fused_gradients = learned(model, fused=True)
    assert torch.allclose(fused_logits, logits, atol=1e-5)
    assert alike(fused_gradients, gradients)


def test_an_adapter_switched_off_or_merged_stays_so():
    model = model_of()
    logits, _ = learned(model, fused=False)
    with model.disable_adapter(), fused_layers(model), torch.no_grad():
        assert not changed(model, torch.nn.Module)
        off = logits_of(model)
    with model.disable_adapter(), torch.no_grad():
        assert torch.allclose(off, logits_of(model), atol=1e-5)
    assert not torch.allclose(off, logits, atol=1e-3)
    model.merge_adapter()
    with fused_layers(model), torch.no_grad():
        assert torch.allclose(logits_of(model), logits, atol=1e-4)


def test_weights_that_are_trained_themselves_are_not_fused():
    model = model_of()
    model.get_base_model().model.layers[0].mlp.up_proj.base_layer.weight.requires_grad_()
    with fused_layers(model):
        assert changed(model) == [model.get_base_model().model.layers[1]]
    assert all(gradient.any() for gradient in learned(model, fused=True)[1])


def test_a_padded_batch_goes_layer_by_layer():
    model, ids, results = model_of(), torch.arange(3, 43).view(2, 20), []
    for fused in (False, True):
        model.zero_grad()
        with fused_layers(model) if fused else nullcontext():
            logits = model(ids).logits
            logits.log_softmax(-1).square().mean().backward()
        results.append([logits.detach(), *(weight.grad for weight in model.parameters() if weight.requires_grad)])
    for one, other in zip(*results, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-5)


def test_with_checkpointing_gradients_are_the_same_and_little_is_kept():
    model, kept = model_of(), {}
    _, gradients = learned(model, fused=False)
    model.enable_input_require_grads()
    for checkpointing in (False, True):
        if checkpointing:
            model.gradient_checkpointing_enable()
        with fused_layers(model), saved_for_backward() as found:
            logits = model(IDS, **PACKED).logits
        kept[checkpointing] = bytes_beside_weights(found, model)
        del logits
    assert kept[True] < kept[False] / 2
    assert alike(learned(model, fused=True)[1], gradients)

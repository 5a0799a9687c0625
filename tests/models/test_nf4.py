"""NF4 on a CPU: right gradients, right weights, and a word when bitsandbytes has mended its faults."""

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit, has_avx512bf16, quantize_4bit
from bitsandbytes.nn import Linear4bit
from models_fixture import save_model
from peft import LoraConfig, get_peft_model

from utils.models import load_base, nf4, protect_nf4, quiet_peft

SHAPES = [(224, 224), (608, 224), (224, 608), (128, 64), (6, 10), (3, 7)]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("nf4") / "base")


def expanded_by_hand(packed: torch.Tensor, state) -> torch.Tensor:
    """NF4 by its definition: two codes a byte, high half first; each 64 values of the flat weight share a scale."""
    codes = torch.stack([packed.flatten() >> 4, packed.flatten() & 15], dim=1).flatten()[: state.shape.numel()].long()
    scales = state.absmax.repeat_interleave(state.blocksize)[: len(codes)]
    return (state.code[codes] * scales).view(state.shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_weights_of_every_shape_are_expanded_as_they_were_quantised(shape):
    protect_nf4(torch.nn.Identity())
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    packed, state = quantize_4bit(weight, blocksize=64, quant_type="nf4", compress_statistics=False)
    assert torch.allclose(dequantize_4bit(packed, state), expanded_by_hand(packed, state), atol=1e-6)


@pytest.mark.skipif(torch.backends.cpu.get_cpu_capability() != "AVX512", reason="the fault needs a CPU with AVX512")
def test_without_the_mending_rows_that_are_no_multiple_of_64_come_out_wrong():
    """If this fails, bitsandbytes has mended the fault and `_mend_dequantization` can go."""
    weight = torch.randn(224, 224, generator=torch.Generator().manual_seed(0))
    packed, state = quantize_4bit(weight, blocksize=64, quant_type="nf4", compress_statistics=False)
    mended = list(nf4._mended)
    nf4._mended.clear()
    for library in mended:
        library._destroy()
    try:
        assert not torch.allclose(dequantize_4bit(packed, state), expanded_by_hand(packed, state), atol=0.1)
    finally:
        protect_nf4(torch.nn.Identity())


def adapter_gradients(model, ids) -> torch.Tensor:
    model.zero_grad()
    model.train()
    model(input_ids=ids, labels=ids).loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.requires_grad])


def gradients_before_and_after_eval(base, *, guarded: bool) -> tuple[torch.Tensor, torch.Tensor]:
    model, _ = load_base(base)
    if not guarded:
        for module in model.modules():
            if isinstance(module, Linear4bit):
                module.support_avx512bf16_for_cpu = True
    torch.manual_seed(0)
    with quiet_peft():
        model = get_peft_model(model, LoraConfig(r=8, target_modules="all-linear", init_lora_weights=False))
    ids = torch.randint(3, 500, (4, 32))
    before = adapter_gradients(model, ids)
    with torch.no_grad():
        model.eval()(input_ids=ids)
    return before, adapter_gradients(model, ids)


def test_an_eval_forward_leaves_adapter_gradients_unchanged(base):
    before, after = gradients_before_and_after_eval(base, guarded=True)
    assert torch.equal(before, after)


@pytest.mark.skipif(not has_avx512bf16(), reason="the fault needs a CPU with AVX512-BF16")
def test_without_the_guard_an_eval_forward_spoils_the_gradients(base):
    """If this fails, bitsandbytes has mended the fault and `protect_nf4` can go."""
    before, after = gradients_before_and_after_eval(base, guarded=False)
    assert torch.cosine_similarity(before, after, dim=0) < 0.9


def test_protect_nf4_reaches_every_quantised_layer(base):
    model, _ = load_base(base)
    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = True
    protect_nf4(model)
    assert not any(m.support_avx512bf16_for_cpu for m in model.modules() if isinstance(m, Linear4bit))

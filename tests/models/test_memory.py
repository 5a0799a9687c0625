"""The memory estimate against arithmetic, and against what a real training step holds."""

import json

import pytest
import torch
from models_fixture import save_model, small_config
from peft import LoraConfig, get_peft_model
from peft.helpers import disable_input_dtype_casting
from transformers import GPTNeoXConfig, LlamaConfig, Qwen3Config

from utils.files import ROOT
from utils.models import GIB, MODELS, ModelError, estimate, load_base, quiet_peft
from utils.series.pages import GPU_RESULTS

MEDIUM = {"hidden_size": 256, "intermediate_size": 704, "num_hidden_layers": 4, "num_attention_heads": 8}


def test_llama_2_7b_is_counted_as_its_authors_do():
    full = estimate(LlamaConfig(), method="full")
    assert full.weights == 6_738_415_616 * 4
    assert full.gradients + full.optimizer == 6_738_415_616 * 12
    qlora = estimate(LlamaConfig(), rank=64)
    # 32 layers of 4 × 4096² + 3 × 4096 × 11008 in NF4, the rest in bf16
    assert qlora.weights / GIB == pytest.approx((6_476_005_376 * 0.5159 + 262_410_240 * 2) / GIB, rel=1e-3)
    assert qlora.adapters == 64 * 32 * (4 * 8192 + 3 * (4096 + 11008)) * 4


def test_each_method_needs_less_than_the_one_before():
    full, lora, qlora = (estimate(LlamaConfig(), method=m).total / GIB for m in ("full", "lora", "qlora"))
    assert full > 80 > lora > 12 > qlora


def test_activations_grow_with_the_batch_and_checkpointing_saves_most_of_them():
    one, four = (estimate(LlamaConfig(), batch_size=b, activation_checkpointing=False).activations for b in (1, 4))
    assert four == pytest.approx(4 * one, rel=0.02)
    assert estimate(LlamaConfig(), batch_size=4).activations < four / 8


def real_activations(folder, config, *, batch_size: int, length: int) -> int:
    """What autograd holds after the forward pass of a real NF4 model with fp32 adapters, in bytes."""
    model, _ = load_base(save_model(folder, config))
    with quiet_peft():
        model = get_peft_model(model, LoraConfig(r=8, target_modules="all-linear", task_type="CAUSAL_LM"))
    # load_base computes in fp32 on a CPU; the estimate is for bf16, as on a GPU
    for name, parameter in model.named_parameters():
        if parameter.is_floating_point() and "lora" not in name:
            parameter.data = parameter.data.bfloat16()
    for module in model.modules():
        if hasattr(module, "compute_dtype"):
            module.compute_dtype = torch.bfloat16
    own = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}
    for module in model.modules():
        state = getattr(getattr(module, "weight", None), "quant_state", None)
        if state is not None:
            own |= {state.absmax.data_ptr(), state.code.data_ptr()}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage
        return tensor

    ids = torch.randint(3, 500, (batch_size, length))
    hooks, casts = torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t), torch.autocast("cpu", torch.bfloat16)
    with hooks, casts, disable_input_dtype_casting(model):  # as on a GPU, where PEFT leaves the input to autocast
        model.train().get_base_model().base_model(input_ids=ids, use_cache=False)
    return sum(storage.nbytes() for storage in kept.values())


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(small_config(**MEDIUM, num_key_value_heads=4), id="Llama with grouped queries"),
        pytest.param(Qwen3Config(vocab_size=512, head_dim=32, num_key_value_heads=4, **MEDIUM), id="Qwen3"),
        pytest.param(GPTNeoXConfig(vocab_size=512, **MEDIUM), id="GPT-NeoX"),
    ],
)
@pytest.mark.parametrize(("batch_size", "length"), [(2, 64), (8, 128)])
def test_activations_are_within_10_percent_of_what_a_real_step_holds(tmp_path, config, batch_size, length):
    found = real_activations(tmp_path, config, batch_size=batch_size, length=length)
    expected = estimate(
        config, batch_size=batch_size, length=length, rank=8, activation_checkpointing=False
    ).activations
    assert expected == pytest.approx(found, rel=0.1)


def test_the_estimate_is_close_to_the_peaks_that_a_gpu_showed():
    rows = json.loads((ROOT / GPU_RESULTS).read_text(encoding="utf-8"))["ours"]
    for row in rows:
        how = {"activation_checkpointing": row["activation_checkpointing"], "length": row["length"]}
        how |= {"rank": 64, "labelled": 0.1}  # as in these rows
        found = estimate(MODELS[row["model"]], batch_size=row["rows_at_a_time"], **how).total / GIB
        assert found == pytest.approx(row["peak_gib"], rel=0.1 if "135M" in row["model"] else 0.05), row


def test_only_labelled_tokens_cost_logits():
    every, tenth = (estimate(MODELS["SmolLM2 135M"], labelled=share) for share in (1.0, 0.1))
    assert tenth.logits == pytest.approx(every.logits / 10)
    assert every.total - tenth.total == pytest.approx(0.9 * every.logits)


def test_a_model_that_cannot_be_estimated_says_so_and_ends_nothing_else():
    class Config(LlamaConfig):
        model_type = "perceptron"

    with pytest.raises(ModelError, match="the memory of perceptron cannot be estimated"):
        estimate(Config())


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="method is 'lore': use 'qlora', 'lora' or 'full'"):
        estimate(small_config(), method="lore")


@pytest.mark.parametrize("name", MODELS)
def test_each_published_shape_has_about_as_many_weights_as_its_name_says(name):
    digits, unit = name.rsplit(" ", 1)[1][:-1], name[-1]
    expected = float(digits) * {"M": 1e6, "B": 1e9}[unit]
    assert estimate(MODELS[name], method="full", length=64).weights / 4 == pytest.approx(expected, rel=0.06)

"""Loading a base model: the right precision, the right gradients, and errors that say what to do."""

import ast
import json
import re
import shutil

import pytest
import torch
from bitsandbytes.nn import Linear4bit
from models_fixture import save_model, small_config, small_tokenizer
from peft import LoraConfig, get_peft_model
from transformers import AddedToken, FalconConfig, LlamaForCausalLM

from utils.bundled_model import smollm2
from utils.files import ROOT
from utils.models import (
    BUNDLED,
    Device,
    ModelError,
    find_device,
    load_base,
    load_config,
    location,
    quiet_peft,
    share_in_4_bits,
)  # fmt: skip
from utils.models import base as base_module
from utils.prompts import ALPACA, encode
from utils.records import Record


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("models") / "base")


def test_linear_layers_are_nf4_with_double_quantisation_and_the_head_is_not(base):
    model, _ = load_base(base)
    quantised = {name: module for name, module in model.named_modules() if isinstance(module, Linear4bit)}
    assert len(quantised) == 2 * 7
    assert "lm_head" not in quantised
    state = quantised["model.layers.0.mlp.up_proj"].weight.quant_state
    assert (state.quant_type, state.nested) == ("nf4", True)


def test_full_precision_where_asked(base):
    model, tokenizer = load_base(base, quantize=False)
    assert not any(isinstance(module, Linear4bit) for module in model.modules())
    assert model.dtype == find_device().dtype
    assert not model.training
    assert tokenizer.pad_token_id == 2


@pytest.mark.parametrize(("has_bf16", "half"), [(True, torch.bfloat16), (False, torch.float16)])
def test_a_gpu_computes_in_bf16_where_the_hardware_has_it_and_a_t4_in_fp16(monkeypatch, has_bf16, half):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    # A T4 says yes to is_bf16_supported() as long as emulation counts.
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: has_bf16 or including_emulation
    )
    assert find_device() == Device("cuda", half, half)


@pytest.mark.parametrize(("fast", "autocast"), [(True, torch.bfloat16), (False, None)])
def test_a_cpu_trains_in_bf16_only_if_it_has_instructions_for_it(monkeypatch, fast, autocast):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(base_module, "has_avx512bf16", lambda: fast)
    assert find_device() == Device("cpu", torch.float32, autocast)


def test_apple_mps_falls_back_to_full_precision_with_a_notice(monkeypatch, base):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(base_module, "_device_map", lambda device: {"": "cpu"})  # there is no MPS here to load onto
    with pytest.warns(UserWarning, match="full precision"):
        model, _ = load_base(base)
    assert not any(isinstance(module, Linear4bit) for module in model.modules())


def test_a_relative_folder_is_found_in_the_project_from_anywhere(monkeypatch, tmp_path, base):
    monkeypatch.setattr(location, "ROOT", base.parent)
    monkeypatch.chdir(tmp_path)
    assert load_base("base")[0].config.hidden_size == 64


def test_a_tokenizer_without_pad_pads_with_eos(tmp_path):
    tokenizer = small_tokenizer()
    tokenizer.pad_token = None
    _, loaded = load_base(save_model(tmp_path / "base", tokenizer=tokenizer))
    assert loaded.pad_token_id == loaded.eos_token_id == 1


def without(folder, *names):
    for name in names:
        (folder / name).unlink()


def broken_weights(folder):
    (folder / "model.safetensors").write_bytes(b"no weights")


def unknown_architecture(folder):
    (folder / "config.json").write_text(json.dumps({"model_type": "perceptron"}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: without(f, "config.json"), "not a model folder: no config.json"),
        (lambda f: without(f, "model.safetensors"), "no weights"),
        (lambda f: without(f, "tokenizer.json", "tokenizer_config.json"), "could not be loaded"),
        (broken_weights, "could not be loaded"),
        (unknown_architecture, "could not be loaded.*perceptron"),
        (lambda f: (f / "config.json").rename(f / "adapter_config.json"), "holds an adapter"),
    ],
)
def test_a_folder_that_is_no_model_says_what_is_wrong_with_it(tmp_path, base, damage, message):
    folder = shutil.copytree(base, tmp_path / "copy")
    damage(folder)
    with pytest.raises(ModelError, match=f"(?s){message}"):
        load_base(folder)


def test_a_file_or_a_path_that_does_not_exist_is_not_taken_for_a_hub_name(tmp_path):
    for name in (tmp_path / "nowhere", "./nowhere"):
        with pytest.raises(ModelError, match="not a folder"):
            load_base(name)


def test_the_bundled_model_is_found_by_name_and_place_from_anywhere(monkeypatch, tmp_path, base):
    monkeypatch.setattr(smollm2, "FOLDER", base)
    monkeypatch.setattr(smollm2, "is_ready", lambda: True)
    monkeypatch.chdir(tmp_path)
    for name in ("smollm2-135m", "models/smollm2-135m"):
        assert load_base(name)[0].config._name_or_path == str(base)
    assert load_config().hidden_size == 64


@pytest.mark.parametrize("load", [load_base, load_config])
@pytest.mark.parametrize("name", ["smollm2-135m", "models/smollm2-135m"])
def test_a_missing_bundled_model_names_the_command_that_makes_it(monkeypatch, tmp_path, load, name):
    monkeypatch.setattr(smollm2, "FOLDER", tmp_path / name)
    with pytest.raises(ModelError, match=r"smollm2-135m, has not been prepared yet: run `make model` \(in Colab"):
        load(name)


def test_every_load_says_that_code_from_a_model_is_not_run():
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "utils").rglob("*.py")]
    for path in (ROOT / "notebooks").rglob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        trees += [ast.parse("".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    calls = [call for call in calls if re.fullmatch(r"Auto\w+\.from_(pretrained|config)", ast.unparse(call.func))]
    assert len(calls) >= 8
    for call in calls:
        assert any(ast.unparse(keyword) == "trust_remote_code=False" for keyword in call.keywords), ast.unparse(call)


def test_a_tokenizer_of_another_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match="tokenizer has .* tokens, the model 300 embeddings"):
        load_base(save_model(tmp_path / "base", small_config(vocab_size=300)))


def with_tokens(*tokens: str | AddedToken):
    tokenizer = small_tokenizer()
    tokenizer.add_tokens(list(tokens))
    return tokenizer


def test_a_token_without_an_embedding_is_fine_if_no_text_becomes_it(tmp_path):
    """As in Gemma 3's text models, whose tokenizer knows images."""
    rows = len(small_tokenizer())
    tokenizer = with_tokens(AddedToken("<image_soft_token>", special=True))
    _, loaded = load_base(save_model(tmp_path / "base", small_config(vocab_size=rows), tokenizer))
    record = Record(instruction="Say <image_soft_token>.", output="No <image_soft_token>.")
    [row] = encode([record], ALPACA, loaded, max_length=256).rows
    assert max(row["input_ids"]) < rows


def test_a_token_without_an_embedding_that_text_or_frame_needs_is_refused(tmp_path):
    rows = len(small_tokenizer())
    ordinary, end = with_tokens("Oslo"), with_tokens(AddedToken("<|end|>", special=True))
    end.eos_token = "<|end|>"
    for name, tokenizer in {"'Oslo'": ordinary, "'<|end|>'": end}.items():
        folder = save_model(tmp_path / name.strip("'<|>"), small_config(vocab_size=rows), tokenizer)
        with pytest.raises(ModelError, match=f"and none for {re.escape(name)}: they do not belong"):
            load_base(folder)


def test_a_model_of_which_little_goes_to_4_bits_says_how_much(tmp_path, base):
    config = FalconConfig(vocab_size=512, hidden_size=64, num_hidden_layers=2, num_attention_heads=4)
    with pytest.warns(UserWarning, match="0% of its weights are in 4 bits"):
        model, _ = load_base(save_model(tmp_path / "falcon", config))
    assert share_in_4_bits(model) == 0
    model, _ = load_base(base)
    four, all_ = (
        2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128),
        sum(p.numel() for p in LlamaForCausalLM(model.config).parameters()),
    )
    assert share_in_4_bits(model) == pytest.approx(four / all_)
    with quiet_peft():
        tuned = get_peft_model(model, LoraConfig(r=8, target_modules="all-linear", task_type="CAUSAL_LM"))
    assert share_in_4_bits(tuned) == pytest.approx(four / all_)


def test_offline_an_uncached_name_fails_at_once_and_names_the_bundled_model():
    with pytest.raises(ModelError, match=f"(?s)cannot be reached.*{BUNDLED}"):
        load_base("nobody/nothing")


def test_a_config_is_read_without_weights_and_its_faults_are_explained(tmp_path, base):
    folder = shutil.copytree(base, tmp_path / "copy")
    assert load_config(folder).hidden_size == 64
    unknown_architecture(folder)
    with pytest.raises(ModelError, match=f"(?s)no readable config.json.*perceptron.*{BUNDLED}"):
        load_config(folder)

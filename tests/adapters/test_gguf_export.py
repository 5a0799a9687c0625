import json
import shutil

import gguf
import numpy as np
import pytest
from gguf_fixture import exported  # noqa: F401  (a fixture)
from models_fixture import save_model, small_config, trained  # noqa: F401  (a fixture)
from transformers import AutoTokenizer

from utils.adapters import AdapterError, export_gguf, export_lora


def fields(path):
    return {name: field.contents() for name, field in gguf.GGUFReader(path).fields.items()}


def test_metadata_and_tokenizer_are_the_bases_and_the_template_is_ours(exported):  # noqa: F811
    base, ours = fields(exported.base), fields(exported.f16)
    chat = AutoTokenizer.from_pretrained(exported.merged).chat_template
    assert ours.pop("tokenizer.chat_template") == chat["default"] != base.pop("tokenizer.chat_template")
    assert ours.pop("tokenizer.chat_template.reverse_instruction") == chat["reverse_instruction"]
    assert ours.pop("tokenizer.chat_templates") == ["reverse_instruction"]
    assert ours.pop("general.file_type") == gguf.LlamaFileType.MOSTLY_F16
    assert {name: value for name, value in ours.items() if "GGUF" not in name} == {
        name: value for name, value in base.items() if "GGUF" not in name
    }


def test_a_form_rounds_the_matrices_and_leaves_the_norms(exported, tmp_path):  # noqa: F811
    whole = {tensor.name: tensor for tensor in gguf.GGUFReader(exported.f16).tensors}
    path = export_gguf(exported.merged, tmp_path / "q4_1.gguf", like=exported.base, form="q4_1")
    for file, kind, error in ((exported.q8_0, "Q8_0", 0.01), (path, "Q4_1", 0.15)):
        for tensor in gguf.GGUFReader(file).tensors:
            before = whole[tensor.name].data.astype(np.float32)
            values = gguf.dequantize(tensor.data, tensor.tensor_type)
            vocabulary = tensor.name in ("token_embd.weight", "output.weight")
            expected = "F32" if "norm" in tensor.name else "Q8_0" if vocabulary else kind
            assert tensor.tensor_type.name == expected
            assert np.linalg.norm(values - before) < error * np.linalg.norm(before)
    assert path.stat().st_size < exported.q8_0.stat().st_size < exported.f16.stat().st_size


def test_a_lora_file_says_what_llama_cpp_asks_for(exported):  # noqa: F811
    said = fields(exported.lora)
    assert (said["general.type"], said["adapter.type"], said["adapter.lora.alpha"]) == ("adapter", "lora", 32)
    there = {tensor.name: list(tensor.shape) for tensor in gguf.GGUFReader(exported.base).tensors}
    for tensor in gguf.GGUFReader(exported.lora).tensors:
        place, part = tensor.name.rsplit(".", 1)
        side = {"lora_a": 0, "lora_b": 1}[part]
        assert tensor.shape[side] == there[place][side] and tensor.shape[1 - side] == 16


def test_another_base_is_refused(exported, tmp_path):  # noqa: F811
    from gguf_fixture import write_base_gguf

    deeper = save_model(tmp_path / "deeper", small_config(num_hidden_layers=3))
    other = write_base_gguf(deeper, tmp_path / "deeper.gguf")
    with pytest.raises(AdapterError, match=r"blk\.2\."):
        export_gguf(exported.merged, tmp_path / "x.gguf", like=other)
    narrow = write_base_gguf(
        save_model(tmp_path / "narrow", small_config(num_hidden_layers=1)), tmp_path / "narrow.gguf"
    )
    with pytest.raises(AdapterError, match=r"layers\.1\."):
        export_lora(exported.adapter, tmp_path / "x.gguf", like=narrow)
    assert not list(tmp_path.glob("x.gguf*"))


def test_another_vocabulary_and_another_shape_are_refused(exported, tmp_path):  # noqa: F811
    for key, value, why in (
        ("general.architecture", "qwen2", "convert_hf_to_gguf"),
        ("tokenizer.ggml.tokens", ["a", "b"], "vocabulary"),
    ):
        writer = gguf.GGUFWriter(tmp_path / f"{why}.gguf", value if key.endswith("architecture") else "llama")
        writer.add_token_list(value if key.endswith("tokens") else [])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        with pytest.raises(AdapterError, match=why):
            export_gguf(exported.merged, tmp_path / "x.gguf", like=tmp_path / f"{why}.gguf")


def test_what_a_gguf_adapter_cannot_hold_is_refused(exported, tmp_path):  # noqa: F811
    folder = shutil.copytree(exported.adapter, tmp_path / "dora")
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {"use_dora": True}))
    with pytest.raises(AdapterError, match="dora was trained with use_dora.*merge it"):
        export_lora(folder, tmp_path / "x.gguf", like=exported.base)

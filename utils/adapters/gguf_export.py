"""GGUF files for llama.cpp and what is built on it: the merged model, or the adapter alone for the base's own file.

The base's GGUF file says how the model is put together and how text becomes tokens; that is carried over. The chat
template is the adapter's. Llama-shaped models only: others need llama.cpp's own converter, which reads the folder that
`export_merged` writes.
"""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import gguf
from gguf import GGMLQuantizationType as Kind
from transformers import AutoTokenizer

from utils.adapters.checks import AdapterError, read_adapter
from utils.adapters.gguf_tensors import lora_tensors, model_tensors, open_weights, write_tensors
from utils.bundled_model import smollm2
from utils.files import read_json

_FORMS = {
    "f16": (gguf.LlamaFileType.MOSTLY_F16, Kind.F16),
    "q8_0": (gguf.LlamaFileType.MOSTLY_Q8_0, Kind.Q8_0),
    "q4_1": (gguf.LlamaFileType.MOSTLY_Q4_1, Kind.Q4_1),
}
# What a GGUF adapter cannot say: it holds two matrices a layer, and one alpha for all of them.
_NOT_IN_GGUF = ("use_dora", "use_qalora", "lora_bias", "rank_pattern", "alpha_pattern", "modules_to_save")


def export_gguf(
    folder: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    like: str | os.PathLike[str] | None = None,
    form: Literal["f16", "q8_0", "q4_1"] = "f16",
) -> Path:
    """Write a merged model as one GGUF file, tensor by tensor.

    Args:
        folder: what `export_merged` wrote.
        like: the base's GGUF file, of any precision; its metadata and its tokenizer carry over. None is the bundled
            model's.
        form: 16, 8.5 or 5 bits a weight. Norms stay in 32 bits, and in "q4_1" the embeddings have 8.5.

    Raises:
        AdapterError: another model than that of `like`, or one of another shape than Llama's.
    """
    folder, reader = Path(folder), _read(like or smollm2.find_gguf())
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    ours = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    if ours != reader.get_field("tokenizer.ggml.tokens").contents()[: len(ours)]:
        raise AdapterError(f"{folder.name} has another vocabulary than its base's GGUF file: pass the base's as like=")
    file_type, kind = _FORMS[form]
    with ExitStack() as stack:
        weights = open_weights(folder, stack)
        tensors = list(model_tensors(weights, reader, kind))
        writer = gguf.GGUFWriter(None, "llama")
        for field in reader.fields.values():
            if not field.name.startswith(("GGUF.", "general.architecture", "general.file_type", "tokenizer.chat_")):
                items = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
                writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=items)
        writer.add_file_type(file_type)
        if chat := tokenizer.chat_template:
            several = isinstance(chat, dict)
            writer.add_chat_template([{"name": n, "template": c} for n, c in chat.items()] if several else chat)
        return write_tensors(writer, path, tensors)


def export_lora(
    folder: str | os.PathLike[str], path: str | os.PathLike[str], *, like: str | os.PathLike[str] | None = None
) -> Path:
    """Write an adapter as a GGUF file of its own, which llama.cpp adds to the base's GGUF file when it loads it.

    Mind that the base's file has its own rounding: the adapter was trained beside 4-bit NF4 weights. It carries no chat
    template either, so the server has to be told the adapter's.

    Args:
        folder: what `save_adapter` wrote.
        like: the base's GGUF file; None is the bundled model's.

    Raises:
        AdapterError: no adapter, one that GGUF has no words for, or one of another model than that of `like`.
    """
    folder, reader = Path(folder), _read(like or smollm2.find_gguf())
    read_adapter(folder)
    config = read_json(folder / "adapter_config.json")
    if beyond := [key for key in _NOT_IN_GGUF if config.get(key)]:
        raise AdapterError(
            f"{folder.name} was trained with {', '.join(beyond)}, which a GGUF adapter cannot hold: merge it"
        )
    writer = gguf.GGUFWriter(None, "llama")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    # llama.cpp scales by alpha / rank, whatever PEFT did.
    alpha = config["lora_alpha"] * (config["r"] ** 0.5 if config.get("use_rslora") else 1)
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(alpha))
    with ExitStack() as stack:
        return write_tensors(writer, path, list(lora_tensors(open_weights(folder, stack), reader)))


def _read(like: str | os.PathLike[str]) -> gguf.GGUFReader:
    reader = gguf.GGUFReader(like)
    if (shape := reader.get_field("general.architecture").contents()) != "llama":
        raise AdapterError(
            f"{Path(like).name} is a model of the shape {shape!r}, and only 'llama' is written here: run llama.cpp's "
            "convert_hf_to_gguf.py on the folder that export_merged wrote"
        )
    return reader

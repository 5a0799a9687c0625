"""The tensors of a GGUF file: their names in llama.cpp, the order of their rows there, and how they are written.

Models of Llama's shape only; the metadata are written by `gguf_export`.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind
from safetensors import safe_open

from utils.adapters.checks import AdapterError


class Tensor(NamedTuple):
    """A tensor of the new file; its values are read when they are written."""

    name: str
    shape: list[int]
    kind: Kind
    read: Callable[[], np.ndarray]


def open_weights(folder: Path, stack: ExitStack) -> dict[str, safe_open]:
    """The open file for each tensor; weights of a large model are in several."""
    files = [stack.enter_context(safe_open(path, "pt")) for path in sorted(folder.glob("*.safetensors"))]
    return {name: file for file in files for name in file.keys()}  # noqa: SIM118  (it is not a dictionary)


def model_tensors(weights: dict[str, safe_open], reader: gguf.GGUFReader, kind: Kind) -> Iterator[Tensor]:
    """A merged model's tensors; `reader` holds those of its base.

    Raises:
        AdapterError: a tensor that only one of the two has.
    """
    places = {_place(name, reader): name for name in weights}
    there = {tensor.name: tensor for tensor in reader.tensors}
    if differ := sorted(map(str, (places.keys() ^ there.keys()) - {"rope_freqs.weight", "output.weight"})):
        raise AdapterError(f"{differ[0]} is in only one of the two models: pass the base's GGUF file as like=")
    for place, name in places.items():
        shape = weights[name].get_slice(name).get_shape()
        coarse = place in ("token_embd.weight", "output.weight") and kind == Kind.Q4_1
        chosen = Kind.F32 if len(shape) == 1 else Kind.Q8_0 if coarse else kind
        yield Tensor(place, shape, chosen, partial(_values, weights[name], name, _heads(place, reader)))
    if rope := there.get("rope_freqs.weight"):  # Llama 3's; transformers computes it
        yield Tensor(rope.name, list(rope.data.shape), Kind.F32, lambda: rope.data)


def lora_tensors(weights: dict[str, safe_open], reader: gguf.GGUFReader) -> Iterator[Tensor]:
    """The two matrices of each layer of an adapter; `reader` holds the base's tensors.

    Raises:
        AdapterError: a layer that the base does not have, or has in another size.
    """
    there = {tensor.name: list(tensor.shape)[::-1] for tensor in reader.tensors}
    for name, file in weights.items():  # "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
        layer, _, part = name.removesuffix(".weight").removeprefix("base_model.model.").rpartition(".")
        place, shape = _place(f"{layer}.weight", reader), file.get_slice(name).get_shape()
        first = part == "lora_A"
        if place not in there or there[place][first] != shape[first]:
            raise AdapterError(
                f"{layer} is not a layer of this GGUF file, or has another size: pass the base's own file"
            )
        heads = None if first else _heads(place, reader)
        yield Tensor(f"{place}.{part.lower()}", shape, Kind.F32, partial(_values, file, name, heads))


def _place(name: str, reader: gguf.GGUFReader) -> str | None:
    """A weight's name in GGUF."""
    return _name_map(reader.get_field("llama.block_count").contents()).get_name(name, try_suffixes=(".weight", ".bias"))


@lru_cache(maxsize=1)
def _name_map(blocks: int) -> gguf.TensorNameMap:
    return gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, blocks)


def _heads(place: str, reader: gguf.GGUFReader) -> int | None:
    """How many heads share a weight whose rows llama.cpp has in another order."""
    field = {"attn_q": "head_count", "attn_k": "head_count_kv"}.get(place.split(".")[-2])
    return field and reader.get_field(f"llama.attention.{field}").contents()


def _values(file: safe_open, name: str, heads: int | None) -> np.ndarray:
    values = file.get_tensor(name).float().numpy()
    if heads is None:
        return values
    # A rotation turns pairs of dimensions: (i, i + half of the head) in transformers, neighbours in llama.cpp.
    pairs = values.reshape(heads, 2, len(values) // heads // 2, -1)
    return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(values.shape)


def write_tensors(writer: gguf.GGUFWriter, path: str | os.PathLike[str], tensors: Iterable[Tensor]) -> Path:
    """Header first, then the values one by one, so that a large model need not fit into memory.

    Raises:
        AdapterError: a row that cannot be cut into the blocks of its kind.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_file = path.with_name(f"{path.name}.part")
    for tensor in tensors:
        in_block, size = gguf.GGML_QUANT_SIZES[tensor.kind]
        if tensor.shape[-1] % in_block:
            raise AdapterError(
                f"{tensor.name} has rows of {tensor.shape[-1]}, not a multiple of {in_block}: use form='f16'"
            )
        count = int(np.prod(tensor.shape)) // in_block * size
        writer.add_tensor_info(tensor.name, tensor.shape, np.dtype(np.float32), count, raw_dtype=tensor.kind)
    try:
        writer.write_header_to_file(partial_file)
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for tensor in tensors:
            writer.write_tensor_data(gguf.quantize(tensor.read(), tensor.kind))
        writer.close()
        os.replace(partial_file, path)
    finally:
        partial_file.unlink(missing_ok=True)
    return path

"""Decoder layers are computed as two operations each for a while, for training LoRA on packed sequences on a CPU.

PEFT and autograd make three hundred operations of a layer; with a small model their number, and the memory that they
read and write, is what a step costs. Results stay what they were, up to rounding. `residual_branch` has the arithmetic.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from peft.tuners.lora import LoraLayer
from torch import nn
from transformers.models.llama.modeling_llama import LlamaDecoderLayer
from transformers.models.mistral.modeling_mistral import MistralDecoderLayer
from transformers.models.qwen2.modeling_qwen2 import Qwen2DecoderLayer
from transformers.models.qwen3.modeling_qwen3 import Qwen3DecoderLayer
from transformers.models.smollm3.modeling_smollm3 import SmolLM3DecoderLayer

from utils.models.residual_branch import Branch, Joined, Product, attention, gate

LAYERS = (LlamaDecoderLayer, MistralDecoderLayer, Qwen2DecoderLayer, Qwen3DecoderLayer, SmolLM3DecoderLayer)


@contextmanager
def fused_layers(model: nn.Module) -> Iterator[None]:
    """Inside the block a model on a CPU computes its decoder layers so, where nothing but plain LoRA on all of their
    linear layers is trained. Elsewhere each linear layer with plain LoRA is one operation; others stay as they are."""
    linear = [layer for layer in model.modules() if isinstance(layer, LoraLayer) and _is_plain(layer)]
    layers = [layer for layer in model.modules() if type(layer) in LAYERS and _can_fuse(layer)]
    try:
        for layer in layers:
            layer.forward = _layer_forward(layer)
        for layer in linear:
            layer.forward = _linear_forward(layer)
        yield
    finally:
        for layer in layers + linear:
            vars(layer).pop("forward", None)
        for layer in linear:  # a tensor of its own again
            layer.base_layer.weight.data = layer.base_layer.weight.data.clone()


def _linear(layer: nn.Module) -> list[nn.Module]:
    attention, mlp = layer.self_attn, layer.mlp
    inner = [attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj]
    return [*inner, mlp.gate_proj, mlp.up_proj, mlp.down_proj]


def _can_fuse(layer: nn.Module) -> bool:
    linear = _linear(layer)
    if not all(isinstance(one, LoraLayer) and _is_plain(one) for one in linear):
        return False
    scales = {one.scaling[one.active_adapters[0]] for one in linear}
    norms = [norm.weight for norm in layer.modules() if hasattr(norm, "variance_epsilon")]
    return all(map(_is_frozen, norms)) and len(scales) == 1 and layer.mlp.config.hidden_act == "silu"


def _is_plain(layer: LoraLayer) -> bool:
    """Whether a layer is a frozen linear one on a CPU with one adapter beside it, and nothing else."""
    if type(layer.base_layer) is not nn.Linear or len(layer.active_adapters) != 1:
        return False
    if layer.merged or layer.disable_adapters or layer.lora_variant:
        return False
    [name] = layer.active_adapters
    if name not in layer.lora_A or layer.lora_bias[name] or not isinstance(layer.lora_dropout[name], nn.Identity):
        return False
    return all(map(_is_frozen, layer.base_layer.parameters()))


def _is_frozen(weight: torch.Tensor) -> bool:
    return weight.device.type == "cpu" and not weight.requires_grad


def _joined(*layers: LoraLayer) -> Joined:
    [name], plain = layers[0].active_adapters, [layer.base_layer for layer in layers]
    weight = torch.cat([one.weight.data for one in plain]) if len(plain) > 1 else plain[0].weight.data
    for one, part in zip(plain, weight.split([len(one.weight) for one in plain]), strict=True):
        one.weight.data = part  # no second copy in memory
    bias = None if plain[0].bias is None else torch.cat([one.bias.data for one in plain]).to(weight.dtype)
    a, b = ([getattr(layer, of)[name].weight for layer in layers] for of in ("lora_A", "lora_B"))
    return Joined(weight, bias, layers[0].scaling[name], a, b)


def _linear_forward(layer: LoraLayer) -> Callable[..., torch.Tensor]:
    """The forward pass to give to a linear layer."""
    joined = _joined(layer)
    return lambda x: Product.apply(x, joined, *joined.adapters())


def _layer_forward(layer: nn.Module) -> Callable[..., torch.Tensor]:
    """The forward pass to give to a decoder layer."""
    heads_of = layer.self_attn
    q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj = _linear(layer)
    into, out = _joined(q_proj, k_proj, v_proj), _joined(o_proj)
    up, down = _joined(gate_proj, up_proj), _joined(down_proj)
    size, scale = heads_of.head_dim, heads_of.scaling
    heads, groups = (len(one.base_layer.weight) // size for one in (q_proj, k_proj))
    has_positions = getattr(heads_of, "use_rope", True)
    norm = None
    if hasattr(heads_of, "q_norm"):
        each = [heads_of.q_norm.weight.expand(heads, size), heads_of.k_norm.weight.expand(groups, size)]
        norm = torch.cat(each).data, heads_of.q_norm.variance_epsilon
    norms = [(one.weight, one.variance_epsilon) for one in (layer.input_layernorm, layer.post_attention_layernorm)]

    def forward(stream, along=None, position_embeddings=None, **others):
        if along is None or (layer.gradient_checkpointing and layer.training):  # it saves memory, which this does not
            return type(layer).forward(layer, stream, position_embeddings=position_embeddings, **others)
        rotary = tuple(one[0] for one in position_embeddings) if has_positions else None
        attended = partial(attention, along=along, rotary=rotary, norm=norm, groups=groups, size=size, scale=scale)
        [x] = stream
        x = Branch.apply(x, norms[0], into, attended, out, *into.adapters(), *out.adapters())
        return Branch.apply(x, norms[1], up, gate, down, *up.adapters(), *down.adapters())[None]

    return forward

"""Generate fast: 4-bit weights are expanded once per call rather than once per token, and rows that ended make room.

Neither changes an answer. Greedy is greedy for every model: what its own `generation_config` asks for is left out.
What this module does not do: make prompts, read answers (`generation`), or decode speculatively.
"""

import copy
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import RLock

import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch import nn
from transformers import DynamicCache, GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase, StoppingCriteriaList
from transformers.cache_utils import DynamicLayer, LinearAttentionCacheLayerMixin

EXPANDED_BYTES = 2 * 2**30  # a model that would take more stays in 4 bits
_FEW = 8  # rows; with fewer, a step takes hardly less time
_SETTINGS = RLock()  # a model has its settings once, whoever generates with it

Place = tuple[nn.Module, str, nn.Module]  # a layer, and where it hangs


@contextmanager
def expanded(model: PreTrainedModel | PeftModel) -> Iterator[None]:
    """Inside the block, 4-bit layers and LoRA layers are plain ones; afterwards they are what they were.

    A 4-bit layer expands its weights at every call, and LoRA adds two products: with a small model, most of the time of
    a token. The plain weights are those that the layer computes with. A LoRA update is added to them if they are fp32;
    in 16 bits the sum would round most of it away, so there it stays beside them. For inference only; switch adapters
    on or off outside the block.
    """
    places = list(_places(model))
    if sum(layer.in_features * layer.out_features for *_, layer in places) * model.dtype.itemsize > EXPANDED_BYTES:
        places = []
    for parent, name, layer in places:
        setattr(parent, name, _plain(layer))
    try:
        yield
    finally:
        for parent, name, layer in places:
            setattr(parent, name, layer)


@contextmanager
def without_own_settings(model: PreTrainedModel | PeftModel) -> Iterator[None]:
    """Inside the block the model has a fresh `generation_config` with its ends; afterwards it has its own again.

    `generate` fills whatever a config leaves open from the model's own: a ban on repetition, a minimal length, no
    cache. Some of it cannot be switched off by a value, so what there is to fill in has to be nothing.
    """
    parts = [model, model.get_base_model()] if isinstance(model, PeftModel) else [model]
    parts = [part for part in parts if "generation_config" in vars(part)]
    with _SETTINGS:
        before = [part.generation_config for part in parts]
        for part in parts:
            part.generation_config = GenerationConfig(eos_token_id=part.generation_config.eos_token_id)
        try:
            yield
        finally:
            for part, config in zip(parts, before, strict=True):
                part.generation_config = config


def lay_out(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Sequence[int]]
) -> tuple[torch.Tensor, torch.Tensor, DynamicCache | None]:
    """Prompts as one batch: ids and attention mask of shape (rows, width), and a cache of the start that all share.

    The cache is None where nothing is shared; else its length says how many columns are already in it.
    """
    start, cache = _shared_start(model, prompts)
    rest = {"input_ids": [prompt[len(start) :] for prompt in prompts]}
    padded = tokenizer.pad(rest, padding_side="left", return_tensors="pt").to(model.device)
    known = torch.tensor(start, dtype=torch.long, device=model.device).expand(len(prompts), -1)
    ids = torch.cat([known, padded["input_ids"]], dim=1)
    return ids, torch.cat([torch.ones_like(known), padded["attention_mask"]], dim=1), cache


@torch.no_grad()
def decode(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[int]],
    config: GenerationConfig,
) -> list[list[int]]:
    """The ids that follow each prompt: at most `config.max_new_tokens`; behind an end token, if any, is padding.

    `model.generate` computes every row until the last one has ended. Here it pauses whenever half of them have, and
    goes on with the others and their part of the cache, where the cache has parts.
    """
    ids, mask, cache = lay_out(model, tokenizer, prompts)
    width, ends = ids.shape[1], torch.tensor(config.eos_token_id, device=ids.device)
    rows, answers = list(range(len(prompts))), [[] for _ in prompts]
    limited = copy.copy(config)  # the length of prompt and answer, which stays the same when the rows go on
    limited.max_new_tokens, limited.max_length = None, width + config.max_new_tokens
    limited.return_dict_in_generate = True

    def ended(ids: torch.Tensor) -> torch.Tensor:
        return torch.isin(ids[:, width:], ends).any(dim=1)

    def half_ended(ids: torch.Tensor, scores: torch.Tensor, **_) -> torch.Tensor:
        return (ended(ids).float().mean() >= 0.5).expand(len(ids))

    pauses = not has_running_state(model)
    while rows:
        with without_own_settings(model):
            out = model.generate(
                input_ids=ids,
                attention_mask=mask,
                past_key_values=cache,
                generation_config=limited,
                stopping_criteria=StoppingCriteriaList([half_ended] if pauses and len(rows) > _FEW else []),
            )
        new = out.sequences.shape[1] - ids.shape[1]
        for row, written in zip(rows, out.sequences[:, width:].tolist(), strict=True):
            answers[row] = written
        going_on = (~ended(out.sequences)).nonzero().flatten()
        if out.sequences.shape[1] == limited.max_length or not len(going_on):
            break
        rows = [rows[i] for i in going_on.tolist()]
        ids, mask = out.sequences[going_on], nn.functional.pad(mask, (0, new), value=1)[going_on]
        cache = out.past_key_values
        cache.batch_select_indices(going_on)
    return answers


def _new_cache(model: PreTrainedModel) -> DynamicCache:
    """The empty cache that `generate` would make, with a layer for each of the model's."""
    return DynamicCache(config=model.config.get_text_config(decoder=True))


def has_running_state(model: PreTrainedModel) -> bool:
    """Whether layers sum up what they read (Mamba, LFM2): such a cache cannot give up rows, or go on in two ways."""
    return any(isinstance(layer, LinearAttentionCacheLayerMixin) for layer in _new_cache(model).layers)


def _shared_start(
    model: PreTrainedModel, prompts: Sequence[Sequence[int]]
) -> tuple[Sequence[int], DynamicCache | None]:
    """The ids that all prompts begin with (a template's preamble, often an instruction), and their keys and values.

    Padding then stands behind them rather than at the left, which only rotary positions, counted without padding, and
    layers that see everything before them don't notice.
    """
    start = os.path.commonprefix([list(prompt)[:-1] for prompt in prompts])
    cache, rotary = _new_cache(model), getattr(model.config.get_text_config(), "rope_parameters", None)
    if len(prompts) == 1 or not start or not rotary or any(type(layer) is not DynamicLayer for layer in cache.layers):
        return [], None
    model(input_ids=torch.tensor([start], device=model.device), past_key_values=cache, use_cache=True)
    cache.batch_repeat_interleave(len(prompts))
    return start, cache


def _places(parent: nn.Module) -> Iterator[Place]:
    for name, layer in parent.named_children():
        if _can_expand(layer) or _can_fold(layer):
            yield parent, name, layer
        else:
            yield from _places(layer)


def _can_expand(layer: nn.Module) -> bool:
    return isinstance(layer, Linear4bit) and layer.compute_dtype in (None, layer.weight.quant_state.dtype)


def _can_fold(layer: nn.Module) -> bool:
    """Whether `layer` is a linear one with plain LoRA beside it, and precise enough to hold the sum."""
    if not isinstance(layer, LoraLayer) or not isinstance(layer.base_layer, nn.Linear):
        return False
    if layer.merged or layer.lora_variant or any(layer.lora_bias.values()):
        return False
    weight = layer.base_layer.weight
    return (weight.quant_state if _can_expand(layer.base_layer) else weight).dtype == torch.float32


def _plain(layer: nn.Module) -> nn.Linear:
    """A linear layer that computes what `layer`, with its active adapters, computes."""
    base = layer.base_layer if isinstance(layer, LoraLayer) else layer
    weight = dequantize_4bit(base.weight.data, base.weight.quant_state) if isinstance(base, Linear4bit) else base.weight
    if isinstance(layer, LoraLayer) and not layer.disable_adapters:
        for adapter in layer.active_adapters:
            if adapter in layer.lora_A:
                weight = weight + layer.get_delta_weight(adapter).to(weight.dtype)
    with torch.device("meta"):
        plain = nn.Linear(layer.in_features, layer.out_features, bias=False)
    plain.weight, plain.bias = nn.Parameter(weight.data, requires_grad=False), base.bias
    return plain.eval()

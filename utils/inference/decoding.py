"""Generate fast: what prompts begin with is read once, and rows that ended make room for the others.

Neither changes an answer. Greedy is greedy for every model: what its own `generation_config` asks for is left out.
"""

import copy
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import RLock

import torch
from peft import PeftModel
from torch import nn
from transformers import (
    DynamicCache,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    StoppingCriteriaList,
    TextIteratorStreamer,
)
from transformers.cache_utils import DynamicLayer, LinearAttentionCacheLayerMixin

_FEW = 8  # rows; with fewer, a step takes hardly less time
_SETTINGS = RLock()  # a model has its settings once, whoever generates with it
AS_TEXT = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}  # how ids become an answer


class UpToEnd(TextIteratorStreamer):
    """The text of an answer piece by piece, without the token that ends it, which not every tokenizer calls special."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, ends: Sequence[int]) -> None:
        super().__init__(tokenizer, skip_prompt=True, **AS_TEXT)
        self.ends = ends

    def put(self, value: torch.Tensor) -> None:
        if self.next_tokens_are_prompt or int(value) not in self.ends:
            super().put(value)


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
    """The ids that follow each prompt: at most `config.max_new_tokens`; after an end token, if any, comes padding.

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

    Padding then stands after them rather than at the left, which only rotary positions, counted without padding, and
    layers that see everything before them don't notice.
    """
    start = os.path.commonprefix([list(prompt)[:-1] for prompt in prompts])
    cache, rotary = _new_cache(model), getattr(model.config.get_text_config(), "rope_parameters", None)
    if len(prompts) == 1 or not start or not rotary or any(type(layer) is not DynamicLayer for layer in cache.layers):
        return [], None
    model(input_ids=torch.tensor([start], device=model.device), past_key_values=cache, use_cache=True)
    cache.batch_repeat_interleave(len(prompts))
    return start, cache

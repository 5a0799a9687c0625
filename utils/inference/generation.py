"""Let a model answer: in batches or piece by piece, greedy or sampled. Adapters are loaded by `utils.adapters`.

The prompt is the masked part of a training row, made by the same call (`encode_prompts`), and answers are cut
off by token ids, never by characters. Prompts that were made in another way are answered by `answer_prompts`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread

import torch
from peft import PeftModel
from transformers import (
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    StoppingCriteriaList,
)

from utils.inference.decoding import AS_TEXT, UpToEnd, decode, without_own_settings
from utils.models import expanded_for_generation
from utils.prompts import ChatTemplate, PromptTemplate, encode_prompts, end_of_answer
from utils.records import Record


@dataclass(frozen=True)
class Answer:
    """What the model wrote for one record.

    Attributes:
        text: the answer alone, without prompt and without special tokens.
        stopped: it ended with EOS or the template's end of turn, rather than at `max_new_tokens`.
        prompt_tokens, answer_tokens: lengths in tokens; the token that ends it is not counted.
    """

    text: str
    stopped: bool
    prompt_tokens: int
    answer_tokens: int


def generate(
    model: PreTrainedModel | PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    records: Sequence[Record],
    template: PromptTemplate | ChatTemplate,
    *,
    max_new_tokens: int = 100,
    batch_size: int = 64,
    do_sample: bool = False,
    temperature: float = 0.9,
    top_p: float = 0.9,
    seed: int = 0,
) -> list[Answer]:
    """Answer each record; only `instruction` and `input` (or whatever the template's prompt shows) are read.

    Prompts of similar length share a batch; answers come back in the order of the records (how: `decoding`).
    Greedy answers do not depend on the batch. The base's own answers: `with model.disable_adapter(): generate(...)`.

    Args:
        batch_size: rows at a time; lower it if a GPU runs out of memory.
        do_sample: draw tokens instead of taking the likeliest. `temperature`, `top_p` (nucleus sampling, Holtzman et
            al. 2020) and `seed` matter only then; the same seed, records and batch_size give the same answers.

    Raises:
        ValueError: a prompt leaves no room for `max_new_tokens` in the model's context; the message names the row.
            A number of rows or tokens below 1.
    """
    prompts = encode_prompts(records, template, tokenizer)
    settings = {"do_sample": do_sample, "temperature": temperature, "top_p": top_p, "seed": seed}
    settings |= {"max_new_tokens": max_new_tokens, "batch_size": batch_size, "end": end_of_answer(template, tokenizer)}
    return answer_prompts(model, tokenizer, prompts, **settings)


def answer_prompts(
    model: PreTrainedModel | PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int = 100,
    batch_size: int = 64,
    do_sample: bool = False,
    temperature: float = 0.9,
    top_p: float = 0.9,
    seed: int = 0,
    end: int | None = None,
) -> list[Answer]:
    """Answer prompts that are ids already, in their order; settings and errors as in `generate`.

    Args:
        end: a token that ends an answer, besides the tokenizer's EOS and the model's own ends.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}: give the number of rows to answer at a time, 1 or more")
    check_room(model, prompts, max_new_tokens)
    config = _generation_config(model, tokenizer, max_new_tokens, do_sample, temperature, top_p, end)
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]), reverse=True)
    answers: dict[int, Answer] = {}
    with _own_randomness(model, seed), expanded_for_generation(model):
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            written = decode(model, tokenizer, [prompts[row] for row in batch], config)
            for row, new in zip(batch, written, strict=True):
                answers[row] = _answer(new, len(prompts[row]), config.eos_token_id, tokenizer)
    return [answers[row] for row in range(len(prompts))]


def stream(
    model: PreTrainedModel | PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    record: Record,
    template: PromptTemplate | ChatTemplate,
    *,
    max_new_tokens: int = 100,
    do_sample: bool = False,
    temperature: float = 0.9,
    top_p: float = 0.9,
    seed: int = 0,
) -> Iterator[str]:
    """Yield the answer to one record piece by piece, as it is written; joined, the pieces are `generate`'s text.

    Settings as in `generate`. Whoever stops listening stops the model, too.
    """
    [prompt] = encode_prompts([record], template, tokenizer)
    check_room(model, [prompt], max_new_tokens)
    end = end_of_answer(template, tokenizer)
    config = _generation_config(model, tokenizer, max_new_tokens, do_sample, temperature, top_p, end)
    streamer = UpToEnd(tokenizer, config.eos_token_id)
    left, errors = Event(), []

    def hung_up(ids: torch.Tensor, scores: torch.Tensor, **_) -> torch.Tensor:
        return torch.full((len(ids),), left.is_set(), device=ids.device)

    def write() -> None:
        try:
            with _own_randomness(model, seed), without_own_settings(model):
                model.generate(
                    torch.tensor([prompt], device=model.device),
                    generation_config=config,
                    streamer=streamer,
                    stopping_criteria=StoppingCriteriaList([hung_up]),
                )
        except Exception as error:  # would end the thread unseen and leave the reader waiting
            errors.append(error)
            streamer.end()

    thread = Thread(target=write, name="stream", daemon=True)
    thread.start()
    try:
        yield from (piece for piece in streamer if piece)
    finally:
        left.set()
        thread.join()
    if errors:
        raise errors[0]


def _answer(new: list[int], prompt_tokens: int, ends: list[int], tokenizer: PreTrainedTokenizerBase) -> Answer:
    end = next((i for i, token in enumerate(new) if token in ends), None)
    text = tokenizer.decode(new[:end], **AS_TEXT)
    return Answer(text, end is not None, prompt_tokens, len(new[:end]))


def _generation_config(model, tokenizer, max_new_tokens, do_sample, temperature, top_p, end) -> GenerationConfig:
    own = model.generation_config.eos_token_id or []
    ends = {tokenizer.eos_token_id, end, *(own if isinstance(own, list) else [own])} - {None}
    # Of the model's own settings only the ends are taken over; the others are kept out by `without_own_settings`.
    sampling = {"temperature": temperature, "top_p": top_p, "top_k": 0} if do_sample else {}
    return GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=do_sample,
        eos_token_id=sorted(ends),
        pad_token_id=tokenizer.pad_token_id,
        **sampling,
    )


@contextmanager
def _own_randomness(model: PreTrainedModel | PeftModel, seed: int) -> Iterator[None]:
    """Draw from `seed`, and leave the generators of the caller as they were."""
    with torch.random.fork_rng([model.device] if model.device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def check_room(model: PreTrainedModel | PeftModel, prompts: Sequence[Sequence[int]], max_new_tokens: int) -> None:
    """Refuse what does not fit into the model's context, if that has a bound.

    Raises:
        ValueError: a number of new tokens that cannot be; a prompt that leaves no room for them, with its row.
    """
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if max_new_tokens < 1 or (context and max_new_tokens >= context):
        limit = f"from 1 to {context - 1}, since the model reads {context} tokens" if context else "1 or more"
        raise ValueError(f"max_new_tokens is {max_new_tokens}: give a number {limit}")
    for row, prompt in enumerate(prompts):
        if context and len(prompt) + max_new_tokens > context:
            tokens = f"the prompt has {len(prompt)} tokens, {context - max_new_tokens} are allowed"
            raise ValueError(f"row {row}: {tokens}; shorten its data")

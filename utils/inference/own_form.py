"""The base in the form that is best for it: asked through its own chat template, labels taken by likelihood.

Under a template that it never saw, a base looks worse than it is; this is the opponent that fine-tuning has to beat.
With an adapter loaded, the base answers inside `with model.disable_adapter():`.
"""

import copy
from collections.abc import Sequence

import torch
from jinja2 import TemplateError
from peft import PeftModel
from transformers import Cache, PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from utils.inference.answer_tree import can_branch, tree_log_probabilities
from utils.inference.decoding import has_running_state, lay_out
from utils.inference.generation import Answer, answer_prompts, check_room
from utils.models import expanded_for_generation
from utils.prompts import REVERSE_INSTRUCTION, ChatTemplate, PlainEncoder, PromptTemplate, end_of_answer
from utils.records import Record, Turn

Model = PreTrainedModel | PeftModel


def as_request(record: Record, template: PromptTemplate | ChatTemplate) -> Record:
    """What `template` asks about a record, as instruction and input: a template that shows the output asks for the
    instruction to it, in the sentence of `REVERSE_INSTRUCTION`; any other asks what the record says."""
    if template.data_field == "output":
        return Record(instruction=REVERSE_INSTRUCTION.text.split("\n")[1], input=record.output, output="")
    return record


def own_prompts(records: Sequence[Record], tokenizer: Tokenizer) -> list[list[int]]:
    """Each record as a chat in the tokenizer's own template: the user says the instruction and, below it, the input.

    A conversation keeps its turns; where the template has no place for a system message, the user says that first.
    Without a chat template it is plain text and a newline. The spelling of a special token stays text. The output is
    never read: to ask for the instruction to a document, see `as_request`.

    Args:
        tokenizer: the base's, from `load_base`; an adapter's own has our template for a chat template.

    Raises:
        ValueError: a text cannot be encoded as plain text; the message names the row.
    """
    chats = [_as_chat(record) for record in records]
    if tokenizer.chat_template is None:
        encoder = PlainEncoder(tokenizer)
        ids, special = encoder.ids(["\n\n".join(turn["content"] for turn in chat) + "\n" for chat in chats])
        for row, reason in special.items():
            raise ValueError(f"row {row}: {reason}")
        return [encoder.start("") + prompt for prompt in ids]
    # Qwen3's kind would think aloud first, which costs hundreds of tokens; other templates don't read that word.
    settings = {"add_generation_prompt": True, "sanitize_control_tokens": True, "enable_thinking": False}

    def rendered(chat: list[dict[str, str]]) -> list[int]:
        try:
            return tokenizer.apply_chat_template(chat, **settings)["input_ids"]
        except TemplateError:
            if chat[0]["role"] != "system":
                raise
            system, first, *rest = chat
            return rendered([first | {"content": f"{system['content']}\n\n{first['content']}"}, *rest])

    return [rendered(chat) for chat in chats]


def _as_chat(record: Record) -> list[dict[str, str]]:
    text = "\n\n".join(part for part in (record.instruction, record.input) if part)
    return [{"role": turn.role, "content": turn.content} for turn in (*record.history, Turn("user", text))]


def answer_in_own_form(
    model: Model, tokenizer: Tokenizer, records: Sequence[Record], *, max_new_tokens: int, batch_size: int = 32
) -> list[Answer]:
    """Greedy answers to `own_prompts`, in the order of the records; errors as there and in `inference.generate`."""
    prompts = own_prompts(records, tokenizer)
    end = end_of_answer(ChatTemplate.of(tokenizer), tokenizer) if tokenizer.chat_template else None
    return answer_prompts(model, tokenizer, prompts, max_new_tokens=max_new_tokens, batch_size=batch_size, end=end)


def likeliest(
    model: Model,
    tokenizer: Tokenizer,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[str],
    *,
    after: str = "",
    batch_size: int = 32,
) -> tuple[list[str], list[list[float]]]:
    """Which of the allowed answers the model finds likeliest after each prompt; nothing is generated.

    The log-probability of an answer is the sum over its tokens and EOS: that the model writes it and stops.

    Args:
        prompts: ids, from `own_prompts` or `utils.prompts.encode_prompts`.
        after: what every prompt ends in, as a template's `response_marker`: Llama 2 begins a text with other tokens.

    Returns:
        The likeliest answer to each prompt (of equals, the first); and for each prompt the log-probabilities, in nats,
        in the order of `answers`.

    Raises:
        ValueError: no answers, or rows at a time; an answer that has no room, or cannot be encoded after `after`.
    """
    rows = weigh(model, tokenizer, prompts, _answer_ids(tokenizer, answers, after), batch_size=batch_size)
    return [answers[row.index(max(row))] for row in rows], rows


@torch.no_grad()
def weigh(
    model: Model, tokenizer: Tokenizer, prompts: Sequence[Sequence[int]], ends: Sequence[list[int]], *, batch_size: int
) -> list[list[float]]:
    """For each prompt the log-probability of each of these answers, in nats; `ends` are their ids, to the last one.

    Raises:
        ValueError: no answers, or rows at a time; an answer that has no room.
    """
    if not ends or batch_size < 1:
        raise ValueError(f"{len(ends)} answers, batch_size {batch_size}: one answer and one row are the least")
    scores: dict[int, list[float]] = {}
    check_room(model, prompts, max(map(len, ends)))
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]), reverse=True)
    with expanded_for_generation(model):
        while order:  # padding costs like text: none is under three quarters of the longest of its batch
            alike = sum(4 * len(prompts[row]) >= 3 * len(prompts[order[0]]) for row in order[:batch_size])
            batch, order = order[:alike], order[alike:]
            found = _log_probabilities(model, tokenizer, [prompts[row] for row in batch], ends).tolist()
            scores |= dict(zip(batch, found, strict=True))
    return [scores[row] for row in range(len(prompts))]


def _answer_ids(tokenizer: Tokenizer, answers: Sequence[str], after: str) -> list[list[int]]:
    """The ids of each answer as they follow `after`, and EOS."""
    (*both, known), special = PlainEncoder(tokenizer).ids([*(after + answer for answer in answers), after])
    for at, ids in enumerate(both):
        if at in special or ids[: len(known)] != known:
            raise ValueError(f"answer {answers[at]!r}: {special.get(at, f'a token of it begins in {after!r}')}")
    return [[*ids[len(known) :], tokenizer.eos_token_id] for ids in both]


def _log_probabilities(model, tokenizer, prompts, ends) -> torch.Tensor:
    """Shape (prompts, answers). Positions count without the padding, which stands at the left."""
    ids, mask, cache = lay_out(model, tokenizer, prompts)
    mask = torch.cat([mask, mask.new_ones(len(ids), max(map(len, ends)))], dim=1)
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)

    def read(ids: torch.Tensor, cache: Cache | None, last: int) -> tuple[torch.Tensor, Cache | None]:
        start, stop = cache.get_seq_length() if cache else 0, ids.shape[1]
        seen = {"attention_mask": mask[:, :stop], "position_ids": positions[:, start:stop], "use_cache": True}
        out = model(input_ids=ids[:, start:], past_key_values=cache, logits_to_keep=last, **seen)
        return out.logits[:, -last:].float().log_softmax(dim=-1), getattr(out, "past_key_values", None)

    first, cache = read(ids, cache, 1)
    if can_branch(model, cache):
        return tree_log_probabilities(model, ends, first[:, -1], cache, mask[:, : ids.shape[1]])
    columns, alone = [], has_running_state(model)
    for *answer, eos in ends:
        logs, grown = first, None
        if answer and not alone:  # a copy with the same tensors: a layer that grows replaces them
            grown = copy.copy(cache)
            grown.layers = [copy.copy(layer) for layer in cache.layers]
        if answer:
            new = torch.tensor(answer, device=ids.device).expand(len(ids), -1)
            logs = torch.cat([first, read(torch.cat([ids, new], dim=1), grown, len(answer))[0]], dim=1)
        columns.append(logs[:, range(len(answer) + 1), [*answer, eos]].sum(dim=1))
    return torch.stack(columns, dim=1)

"""A template becomes the tokenizer's chat template, so that it is saved with the tokenizer and served elsewhere."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from utils.prompts.chat import ChatTemplate, settled
from utils.prompts.chat_jinja import chat_jinja
from utils.prompts.encoding import encode, encode_prompts
from utils.prompts.templates import PromptTemplate
from utils.records import Record, Turn

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer


def set_chat_template(tokenizer: "Tokenizer", template: PromptTemplate | ChatTemplate) -> None:
    """Make `template` the tokenizer's chat template, so that it is saved with the tokenizer.

    A `ChatTemplate` is one as it is. A `PromptTemplate` renders a conversation turn after turn, where the tokenizer
    gives the same ids then; elsewhere it takes one exchange.
    What has to stand before the prompt is tried on a few records, some with white space around each text: GPT-2 has a
    BOS and does not use it; Llama 2 puts a space before a text that has none, but after a written BOS it does not.
    A chat template goes through text, so the spelling of a special token in a message becomes that token there:
    `apply_chat_template(..., sanitize_control_tokens=True)` prevents it.

    Raises:
        ValueError: `apply_chat_template` cannot give the ids of `encode` and `encode_prompts` with this tokenizer.
    """
    if isinstance(template, ChatTemplate):
        tokenizer.chat_template = settled(template, tokenizer).jinja
        return
    texts = [("Why?", "One line.", "Because."), ("Why?", "", "So."), (" Who?\n", " A \n", "B. \n"), (" a", "", "")]
    single = [Record(*each) for each in texts]
    told = [Turn("user", " Who?"), Turn("assistant", "Ann.")]
    several = [
        replace(one, input="", history=(*opening, *told))
        for one in single
        for opening in ([Turn("system", "Say.")], [])
    ]
    starts = ("bos_token", "''", "(bos_token if prompt[0] == ' ' else bos_token ~ ' ')")
    for start, between in product(starts, ("''", "('' if prompt[0] == ' ' else ' ')", None)):
        jinja = chat_jinja(template, start=start, between=between)
        probes = single if between is None or template.completion != "{output}" else [*single, *several]
        if _gives_the_same(tokenizer, template, jinja, probes):
            tokenizer.chat_template = jinja
            return
    raise ValueError(
        f"no chat template gives the ids of {template.name!r} with this tokenizer: it changes white space beside its "
        "special tokens, or a chat cannot say which of the template's two texts is meant; save the JSON instead"
    )


def _gives_the_same(tokenizer: "Tokenizer", template: PromptTemplate, jinja: str, probes: Sequence[Record]) -> bool:
    """Whether `apply_chat_template` gives the ids of our prompts and of our rows, for records that have both."""
    encoded = encode(probes, template, tokenizer, max_length=None)
    wanted = encode_prompts(encoded.records, template, tokenizer) + [row["input_ids"] for row in encoded.rows]
    chats = [template.messages(record) for record in encoded.records]
    chats = [chat[:-1] for chat in chats] + chats
    return bool(chats) and tokenizer.apply_chat_template(chats, chat_template=jinja)["input_ids"] == wanted

"""A template becomes the tokenizer's chat template, so that it is saved with the tokenizer and served elsewhere."""

from typing import TYPE_CHECKING

from utils.prompts.chat import ChatTemplate
from utils.prompts.encoding import encode, encode_prompts
from utils.prompts.templates import PromptTemplate
from utils.records import Record

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer


def set_chat_template(tokenizer: "Tokenizer", template: PromptTemplate | ChatTemplate) -> None:
    """Make `template` the tokenizer's chat template, so that it is saved with the tokenizer.

    A `ChatTemplate` is one as it is. Of a `PromptTemplate` one exchange can be asked.
    What has to stand before the prompt is tried on a few records, some with white space around each text: GPT-2 has a
    BOS and does not use it; Llama 2 puts a space before a text that has none, but after a written BOS it does not.
    A chat template goes through text, so the spelling of a special token in a message becomes that token there:
    `apply_chat_template(..., sanitize_control_tokens=True)` prevents it.

    Raises:
        ValueError: `apply_chat_template` cannot give the ids of `encode` and `encode_prompts` with this tokenizer.
    """
    if isinstance(template, ChatTemplate):
        tokenizer.chat_template = template.jinja
        return
    texts = [("Why?", "One line.", "Because."), ("Why?", "", "So."), (" Who?\n", " A \n", "B. \n"), (" a", "", "")]
    probes = [Record(*each) for each in texts]
    encoded = encode(probes, template, tokenizer, max_length=None)
    wanted = encode_prompts(encoded.records, template, tokenizer) + [row["input_ids"] for row in encoded.rows]
    chats = [template.messages(record) for record in encoded.records]
    chats = [chat[:-1] for chat in chats] + chats
    for start in ("bos_token", "''", "(bos_token if prompt[0] == ' ' else bos_token ~ ' ')"):
        jinja = template.chat_template(start=start)
        if chats and tokenizer.apply_chat_template(chats, chat_template=jinja)["input_ids"] == wanted:
            tokenizer.chat_template = jinja
            return
    raise ValueError(
        f"no chat template gives the ids of {template.name!r} with this tokenizer: it changes white space beside its "
        "special tokens, or a chat cannot say which of the template's two texts is meant; save the JSON instead"
    )

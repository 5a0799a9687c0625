"""Records become prompts, and prompts become ids: templates, plain text, the seam, and what is too long."""

from utils.prompts.chat import ChatTemplate, template_from_dict
from utils.prompts.chat_setting import set_chat_template
from utils.prompts.encoding import Encoded, encode, encode_prompts, fit
from utils.prompts.lengths import length_audit
from utils.prompts.plain_text import PlainEncoder
from utils.prompts.templates import ALPACA, REVERSE_INSTRUCTION, PromptTemplate

__all__ = [
    "ALPACA",
    "ChatTemplate",
    "Encoded",
    "PlainEncoder",
    "PromptTemplate",
    "REVERSE_INSTRUCTION",
    "encode",
    "encode_prompts",
    "fit",
    "length_audit",
    "set_chat_template",
    "template_from_dict",
]

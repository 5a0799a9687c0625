"""Records become prompts, and prompts become ids: templates, plain text, the seam, and what is too long."""

from utils.prompts.chat import ChatTemplate, settled, template_from_dict
from utils.prompts.chat_rows import end_of_answer
from utils.prompts.chat_setting import set_chat_template
from utils.prompts.encoded_dataset import EncodedDataset, encode_dataset
from utils.prompts.encoding import Encoded, encode, encode_prompts, fit
from utils.prompts.lengths import length_audit
from utils.prompts.plain_text import PlainEncoder
from utils.prompts.rows import LossOn
from utils.prompts.templates import ALPACA, REVERSE_INSTRUCTION, PromptTemplate

__all__ = [
    "ALPACA",
    "ChatTemplate",
    "Encoded",
    "EncodedDataset",
    "LossOn",
    "PlainEncoder",
    "PromptTemplate",
    "REVERSE_INSTRUCTION",
    "encode",
    "encode_dataset",
    "encode_prompts",
    "end_of_answer",
    "fit",
    "length_audit",
    "set_chat_template",
    "settled",
    "template_from_dict",
]

"""Chat templates in the forms of several makers, each with a tokenizer that it suits."""

from pathlib import Path

import pytest
from tokenizers_fixture import (
    like_gemma,
    like_gpt2,
    like_llama3,
    like_mistral,
    like_none_other,
    like_phi3,
    like_t5,
    llama2,
)
from transformers import AutoTokenizer

from utils.bundled_model import smollm2
from utils.prompts import ChatTemplate

# Each form as its makers describe it, written for these tests.
FOLDED = """
{%- set system = messages[0].content if messages[0].role == 'system' else '' %}
{%- set chat = messages[1:] if system else messages %}"""
LLAMA2 = (
    FOLDED
    + """
{%- for message in chat %}
  {%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}
  {%- set opened = '<<SYS>>\n' ~ system ~ '\n<</SYS>>\n\n' if loop.first and system else '' %}
  {%- if message.role == 'user' %}{{ bos_token ~ '[INST] ' ~ (opened ~ message.content).strip() ~ ' [/INST]' }}
  {%- else %}{{ ' ' ~ message.content.strip() ~ ' ' ~ eos_token }}{% endif %}
{%- endfor %}"""
)
MISTRAL = (
    FOLDED
    + """
{{- bos_token }}
{%- for message in chat %}
  {%- if message.role == 'user' %}
    {{- '[INST] ' ~ (system ~ '\n\n' if loop.first and system else '') ~ message.content ~ ' [/INST]' }}
  {%- else %}{{ ' ' ~ message.content ~ eos_token }}{% endif %}
{%- endfor %}"""
)
LLAMA3 = """
{%- for message in messages %}
  {%- set head = '<|start_header_id|>' ~ message.role ~ '<|end_header_id|>\n\n' %}
  {{- (bos_token if loop.first else '') ~ head ~ message.content | trim ~ '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"""
GEMMA = (
    "{{ bos_token }}"
    + FOLDED
    + """
{%- for message in chat %}
  {{- '<start_of_turn>' ~ ('model' if message.role == 'assistant' else 'user') ~ '\n' }}
  {{- (system ~ '\n\n' if loop.first and system else '') ~ message.content | trim ~ '<end_of_turn>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"""
)
CHATML = """
{%- for message in messages %}{{ '[BEGIN]' ~ message.role ~ '\n' ~ message.content ~ eos_token ~ '\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '[BEGIN]assistant\n' }}{% endif %}"""
THINKS = """
{%- for message in messages %}
  {{- '[BEGIN]' ~ message.role ~ '\n' }}
  {{- '<think>\n\n</think>\n\n' if loop.last and message.role == 'assistant' else '' }}
  {{- message.content ~ eos_token ~ '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
  {{- '[BEGIN]assistant\n' ~ ('<think>\n\n</think>\n\n' if enable_thinking is false else '') }}
{%- endif %}"""


def with_tokens(tokenizer, *tokens):
    tokenizer.add_special_tokens({"additional_special_tokens": list(tokens)})
    return tokenizer


FORMS = {
    "llama 3": (lambda: with_tokens(like_llama3(), "<|start_header_id|>", "<|end_header_id|>"), LLAMA3),
    "gemma": (lambda: with_tokens(like_gemma(), "<start_of_turn>", "<end_of_turn>"), GEMMA),
    "mistral": (like_mistral, MISTRAL),
    "mistral with tokens": (lambda: with_tokens(like_mistral(), "[INST]", "[/INST]"), MISTRAL),
    "llama 2, small": (like_mistral, LLAMA2),
    "chatml, phi 3": (like_phi3, CHATML),
    "chatml, t5": (like_t5, CHATML),
    "chatml, gpt 2": (like_gpt2, CHATML),
    "chatml, none other": (like_none_other, CHATML),
}
REAL = ["smollm2", "qwen2", "llama 2"]


@pytest.fixture(params=[*REAL, *FORMS], scope="module")
def form(request):
    """A tokenizer and the chat template that belongs to it."""
    name = request.param
    if name == "smollm2":
        if not smollm2.is_ready():
            pytest.skip(f"the bundled model is not prepared: {smollm2.MAKE}")
        tokenizer = AutoTokenizer.from_pretrained(smollm2.find())
    elif name in REAL:
        folder = Path(request.getfixturevalue("refdata")) / "tokenizers" / name.replace(" ", "")
        tokenizer = llama2(folder) if name == "llama 2" else AutoTokenizer.from_pretrained(folder)
    else:
        tokenizer = FORMS[name][0]()
    jinja = LLAMA2 if name == "llama 2" else tokenizer.chat_template if name in REAL else FORMS[name][1]
    return tokenizer, ChatTemplate(name="chat", jinja=jinja)

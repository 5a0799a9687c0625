"""The exported model at an OpenAI-compatible address, and whether it still gives the same answers.

>>> with serve("outputs/adapter-f16.gguf") as address:  # doctest: +SKIP
...     answers = complete(address, encode_prompts(records, template, tokenizer))
"""

from utils.serving.agreement import equal_answers, logit_difference
from utils.serving.client import chat, complete, server_ids, throughput
from utils.serving.server import ServeError, serve

__all__ = [
    "ServeError",
    "chat",
    "complete",
    "equal_answers",
    "logit_difference",
    "serve",
    "server_ids",
    "throughput",
]

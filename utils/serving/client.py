"""Ask an OpenAI-compatible server many things at once, over HTTP; every question gets its answer, or an error says why.

Only the standard library: a reader's own programme would use the `openai` package, as the notebook shows.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

from utils.inference import Answer
from utils.serving.server import ServeError

_TIMEOUT = 600  # seconds for one answer, waiting for its turn included


def complete(
    address: str, prompts: Sequence[Sequence[int] | str], *, max_new_tokens: int = 100, at_once: int = 8
) -> list[Answer]:
    """Greedy answers to prompts from `/v1/completions`, in their order.

    Args:
        prompts: ids from `encode_prompts`. A text works, too, but the server reads the spelling of a special token in
            it as that token.
        at_once: requests that are sent side by side.

    Raises:
        ServeError: the server refused a request, for instance because it exceeds the context; the message names the
            row. Or an answer was cut off by the end of the context.
    """
    return _ask_all(address, _COMPLETION, prompts, max_new_tokens, at_once)


def chat(
    address: str, chats: Sequence[Sequence[Mapping[str, str]]], *, max_new_tokens: int = 100, at_once: int = 8
) -> list[Answer]:
    """Greedy answers to chats from `/v1/chat/completions`: the server renders them with its chat template.

    Args:
        chats: messages with role and content; `template.messages(record)[:-1]` is a record without its answer.

    Raises:
        ServeError: as `complete`; or the chat template has no words for such a chat.
    """
    return _ask_all(address, _CHAT, chats, max_new_tokens, at_once)


def server_ids(address: str, texts: Sequence[str], *, special: bool = False) -> list[list[int]]:
    """What the server's own tokenizer makes of texts, as a prompt: ids, with BOS if it puts one before a prompt.

    Args:
        special: read the spelling of a special token as that token, as the server does with prompts that are text.
    """
    how = {"add_special": True, "parse_special": special}
    return [_post(address, "/tokenize", {"content": text, **how})["tokens"] for text in texts]


def throughput(
    address: str, prompts: Sequence[Sequence[int]], *, at_once: Sequence[int] = (1, 8, 32), max_new_tokens: int = 48
) -> list[dict[str, float]]:
    """Put the same prompts with so many requests side by side: seconds, requests/s and answer tokens/s for each.

    Every prompt is read as a whole, although the server could remember it from the time before.

    Raises:
        ServeError: a request was lost or refused.
    """
    rows = []
    for workers in at_once:
        started = time.perf_counter()
        answers = _ask_all(address, _COMPLETION, prompts, max_new_tokens, workers, cache=False)
        seconds = time.perf_counter() - started
        tokens = sum(answer.answer_tokens + answer.stopped for answer in answers)
        rows.append(
            {
                "at once": workers,
                "seconds": seconds,
                "requests/s": len(answers) / seconds,
                "answer tokens/s": tokens / seconds,
            }
        )
    return rows


class _Route(NamedTuple):
    path: str
    field: str  # of the request, for the question
    text: Callable[[Mapping[str, Any]], str]  # of a choice in the reply


_COMPLETION = _Route("/v1/completions", "prompt", lambda choice: choice["text"])
_CHAT = _Route("/v1/chat/completions", "messages", lambda choice: choice["message"]["content"])


def _ask_all(
    address: str, route: _Route, questions: Sequence[Any], max_new_tokens: int, at_once: int, *, cache: bool = True
) -> list[Answer]:
    def ask(row: int) -> Answer:
        body = {route.field: questions[row], "max_tokens": max_new_tokens, "temperature": 0, "cache_prompt": cache}
        try:
            reply = _post(address, route.path, body)
        except ServeError as error:
            raise ServeError(f"row {row}: {error}") from None
        [choice], used = reply["choices"], reply["usage"]
        stopped = choice["finish_reason"] == "stop"
        if not stopped and used["completion_tokens"] < max_new_tokens:
            raise ServeError(
                f"row {row}: the answer was cut off after {used['completion_tokens']} of {max_new_tokens} tokens, for "
                f"the prompt has {used['prompt_tokens']} and the context ended: serve with a larger context"
            )
        return Answer(route.text(choice), stopped, used["prompt_tokens"], used["completion_tokens"] - stopped)

    with ThreadPoolExecutor(max_workers=at_once) as pool:
        return list(pool.map(ask, range(len(questions))))


def _post(address: str, route: str, body: Mapping[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(address + route, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with _NO_PROXY.open(request, timeout=_TIMEOUT) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        said = error.read().decode(errors="replace")
        with suppress(ValueError, KeyError, TypeError):
            said = json.loads(said)["error"]["message"]
        raise ServeError(f"the server refused it ({error.code}): {said}") from None
    except OSError as error:
        raise ServeError(f"nothing answers at {address} ({error}): is the server still running?") from None


_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the server is on this machine

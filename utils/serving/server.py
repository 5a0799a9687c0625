"""llama.cpp's OpenAI-compatible server, inside this process: one GGUF file, on this machine only.

The server is the one that `llama-server` runs; `xllamacpp` brings it as a package, compiled. What this module does not
do: write GGUF files (`utils.adapters`), or open a port to others. Whoever wants that puts a server with access control
in front.
"""

import gc
import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path


class ServeError(RuntimeError):
    """A server that does not start, or a request that it refused; the message says why."""


@contextmanager
def serve(
    model: str | os.PathLike[str],
    *,
    lora: str | os.PathLike[str] | None = None,
    chat_template: str | None = None,
    context: int = 1024,
    at_once: int = 8,
    port: int = 0,
) -> Iterator[str]:
    """Serve a model while the block runs; yields the address, such as "http://127.0.0.1:40123".

    With a busy neighbour the threads of llama.cpp slow each other down up to eighty times unless `OMP_WAIT_POLICY` is
    "PASSIVE" before anything that computes is imported; `prepare()` in the setup cell of the notebooks sees to it.

    Args:
        model: a GGUF file.
        lora: a GGUF adapter that is added to the model.
        chat_template: Jinja that stands in for the one in the file.
        context: tokens of prompt and answer that one request may have.
        at_once: requests that are answered side by side; others wait.
        port: on 127.0.0.1; 0 takes a free one.

    Raises:
        ServeError: no GGUF file, files that do not belong together, or a port that is taken.
    """
    from xllamacpp import CommonAdapterLoraInfo, CommonParams, Server  # reads OMP_WAIT_POLICY

    for path in filter(None, (model, lora)):
        if not _is_gguf(Path(path)):
            raise ServeError(f"{Path(path).name} is not a GGUF file: write one with export_gguf or export_lora")
    params = CommonParams()
    params.model.path, params.model_alias = str(model), {Path(model).stem}  # or answers would name this machine's path
    params.n_ctx, params.n_parallel = context * at_once, at_once
    params.hostnames, params.port = ["127.0.0.1"], port
    params.fit_params, params.warmup, params.verbosity = False, False, -1
    if lora:
        params.lora_adapters = [CommonAdapterLoraInfo(str(lora), 1.0)]
    if chat_template:
        params.chat_template = chat_template
    _check_port(port)
    try:
        server = Server(params)
    except Exception as error:  # its messages do not say what is wrong
        with_it = f" with {Path(lora).name}" if lora else ""
        raise ServeError(
            f"llama.cpp cannot serve {Path(model).name}{with_it} ({error}): a damaged file, an adapter of another "
            "model, or a chat template that is not valid Jinja"
        ) from error
    try:
        _wait_for_queue(server.listening_address)
        yield server.listening_address
    finally:
        del server  # its destructor stops the threads and frees the port
        gc.collect()


def _wait_for_queue(address: str) -> None:
    # llama.cpp listens before its queue runs, and a queue that is told to end before it runs waits forever. The slots
    # are asked for through the queue, so that an answer says that it runs.
    with closing(HTTPConnection(address.removeprefix("http://"), timeout=600)) as connection:
        connection.request("GET", "/slots")
        if (reply := connection.getresponse()).status != 200:
            raise ServeError(f"llama.cpp started and does not answer ({reply.status}): try again, or another GGUF file")


def _is_gguf(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(4) == b"GGUF"


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ServeError(f"port {port} cannot be used ({error}): give another one, or 0 for a free one") from None

"""A model from the Hub, downloaded for real from a small server that speaks the Hub's file protocol.

The libraries read the Hub's address when they are imported, so the client is a process of its own. Every other
address than loopback is closed to it.
"""

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from models_fixture import save_model

from utils.files import ROOT
from utils.models import BUNDLED

COMMIT = "0123456789abcdef0123456789abcdef01234567"

CLIENT = """
import json, socket, sys, time

connect = socket.socket.connect
def only_loopback(self, address):
    if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1"):
        raise OSError(f"the network is cut: {address}")
    return connect(self, address)
socket.socket.connect = only_loopback

from utils.models import ModelError, base_identity, load_base

answers = []
for name in sys.argv[1:]:
    started = time.monotonic()
    try:
        model, tokenizer = load_base(name)
        found = {"name": model.config._name_or_path, "weights": base_identity(name)["weights_sha256"],
                 "quantised": model.is_loaded_in_4bit, "tokens": tokenizer("Oslo")["input_ids"]}
    except ModelError as error:
        found = {"error": str(error)}
    answers.append(found | {"seconds": time.monotonic() - started})
print(json.dumps(answers))
"""


class Hub(BaseHTTPRequestHandler):
    """The routes a download needs: a file's metadata and content, and the list of a repository's files."""

    folder: Path

    def do_GET(self) -> None:
        path = self.path.split("?")[0].strip("/")
        files = sorted(file.name for file in self.folder.iterdir())
        if path.startswith("gated/model/"):
            self.answer(403, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": "ask for access"})
        elif path.startswith("team/model/resolve/"):
            name = path.split("/", 4)[4]
            if name not in files:
                return self.answer(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            content = (self.folder / name).read_bytes()
            self.answer(200, content, {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT})
        elif path.startswith("api/models/team/model/tree/"):
            listing = [{"type": "file", "path": name, "size": 1, "oid": "0" * 40} for name in files]
            self.answer(200, json.dumps(listing).encode(), {"Content-Type": "application/json"})
        elif path.startswith("api/models/team/model"):
            about = {"id": "team/model", "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]}
            self.answer(200, json.dumps(about).encode(), {"Content-Type": "application/json"})
        else:
            self.answer(404, b"", {"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET

    def answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *args) -> None:
        pass


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    Hub.folder = save_model(tmp_path_factory.mktemp("hub") / "model")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def ask(endpoint: str, cache: Path, *names: str) -> list[dict]:
    proxies = {name: "" for name in os.environ if name.lower().endswith("_proxy")}
    environment = os.environ | proxies | {
        "HF_ENDPOINT": endpoint, "HF_HOME": str(cache), "HF_HUB_OFFLINE": "0", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, *names], env=environment, cwd=cache, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def test_a_hub_name_is_downloaded_and_loaded_in_4_bit_and_the_other_names_are_explained(hub, cache):
    loaded, missing, gated = ask(hub, cache, "team/model", "team/nothing", "gated/model")
    assert (loaded["name"], loaded["quantised"]) == ("team/model", True)
    assert "neither a folder here nor a model on the Hub" in missing["error"]
    assert "behind a licence" in gated["error"]
    for answer in (missing, gated):
        assert BUNDLED in answer["error"]
        assert answer["seconds"] < 5


def test_without_a_network_the_cache_serves_and_other_names_fail_in_seconds(hub, cache):
    [online] = ask(hub, cache, "team/model")
    loaded, unknown = ask("http://127.0.0.1:9", cache, "team/model", "team/other")
    assert (loaded["weights"], loaded["tokens"]) == (online["weights"], online["tokens"])
    assert "the Hub cannot be reached" in unknown["error"]
    assert BUNDLED in unknown["error"]
    assert unknown["seconds"] < 5

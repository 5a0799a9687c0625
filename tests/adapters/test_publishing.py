"""Uploading for real, to a server on this machine that speaks the part of the Hub's protocol that it takes."""

import base64
import json
import shutil
import threading
from http.server import ThreadingHTTPServer

import pytest
from huggingface_hub import HfApi
from models_fixture import trained  # noqa: F401  (a fixture)

from tests.models.test_hub import COMMIT, Hub
from utils.adapters import AdapterError, load_adapter, publishing, push


class Upload(Hub):
    """Takes what is posted: a new repository, a question about how to send files, and a commit with the files in it."""

    made: dict
    files: dict[str, bytes]

    def do_POST(self) -> None:
        path, body = self.path.split("?")[0], self.rfile.read(int(self.headers.get("Content-Length", 0)))
        reply = {}
        if self.headers.get("Authorization") != "Bearer a-token":
            return self.answer(401, b"{}", {})
        if path == "/api/repos/create":
            self.made.update(json.loads(body))
            reply = {"url": f"http://{self.headers['Host']}/{self.made['organization']}/{self.made['name']}"}
        elif "/preupload/" in path:
            asked = json.loads(body)["files"]
            reply = {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in asked]}
        elif "/commit/" in path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            reply = {"commitUrl": f"http://{self.headers['Host']}/ann/reviews/commit/{COMMIT}", "commitOid": COMMIT}
        self.answer(200, json.dumps(reply).encode(), {"Content-Type": "application/json"})

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != "Bearer a-token":
            return self.answer(401, b"", {})
        if self.path.startswith("/api/models/ann/reviews"):
            about = {"id": "ann/reviews", "sha": COMMIT, "siblings": []}
            return self.answer(200, json.dumps(about).encode(), {"Content-Type": "application/json"})
        self.answer(404, b"", {"X-Error-Code": "EntryNotFound"})

    do_HEAD = do_GET

    def answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        super().answer(status, content, headers)
        if self.command == "POST":
            self.wfile.write(content)


@pytest.fixture
def hub(monkeypatch):
    Upload.made, Upload.files = {}, {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upload)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(publishing, "HfApi", lambda: HfApi(endpoint=address, token="a-token"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    yield address
    server.shutdown()


def test_an_adapter_arrives_whole_and_private_and_works_there(hub, trained, tmp_path):  # noqa: F811
    folder = shutil.copytree(trained.adapter, tmp_path / "adapter")
    (folder / "optimizer.pt").write_bytes(b"state")
    (folder / ".env").write_text("KEY=1")
    assert push(folder, "ann/reviews") == f"{hub}/ann/reviews"
    assert (Upload.made["organization"], Upload.made["name"], Upload.made["visibility"]) == (
        "ann",
        "reviews",
        "private",
    )
    there = tmp_path / "there"
    for name, content in Upload.files.items():
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        (there / name).write_bytes(content)
    assert {path.name for path in there.rglob("*")} >= {"README.md", "chat_template.jinja", "provenance.json"}
    assert not {".env", "optimizer.pt"} & {path.name for path in there.rglob("*")}
    _, _, templates = load_adapter(there, base=trained.base)
    assert list(templates) == ["alpaca", "reverse_instruction"]
    assert not any(str(tmp_path.parent).encode() in content for content in Upload.files.values())


def test_public_only_when_it_is_said(hub, trained):  # noqa: F811
    push(trained.adapter, "ann/reviews", private=False)
    assert Upload.made["visibility"] == "public"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("data in /ho§me/ann/reviews.csv", "the path"),
        ("C:§\\Users\\ann", "the path"),
        ("token hf_§abcdefghijklmnopqrstuvwxyzABCDEF", "a key"),
    ],
)
def test_a_path_or_a_key_in_a_text_stops_it(hub, trained, tmp_path, text, named):  # noqa: F811
    folder = shutil.copytree(trained.adapter, tmp_path / "adapter")
    card = folder / "README.md"
    card.write_text(card.read_text() + text.replace("§", ""))
    with pytest.raises(AdapterError, match=rf"README\.md holds {named}"):
        push(folder, "ann/reviews")
    assert not Upload.made and not Upload.files


def test_without_a_login_or_a_finished_folder_the_message_says_so(hub, trained, tmp_path, monkeypatch):  # noqa: F811
    with pytest.raises(AdapterError, match="not finished"):
        push(tmp_path, "ann/reviews")
    monkeypatch.setattr(publishing, "HfApi", lambda: HfApi(endpoint=hub, token="wrong"))
    with pytest.raises(AdapterError, match="hf auth login"):
        push(trained.adapter, "ann/reviews")

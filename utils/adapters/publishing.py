"""An adapter or a merged model onto the Hub, in one call that has to be made on purpose; private unless told otherwise.

Log in with `hf auth login` first. What a run left beside the model is not uploaded.
"""

import os
import re
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from utils.adapters.checks import AdapterError

# What save_adapter and export_merged write, and GGUF files. Checkpoints, logs and whatever else is there stay here.
_FILES = (
    "README.md", "adapter_config.json", "*.safetensors", "*.safetensors.index.json", "config.json",
    "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "chat_template.jinja", "additional_chat_templates/*.jinja", "prompt_templates.json", "provenance.json",
    "merged.json", "*.gguf", "Modelfile",
)  # fmt: skip
_TEXTS = {".json", ".md", ".jinja", ""}
# An absolute path, or a key as the Hub, OpenAI, AWS and GitHub write theirs.
_PATH = re.compile(r"(?<![\w.:/<-])/(?:home|root|Users|tmp|mnt|data|work|content|private|var|opt)/[\w.-]+|\b[A-Z]:\\")
_SECRET = re.compile(r"\b(?:hf_[A-Za-z0-9]{30,}|sk-[A-Za-z0-9_-]{20,}|AKIA[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{30,})")


def push(folder: str | os.PathLike[str], name: str, *, private: bool = True) -> str:
    """Upload a finished adapter or merged model to the Hub, after a look at what would be published.

    Args:
        folder: what `save_adapter` or `export_merged` wrote.
        name: "you/name-of-the-model"; made if it does not exist.
        private: whether only you can see it, if it is made.

    Returns:
        The address of the model's page.

    Raises:
        AdapterError: an unfinished folder; a text file that names a path of this machine or holds a key; not logged
            in, or not allowed.
    """
    folder = Path(folder)
    if not any((folder / mark).is_file() for mark in ("provenance.json", "merged.json")):
        raise AdapterError(f"{folder.name} is not finished: pass a folder that save_adapter or export_merged wrote")
    files = sorted({path for pattern in _FILES for path in folder.glob(pattern)})
    for path in files:
        if path.suffix in _TEXTS and path.name != "tokenizer.json" and (found := _private_text(path)):
            raise AdapterError(f"{path.name} holds {found}: take it out before it is published")
    hub = HfApi()
    try:
        made = hub.create_repo(name, private=private, exist_ok=True)
        hub.upload_folder(
            repo_id=made.repo_id,
            folder_path=folder,
            allow_patterns=[path.relative_to(folder).as_posix() for path in files],
            commit_message="Upload model, templates and provenance",
        )
    except HfHubHTTPError as error:
        raise AdapterError(f"the Hub did not take {name}: {error}. Log in with `hf auth login`") from error
    return str(made)


def _private_text(path: Path) -> str | None:
    """What should not leave this machine: the kind, and of a path its beginning."""
    text = path.read_text(encoding="utf-8")
    if _SECRET.search(text):
        return "a key"
    found = _PATH.search(text)
    return f"the path {found.group()!r}" if found else None

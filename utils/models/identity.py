"""Which base model this is: how an adapter finds its base again, and notices that it is another one."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from huggingface_hub import try_to_load_from_cache

from utils.bundled_model import smollm2
from utils.files import ROOT
from utils.models.location import local_folder

WHOLE_BYTES = 64 * 2**20  # weights files up to this size are read whole


def base_identity(name: str | os.PathLike[str], *, seen_from: Path | None = None) -> dict[str, Any]:
    """Which base model this is: `name`, where to find it; `config` and `weights_sha256`, which change when it does.

    The name is the bundled model's, a Hub name, a path inside the project, or else a path relative to `seen_from`;
    never an absolute one, which another machine does not have. Of a weights file larger than 64 MiB the hash reads 64
    samples of 64 KiB, which takes a second even for 7 B parameters: another training run changes every one of them.
    """
    path = local_folder(name)
    shown = str(name)
    if path is None:
        path = Path(try_to_load_from_cache(shown, "config.json") or "").parent
    elif path.resolve() == smollm2.FOLDER.resolve():
        shown = smollm2.NAME
    elif path.resolve().is_relative_to(ROOT):
        shown = path.resolve().relative_to(ROOT).as_posix()
    else:
        shown = Path(os.path.relpath(path.resolve(), (seen_from or Path()).resolve())).as_posix()
    digest = hashlib.sha256()
    for file in sorted(path.glob("*.safetensors")) or sorted(path.glob("*.bin")):
        size = file.stat().st_size
        digest.update(f"{file.name} {size} ".encode())
        with file.open("rb") as stream:
            if size <= WHOLE_BYTES:
                digest.update(stream.read())
                continue
            for sample in range(64):
                stream.seek(sample * size // 64)
                digest.update(stream.read(1 << 16))
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    config = {key: value for key, value in config.items() if key not in ("_name_or_path", "transformers_version")}
    return {"name": shown, "config": config, "weights_sha256": digest.hexdigest()}

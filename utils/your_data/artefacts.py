"""The files that a run leaves behind: written under other names, and given their own when all of them are whole.

A folder that holds `report.html` holds everything. What this module does not do: decide what the files say.
"""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

NAMES = ("adapter", "rejected.jsonl", "predictions.jsonl", "metrics.json", "report.html")  # in the order of renaming
CHECKPOINTS = "checkpoints"
_MARK = ".unfinished"


def start(folder: str | os.PathLike[str]) -> Path:
    """Make the folder, and remove what a run that was interrupted left half-written; its checkpoints stay.

    Raises:
        FileExistsError: there is a file of this name.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        _remove(staged(folder, name))
    return folder


def staged(folder: Path, name: str) -> Path:
    """Where to write one of `NAMES` until all are there; beside its later place, so that relative paths in it hold."""
    return folder / (name + _MARK)


def write_json(folder: Path, name: str, content: Mapping[str, Any]) -> None:
    """Write an object as indented JSON, staged."""
    staged(folder, name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def write_jsonl(folder: Path, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write objects one a line, staged. ASCII only: U+2028 and half surrogates in data stay one line and valid."""
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    staged(folder, name).write_text(lines, encoding="utf-8")


def publish(folder: Path) -> list[Path]:
    """Put the staged files in place of those of an earlier run, and remove the checkpoints, which have done their work.

    Raises:
        FileNotFoundError: one of them has not been written; then nothing is changed.
    """
    if missing := [name for name in NAMES if not staged(folder, name).exists()]:
        raise FileNotFoundError(f"{folder} lacks {', '.join(missing)}: write them before publish")
    for name in reversed(NAMES):
        _remove(folder / name)
    for name in NAMES:
        os.replace(staged(folder, name), folder / name)
    _remove(folder / CHECKPOINTS)
    return [folder / name for name in NAMES]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)

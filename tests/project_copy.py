"""A copy of the project in which nothing has run: no outputs, no adapter."""

import shutil
from pathlib import Path

from utils.files import ROOT

# For notebook 04 where there is no adapter: the training that it starts is over in a minute or two, and learns little.
WITHOUT_AN_ADAPTER = {
    "rows": {"labels": 8, "phrases": 4, "reverse": 4, "instructions": 4},
    "test_rows_per_task": 4,
    "base_rows_per_task": 4,
}


def copy_project(folder: Path, *, model: bool = True) -> Path:
    """Copy what notebooks need to `folder`, which is made; the prepared model is linked unless `model` is False."""
    for name in ("utils", "data", "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    if model:
        (folder / "models").symlink_to(ROOT / "models", target_is_directory=True)
    return folder

"""The files that a run leaves behind: written under other names, and given their own when all of them are whole.

A folder that holds `report.html` holds everything. What the job did not write is never removed (`ownership`). What this
module does not do: decide what the files say.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from utils.files import write_jsonl
from utils.your_data.ownership import claim, forget, make_folder, note_written, refuse_foreign, remove_own

# In the order of renaming.
NAMES = ("adapter", "rejected.jsonl", "predictions.jsonl", "metrics.json", "README.md", "report.html")
FAULTS = "faulty_rows.jsonl"  # written at once, since it is needed where the run stops
CHECKPOINTS = "checkpoints"
NOTEBOOK, RUNNING = "notebook.ipynb", "notebook.unfinished.ipynb"  # the job's: executed, and while it is
_MARK = ".unfinished"


def start(output_dir: str) -> Path:
    """Make the output folder, seen from the project, or take over one that the job has written; its checkpoints stay.

    Raises:
        ParameterError: something in it has one of the job's names and was not written by the job, or is a link.
    """
    folder, staging = make_folder(output_dir), [name + _MARK for name in NAMES]
    refuse_foreign(folder, [*NAMES, *staging, FAULTS, CHECKPOINTS, NOTEBOOK, RUNNING], output_dir=output_dir)
    claim(folder, [*staging, CHECKPOINTS, RUNNING])
    for name in staging:
        remove_own(folder, name)
    return folder


def staged(folder: Path, name: str) -> Path:
    """Where to write one of `NAMES` until all are there; beside its later place, so that relative paths in it hold."""
    return folder / (name + _MARK)


def checkpoints(folder: Path, *, dry_run: bool = False) -> Path:
    """Where training writes its checkpoints; a dry run writes none, and leaves those that are there alone."""
    if not dry_run:
        return folder / CHECKPOINTS
    elsewhere = tempfile.mkdtemp(prefix="dry_run_")
    atexit.register(shutil.rmtree, elsewhere, ignore_errors=True)
    return Path(elsewhere)


def write_faults(folder: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write the list of faulty rows, in place of an older one; it is there whether or not the run goes on."""
    claim(folder, [FAULTS])
    path = write_jsonl(folder / FAULTS, rows)
    note_written(folder, FAULTS)
    return path


def publish(folder: Path) -> list[Path]:
    """Put the staged files in place of those of an earlier run, and remove the checkpoints, which have done their work.

    What somebody has put in their places meanwhile is renamed, not removed.

    Raises:
        FileNotFoundError: one of them has not been written; then nothing is changed.
    """
    if missing := [name for name in NAMES if not staged(folder, name).exists()]:
        raise FileNotFoundError(f"{folder} lacks {', '.join(missing)}: write them before publish")
    for name in reversed(NAMES):
        remove_own(folder, name)
    for name in NAMES:
        claim(folder, [name])  # killed between the two, the file is still known as the job's
        os.replace(staged(folder, name), folder / name)
        note_written(folder, name)
        forget(folder, name + _MARK)
    remove_checkpoints(folder)
    return [folder / name for name in (*NAMES, FAULTS) if (folder / name).exists()]


def remove_checkpoints(folder: Path) -> None:
    """Remove what training has left to go on from; what else lies beside it is kept, under another name."""
    remove_own(folder, CHECKPOINTS)
    forget(folder, CHECKPOINTS)


def discard_notebook(folder: Path) -> None:
    """Remove the notebook of a dry run, which has nothing to keep."""
    remove_own(folder, RUNNING)
    forget(folder, RUNNING)


def publish_notebook(folder: Path) -> None:
    """Give the executed notebook its name, in place of that of an earlier run."""
    remove_own(folder, NOTEBOOK)
    claim(folder, [NOTEBOOK])
    os.replace(folder / RUNNING, folder / NOTEBOOK)
    note_written(folder, NOTEBOOK)
    forget(folder, RUNNING)

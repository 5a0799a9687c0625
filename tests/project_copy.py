"""A copy of the project in which nothing has run, no outputs and no adapter, and a notebook that runs in it."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat

from utils.files import ROOT
from utils.series import run_notebook

# For notebook 04 where there is no adapter: 03 makes 72 steps on these rows. All of its rows take most of an hour.
FEW_ROWS = {"labels": 56, "phrases": 36, "reverse": 36, "instructions": 60}


@dataclass(frozen=True)
class Run:
    """A notebook that was executed: in which copy of the project, into which file, and what it recorded."""

    project: Path
    executed: Path
    results: dict[str, float]


def copy_project(folder: Path, *, model: bool = True, adapter: Path | None = None) -> Path:
    """Copy what notebooks need to `folder`, which is made.

    Args:
        model: the prepared model is linked.
        adapter: a folder of notebook 03, copied to where notebook 03 would leave it.
    """
    for name in ("utils", "data", "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    if model:
        (folder / "models").symlink_to(ROOT / "models", target_is_directory=True)
    if adapter:
        shutil.copytree(adapter, folder / "outputs" / "adapter")
    return folder


def run_in(project: Path, name: str, parameters: dict | None = None, *, ask_for: Sequence[str] = ()) -> Run:
    """Run a notebook in a copy of the project; a cell at its end adds `loaded_x` for each package x of `ask_for`.

    Args:
        name: how its file's name starts, such as "03" or "solutions/03".
    """
    [copy] = (project / "notebooks").glob(f"{name}*.ipynb")
    if ask_for:
        notebook = nbformat.read(copy, as_version=4)
        question = f"record_results(**{{f'loaded_{{name}}': name in sys.modules for name in {list(ask_for)}}})"
        notebook.cells.append(nbformat.v4.new_code_cell(question))
        nbformat.write(notebook, copy)
    executed = project / "outputs" / "executed" / copy.name
    return Run(project, executed, run_notebook(copy, executed, parameters=parameters, cwd=copy.parent))

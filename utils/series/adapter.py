"""The adapter of the series: notebooks that need it find it, or have notebook 03 train it.

A module of its own: the only place where one notebook runs another.
"""

from collections.abc import Mapping
from pathlib import Path

from utils.files import ROOT
from utils.series.running import find_notebooks, run_notebook


def trained_adapter(output_dir: str, *, rows: Mapping[str, int]) -> Path:
    """The folder `output_dir/adapter`; where there is no adapter in it, notebook 03 is run first.

    Args:
        output_dir: where notebook 03 leaves its results, seen from the project's root.
        rows: training rows of each task, if it has to be trained; an adapter that is there is taken as it is.

    Raises:
        NotebookFailed: notebook 03 stopped.
    """
    folder = ROOT / output_dir / "adapter"
    if not (folder / "provenance.json").exists():
        [training] = find_notebooks(["03"])
        parameters = {"output_dir": output_dir, "rows": dict(rows)}
        run_notebook(training, ROOT / output_dir / training.name, cwd=training.parent, parameters=parameters)
    return folder

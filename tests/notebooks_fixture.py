"""Notebooks of a few cells that start as those of the series do."""

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from utils.files import ROOT
from utils.series.cleaning import KERNELSPEC

SETUP = f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom utils.notebook import *\nprepare()"


def write_notebook(path: Path, *sources: str, parameters: str = "n: int = 3  # how many") -> Path:
    cells = [new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    cells += [new_code_cell(source) for source in (SETUP, *sources)]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": KERNELSPEC}), path)
    return path

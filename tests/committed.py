"""Are the outputs that are committed still those of the code? Compares two notebooks, the committed and a fresh one.

Numbers may differ a little from machine to machine, so they are compared with a tolerance. So may, where a model
writes, single words; the caller says how many cells may differ.
"""

import math
import re

import nbformat

NUMBER = re.compile(r"(?<![\w.])[+-]?\d[\d,]*(?:\.\d+)?%?")


def changed_cells(committed: nbformat.NotebookNode, executed: nbformat.NotebookNode) -> list[str]:
    """First lines of the code cells whose source, words or numbers are no longer those that are committed.

    Cells that only the fresh run has at its end, or that carry injected parameters, are left out.

    Raises:
        ValueError: the two have other cells, so they can't be compared.
    """
    ours, fresh = _code(committed), _code(executed)
    if len(ours) > len(fresh):
        raise ValueError(f"{len(ours)} code cells are committed, {len(fresh)} were executed")
    return [
        one.source.splitlines()[0]
        for one, other in zip(ours, fresh, strict=False)
        if one.source != other.source or not same_text(_text(one), _text(other))
    ]


def same_text(ours: str, fresh: str) -> bool:
    """The same words, and numbers that are within a twentieth of each other, or within 0.05 if they are small."""
    if NUMBER.sub("#", ours).split() != NUMBER.sub("#", fresh).split():
        return False
    pairs = zip(NUMBER.findall(ours), NUMBER.findall(fresh), strict=True)
    return all(math.isclose(_number(a), _number(b), rel_tol=0.05, abs_tol=0.05) for a, b in pairs)


def _number(text: str) -> float:
    return float(text.rstrip("%").replace(",", "")) / (100 if text.endswith("%") else 1)


def _code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [cell for cell in cells if "injected-parameters" not in cell.metadata.get("tags", [])]


def _text(cell: nbformat.NotebookNode) -> str:
    parts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "\n".join(parts)

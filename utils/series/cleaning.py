"""Committed notebooks hold nothing that changes from run to run, or that names a machine.

A module of its own: the runner cleans with it, and the tests ask whether it was done.
"""

import nbformat

KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
# "alt" describes a cell's picture to those who do not see it. The rest belongs to one run or one person's screen.
KEPT_CELL_METADATA = {"tags", "alt"}
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drop what changes from run to run or names a machine: execution times, papermill's notes, widget state.

    Cells, outputs, tags and execution counts stay. The kernelspec is the same everywhere: python3.
    """
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC, "language_info": {"name": "python"}})
    notebook.cells = [cell for cell in notebook.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in KEPT_CELL_METADATA})
        cell.metadata["tags"] = [tag for tag in cell.metadata.get("tags", []) if not tag.startswith("papermill-")]
        if not cell.metadata["tags"]:
            del cell.metadata["tags"]
        if "outputs" in cell:  # a widget is nothing without its kernel, and so is its text form, "HBox(children=…"
            cell.outputs = [output for output in cell.outputs if WIDGET_MIME not in output.get("data", {})]
    return notebook

"""Run the notebooks from the command line, and keep the committed ones clean.

    python -m utils.run_notebooks                     every notebook, in order, executed into outputs/
    python -m utils.run_notebooks 0 solutions         every notebook, then the solutions of the exercises
    python -m utils.run_notebooks 03 -p seed 7        one of them, with another value in its parameters cell
    python -m utils.run_notebooks --in-place          execute the committed notebooks themselves and clean them
    python -m utils.run_notebooks --in-place --only-clean    clean without executing

This is a command, so it prints. What it does not do: run notebooks side by side; two cores are one training run.
"""

import argparse
import ast
import logging
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat

from utils.notebook import project_root, read_results, results_text

KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
# "alt" describes a cell's picture to those who do not see it. The rest belongs to one run or one person's screen.
KEPT_CELL_METADATA = {"tags", "alt"}
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


class NotebookFailed(RuntimeError):
    """A cell of a notebook raised; the message holds the notebook, the cell and the error."""


def find_notebooks(wanted: Sequence[str] = ()) -> list[Path]:
    """The numbered notebooks in order; `wanted` picks some of them, or of the solutions, by how their names start.

    Examples: `["03"]`, `["solutions/03"]`, `["0", "solutions"]` for all there are.

    Raises:
        ValueError: a wanted name that no notebook starts with.
    """
    folder = project_root() / "notebooks"
    every = {path.relative_to(folder).as_posix(): path for path in sorted(folder.glob("0*.ipynb"))}
    if not wanted:
        return list(every.values())
    every |= {path.relative_to(folder).as_posix(): path for path in sorted(folder.glob("solutions/0*.ipynb"))}
    starts = [name.removeprefix("notebooks/") for name in wanted]
    for start in starts:
        if not any(name.startswith(start) for name in every):
            raise ValueError(f"no notebook starts with {start!r}; there are {', '.join(every)}")
    return [path for name, path in every.items() if name.startswith(tuple(starts))]


def check_parameters(path: Path, parameters: Mapping[str, Any]) -> None:
    """Compare names with the notebook's `parameters` cell, since papermill only logs a line and runs the full job.

    Raises:
        ValueError: a name that is not in that cell.
    """
    from papermill import inspect_notebook

    known = inspect_notebook(path)
    if unknown := sorted(parameters.keys() - known.keys()):
        raise ValueError(
            f"{path.name} has no parameter {', '.join(map(repr, unknown))}; "
            f"its parameters cell has {', '.join(sorted(known)) or 'none'}"
        )


def run_notebook(path: Path, output: Path, *, parameters: Mapping[str, Any] | None = None, cwd: Path) -> dict:
    """Execute one notebook with papermill and return its recorded results.

    Args:
        path: the notebook; it is not changed.
        output: where the executed notebook is written, also when a cell fails.
        parameters: values for its `parameters` cell, checked by `check_parameters`.
        cwd: working directory of its kernel.

    Raises:
        ValueError: an unknown parameter.
        NotebookFailed: a cell raised.
    """
    import papermill
    from papermill.exceptions import PapermillExecutionError

    check_parameters(path, parameters or {})
    logging.getLogger("papermill").setLevel(logging.ERROR)  # its paths and its "Executing notebook" lines
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        papermill.execute_notebook(
            path,
            output,
            parameters=dict(parameters or {}),
            cwd=cwd,
            progress_bar=False,
            coalesce_streams=True,  # printed text in one piece, however it happened to arrive
            extra_arguments=["--IPKernelApp.log_level=50"],  # not its notes on how it was talked to and stopped
        )
    except PapermillExecutionError as error:
        raise NotebookFailed(
            f"{path.name}, cell {error.cell_index}: {error.ename}: {error.evalue}\nSee {output} for the traceback."
        ) from None
    return read_results(output)


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


def _parse_parameter(name: str, text: str) -> tuple[str, Any]:
    try:
        return name, ast.literal_eval(text)  # 7, 0.5, True, None, [1, 2]
    except (ValueError, SyntaxError):
        return name, text  # a bare word is a string


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m utils.run_notebooks", description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", help="which ones, by the start of the name (default: 01, 02, …)")
    parser.add_argument("-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="a parameter")
    parser.add_argument("--in-place", action="store_true", help="write back, cleaned, instead of into outputs/")
    parser.add_argument("--only-clean", action="store_true", help="with --in-place: do not execute")
    options = parser.parse_args(arguments)
    parameters = dict(_parse_parameter(name, value) for name, value in options.p)
    if options.in_place and parameters:
        parser.error("--in-place keeps what is committed to default parameters; leave out -p")
    if options.only_clean and not options.in_place:
        parser.error("--only-clean needs --in-place")
    started, every = time.perf_counter(), {}
    try:
        paths = find_notebooks(options.notebooks)
        for path in paths:
            check_parameters(path, parameters)
        for path in paths:
            every[path.stem] = _run_one(path, parameters, in_place=options.in_place, execute=not options.only_clean)
    except (ValueError, NotebookFailed) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    for name, results in every.items():
        if results:
            print(f"\n{name}\n{results_text(results)}")
    where = project_root() / ("notebooks" if options.in_place else "outputs")
    print(f"\n{len(paths)} notebooks in {time.perf_counter() - started:.0f} s. Executed notebooks: {where}")
    return 0


def _run_one(path: Path, parameters: Mapping[str, Any], *, in_place: bool, execute: bool) -> dict:
    results, source = {}, path
    if execute:
        print(f"{path.stem:<40} ", end="", flush=True)
        source = project_root() / "outputs" / path.relative_to(project_root() / "notebooks")
        started = time.perf_counter()
        results = run_notebook(path, source, parameters=parameters, cwd=path.parent)
        print(f"{time.perf_counter() - started:6.1f} s", flush=True)
    if in_place:
        nbformat.write(clean(nbformat.read(source, as_version=4)), path)
    return results


if __name__ == "__main__":
    sys.exit(main())

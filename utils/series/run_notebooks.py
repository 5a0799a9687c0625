"""Run the notebooks from the command line, and keep the committed ones clean.

    python -m utils.series.run_notebooks                     every notebook, in order, executed into outputs/
    python -m utils.series.run_notebooks 0 solutions         every notebook, then the solutions of the exercises
    python -m utils.series.run_notebooks 03 -p seed 7        one of them, with another value in its parameters cell
    python -m utils.series.run_notebooks --in-place          execute the committed notebooks themselves and clean them
    python -m utils.series.run_notebooks --in-place --only-clean    clean without executing

This is a command, so it prints. Notebooks run one after the other: two cores are one training run.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat

from utils.files import ROOT
from utils.notebook import results_text
from utils.series.cleaning import clean
from utils.series.running import NotebookFailed, find_notebooks, read_parameters, run_notebook


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m utils.series.run_notebooks", description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", help="which ones, by the start of the name (default: 01, 02, …)")
    parser.add_argument("-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="a parameter")
    parser.add_argument("--in-place", action="store_true", help="write back, cleaned, instead of into outputs/")
    parser.add_argument("--only-clean", action="store_true", help="with --in-place: do not execute")
    options = parser.parse_args(arguments)
    if options.in_place and options.p:
        parser.error("--in-place keeps what is committed to default parameters; leave out -p")
    if options.only_clean and not options.in_place:
        parser.error("--only-clean needs --in-place")
    started, every = time.perf_counter(), {}
    try:
        paths = find_notebooks(options.notebooks)
        parameters = [read_parameters(path, options.p) for path in paths]
        for path, values in zip(paths, parameters, strict=True):
            every[path.stem] = _run_one(path, values, in_place=options.in_place, execute=not options.only_clean)
    except (ValueError, NotebookFailed) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    for name, results in every.items():
        if results:
            print(f"\n{name}\n{results_text(results)}")
    where = ROOT / ("notebooks" if options.in_place else "outputs")
    print(f"\n{len(paths)} notebooks in {time.perf_counter() - started:.0f} s. Executed notebooks: {where}")
    return 0


def _run_one(path: Path, parameters: Mapping[str, Any], *, in_place: bool, execute: bool) -> dict:
    results, source = {}, path
    if execute:
        print(f"{path.stem:<40} ", end="", flush=True)
        source = ROOT / "outputs" / path.relative_to(ROOT / "notebooks")
        started = time.perf_counter()
        results = run_notebook(path, source, parameters=parameters, cwd=path.parent)
        print(f"{time.perf_counter() - started:6.1f} s", flush=True)
    if in_place:
        nbformat.write(clean(nbformat.read(source, as_version=4)), path)
    return results


if __name__ == "__main__":
    sys.exit(main())

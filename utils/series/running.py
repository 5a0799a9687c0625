"""Run a notebook with papermill: its parameters are read and checked before a kernel starts.

papermill itself only logs a misspelt name and runs the whole notebook without it. Nothing here prints.
"""

import ast
import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from utils.files import ROOT
from utils.notebook import read_results
from utils.your_data import check_parameters, parse

TYPES = {"str": str, "int": int, "float": float, "bool": bool, "dict": dict, "list": list}


class NotebookFailed(RuntimeError):
    """A notebook stopped; the message holds notebook, cell and error.

    `reason` is the sentence that it stopped with, `error` the name of the exception ("" if the kernel died).
    """

    def __init__(self, message: str, *, reason: str, error: str = "") -> None:
        super().__init__(message)
        self.reason, self.error = reason, error


def find_notebooks(wanted: Sequence[str] = ()) -> list[Path]:
    """The numbered notebooks in order; `wanted` picks some of them, or of the solutions, by how their names start.

    Examples: `["03"]`, `["solutions/03"]`, `["0", "solutions"]` for all there are.

    Raises:
        ValueError: a wanted name that no notebook starts with.
    """
    folder = ROOT / "notebooks"
    every = {path.relative_to(folder).as_posix(): path for path in sorted(folder.glob("0*.ipynb"))}
    if not wanted:
        return list(every.values())
    every |= {path.relative_to(folder).as_posix(): path for path in sorted(folder.glob("solutions/0*.ipynb"))}
    starts = [name.removeprefix("notebooks/") for name in wanted]
    for start in starts:
        if not any(name.startswith(start) for name in every):
            raise ValueError(f"no notebook starts with {start!r}; there are {', '.join(every)}")
    return [path for name, path in every.items() if name.startswith(tuple(starts))]


def parameters_of(path: Path) -> dict[str, tuple[type, Any, str]]:
    """The parameters of a notebook, by name: type, default and comment of each line of its `parameters` cell."""
    from papermill import inspect_notebook

    found = {}
    for name, entry in inspect_notebook(_as_it_is(path)).items():
        default = ast.literal_eval(entry["default"])  # somebody may have added a line without a type
        found[name] = TYPES.get(entry["inferred_type_name"], type(default)), default, entry["help"]
    return found


def read_parameters(path: Path, given: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Values as words of a command line, turned into what the notebook's cell says and checked.

    Raises:
        ParameterError: a name that the notebook does not have, or a value that it cannot use.
    """
    known = parameters_of(path)
    values = {name: parse(text, known[name][0] if name in known else str) for name, text in given}
    _check(known, values)
    return values


def run_notebook(
    path: Path,
    output: Path,
    *,
    parameters: Mapping[str, Any] | None = None,
    cwd: Path,
    live: bool = False,
) -> dict[str, float]:
    """Execute one notebook and return its recorded results.

    Args:
        path: the notebook; it is not changed.
        output: where the executed notebook is written, also when a cell fails.
        parameters: values for its `parameters` cell.
        cwd: working directory of its kernel.
        live: what the cells print goes to standard output while they run.

    Raises:
        ParameterError: an unknown parameter, or a value that the notebook cannot use.
        NotebookFailed: a cell raised, or the kernel died.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    _check(parameters_of(path), parameters or {})
    logging.getLogger("papermill").setLevel(logging.ERROR)  # its paths and its "Executing notebook" lines
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        papermill.execute_notebook(
            _as_it_is(path),
            _as_it_is(output),
            parameters=dict(parameters or {}),
            cwd=cwd,
            progress_bar=False,
            start_timeout=600,  # seconds; a busy machine is slow, and a broken kernel fails at once
            coalesce_streams=True,  # printed text in one piece, however it happened to arrive
            stdout_file=sys.stdout if live else None,
            extra_arguments=["--IPKernelApp.log_level=50"],  # not its notes on how it was talked to and stopped
            kernel_manager_class=_own_kernel(),
        )
    except PapermillExecutionError as error:
        where = f"{path.name}, cell {error.cell_index}: {error.ename}: {error.evalue}"
        message = f"{where}\nSee {output} for the traceback."
        raise NotebookFailed(message, reason=error.evalue, error=error.ename) from None
    except DeadKernelError:
        why = "the process that runs it has died, most often for want of memory"
        raise NotebookFailed(f"{path.name}: {why}", reason=why) from None
    except RuntimeError as error:  # jupyter_client's, while the kernel starts
        why = f"no kernel could be started: {error}"
        raise NotebookFailed(f"{path.name}: {why}", reason=why) from None
    return read_results(output)


def _as_it_is(path: Path) -> str:
    """A path for papermill, which would take braces in it for fields to be filled in."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _own_kernel() -> type:
    """A kernel of this very Python. The one that a user has installed as `python3` may be another one, or broken."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    class OwnKernel(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return KernelSpec(argv=command, display_name="Python 3", language="python")

    return OwnKernel


def _check(known: Mapping[str, tuple[type, Any, str]], values: Mapping[str, Any]) -> None:
    """The given values and, since some belong together, the defaults of the others."""
    defaults = {name: default for name, (_, default, _) in known.items()}
    check_parameters(defaults | values, {name: kind for name, (kind, _, _) in known.items()})

"""Your own data from the command line: notebook 07 as a job.

    python -m utils.job -p data_path my.csv -p text_column review -p answer_column stars
    python -m utils.job --help          every parameter of the notebook, with its default

papermill itself would only log a misspelt name and run the whole job without it. So names, types and ranges are checked
against the notebook before a kernel starts. This is a command, so it prints. What it does not do: the work.
"""

import argparse
import ast
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from utils.notebook import project_root
from utils.parameters import ParameterError, check_parameters, parse

NOTEBOOK = project_root() / "notebooks" / "07_your_own_data.ipynb"
TYPES = {"str": str, "int": int, "float": float, "bool": bool}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status: 0 if there is a report, 130 if interrupted, else 1."""
    from papermill import inspect_notebook

    known = inspect_notebook(NOTEBOOK)
    lines = [f"  {name:<19} {entry['help']} (now {entry['default']})" for name, entry in known.items()]
    parser = argparse.ArgumentParser(
        prog="python -m utils.job",
        description=__doc__.splitlines()[0],
        epilog="parameters:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="a parameter")
    options = parser.parse_args(arguments)
    types = {name: TYPES[entry["inferred_type_name"]] for name, entry in known.items()}
    values = {name: parse(text, types.get(name, str)) for name, text in options.p}
    all_values = {name: ast.literal_eval(entry["default"]) for name, entry in known.items()} | values
    try:
        check_parameters(all_values, types)
        report = _execute(values, project_root() / all_values["output_dir"])
    except (ParameterError, JobFailed, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130  # as a shell reports it
    print(f"\nReport: {report}")
    return 0


class JobFailed(RuntimeError):
    """The notebook stopped; the message is the sentence that it stopped with."""


def _execute(values: dict, folder: Path) -> Path:
    """Run the notebook where the command was given, so that relative paths mean what they say there."""
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    logging.getLogger("papermill").setLevel(logging.ERROR)
    folder.mkdir(parents=True, exist_ok=True)
    unfinished, finished = folder / "notebook.unfinished.ipynb", folder / "notebook.ipynb"
    try:
        papermill.execute_notebook(
            NOTEBOOK,
            unfinished,
            parameters=values,
            cwd=Path.cwd(),
            progress_bar=False,
            stdout_file=sys.stdout,  # what the cells print appears while they run
            extra_arguments=["--IPKernelApp.log_level=50"],
        )
    except PapermillExecutionError as error:
        raise JobFailed(f"{error.evalue}\n(where: {unfinished})") from None
    except DeadKernelError:
        raise JobFailed(
            "the process that trains has died, most often for want of memory: lower micro_batch_size or max_length, "
            "and run again; it goes on from its last checkpoint"
        ) from None
    os.replace(unfinished, finished)
    return folder / "report.html"


if __name__ == "__main__":
    sys.exit(main())

"""Your own data from the command line: notebook 07 as a job.

    python -m utils.job -p data_path my.csv -p text_column review -p answer_column stars
    python -m utils.job -p data_path my.csv -p dry_run True     say how long it takes and what it costs, and stop
    python -m utils.job --help                                  every parameter of the notebook, with its default

papermill itself would only log a misspelt name and run the whole job without it. So names, types and ranges are checked
against the notebook before a kernel starts. This is a command, so it prints.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from utils.files import ROOT
from utils.series import NotebookFailed, parameters_of, read_parameters, run_notebook
from utils.your_data import DryRun, ParameterError, artefacts

NOTEBOOK = ROOT / "notebooks" / "07_your_own_data.ipynb"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status: 0 if there is a report or it was a dry run, 130 if interrupted, else 1."""
    known = parameters_of(NOTEBOOK)
    lines = [f"  {name:<19} {comment} (now {default!r})" for name, (_, default, comment) in known.items()]
    parser = argparse.ArgumentParser(
        prog="python -m utils.job",
        description=__doc__.splitlines()[0],
        epilog="parameters:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="a parameter")
    options = parser.parse_args(arguments)
    try:
        values = read_parameters(NOTEBOOK, options.p)
        folder = artefacts.start(values.get("output_dir", known["output_dir"][1]))
        unfinished = folder / artefacts.RUNNING
        # It runs where the command was given, so that relative paths mean what they say there.
        run_notebook(NOTEBOOK, unfinished, parameters=values, cwd=Path.cwd(), live=True)
    except NotebookFailed as error:
        if error.error == DryRun.__name__:  # what there is to say has been printed
            artefacts.discard_notebook(folder)
            return 0
        print(f"{error.reason}\n(where: {unfinished})", file=sys.stderr)
        return 1
    except (ParameterError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130  # as a shell reports it
    artefacts.publish_notebook(folder)
    print(f"\nReport: {folder / 'report.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

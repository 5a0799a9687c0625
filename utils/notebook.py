"""What every notebook starts and ends with: a calm environment first, recorded results last.

A result is a number that a later reader needs: the tests, the README, the table after `make run`. It travels inside
the executed notebook, as one more form of an output that people see as a table. Neither torch nor
transformers is imported.
"""

import html
import json
import logging
import math
import os
import sys
import warnings
from collections.abc import Mapping
from functools import partialmethod
from pathlib import Path
from typing import Any

from utils.colab import in_colab, install_missing, install_model
from utils.files import ROOT

RESULTS_MIME = "application/x-results+json"

# Read by libraries when they are imported, so they must be there before. A value that the reader has set is kept.
ENVIRONMENT = {
    "OMP_WAIT_POLICY": "PASSIVE",  # waiting threads sleep; when they spin, a busy neighbour slows training many times
    "TOKENIZERS_PARALLELISM": "false",  # no threads in the tokenizer, hence no warning when a data loader forks
    "TRANSFORMERS_VERBOSITY": "error",  # its notes are on how trl and peft call it, which no reader can change
}
HEADLESS_ENVIRONMENT = {
    "TQDM_DISABLE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
}


def prepare() -> None:
    """Set up this Python process for a notebook; the setup cell calls it before anything heavy is imported.

    In Colab it first installs the packages that the runtime lacks, and the bundled model. Then it sets `ENVIRONMENT`
    and silences the libraries' notes to each other; without a person in front (papermill, tests) it also switches off
    progress bars, which would be committed as debris. Figures become sharp on high-resolution screens.

    Raises:
        ColabError: versions that do not fit together in a Colab runtime, or no bundled model; it says what to do.

    Warns (UserWarning) if torch was imported before and `OMP_WAIT_POLICY` was not set: it is too late by then.
    """
    if in_colab():
        install_missing(ROOT)
        install_model(ROOT)
    if "torch" in sys.modules and "OMP_WAIT_POLICY" not in os.environ:
        warnings.warn(
            "torch was imported before prepare(), so OMP_WAIT_POLICY has no effect and training may be slow. "
            "Restart the kernel and run the setup cell first.",
            stacklevel=2,
        )
    headless = not has_front_end()
    set_environment(headless=headless)
    warnings.simplefilter("ignore", FutureWarning)
    if headless:
        _switch_off_progress_widgets()
    if shell := _shell():
        shell.config.InlineBackend.figure_formats = {"retina"}  # read when matplotlib is first imported


def set_environment(*, headless: bool) -> None:
    """Put the defaults above into `os.environ`; this is the one place that does, for notebooks, commands and tests."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # not its note on optional kernels for CPUs
    for name, value in (ENVIRONMENT | (HEADLESS_ENVIRONMENT if headless else {})).items():
        os.environ.setdefault(name, value)


def has_front_end() -> bool:
    """Is a person looking on: a notebook in JupyterLab, VS Code or Colab, rather than papermill or a script?

    A front end offers the kernel a way to ask its user for input. nbclient, with which papermill runs notebooks,
    declines to (`allow_stdin`), so the answer needs no environment variable that someone could forget.
    """
    shell = _shell()
    return bool(shell and getattr(shell.kernel, "_allow_stdin", False))


def record_results(**numbers: float) -> None:
    """Show named numbers as a table and store them in the notebook, for `read_results` to find.

    Args:
        numbers: finite int, float or bool values (numpy and torch scalars too), by name. A pair of names
            `base_x` and `tuned_x` shares one row of the table.

    Raises:
        TypeError: a value that is not one number.
        ValueError: no value at all, or one that is not finite (NaN, infinity).

    Example: `record_results(base_label_accuracy=0.02, tuned_label_accuracy=0.93)`
    """
    if not numbers:
        raise ValueError("record_results() got no results; pass them by name: record_results(accuracy=0.9)")
    results = {name: _plain_number(name, value) for name, value in numbers.items()}
    # A list keeps the order: nbformat sorts the keys of an object when it writes the file.
    bundle = {
        RESULTS_MIME: [*map(list, results.items())],
        "text/plain": results_text(results),
        "text/html": _results_html(results),
    }
    if _shell() is None:  # a plain Python process has no notebook to store them in
        return
    from IPython.display import display

    display(bundle, raw=True)


def read_results(path: str | Path) -> dict[str, float]:
    """Read back what the notebook file at `path` recorded when it was executed: {name: number}.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a notebook, or a name that was recorded twice.
    """
    try:
        cells = json.loads(Path(path).read_text(encoding="utf-8"))["cells"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a notebook file (.ipynb): {error!r}") from error
    results: dict[str, float] = {}
    for cell in cells:
        for output in cell.get("outputs", []):
            recorded = dict(output.get("data", {}).get(RESULTS_MIME, []))
            if twice := results.keys() & recorded.keys():
                raise ValueError(f"{path} records {', '.join(sorted(twice))} twice; give each result its own name")
            results |= recorded
    return results


def result_rows(results: Mapping[str, float]) -> list[tuple[str, ...]]:
    """A table of results in recorded order, headings first: `base_x` and `tuned_x` share a row, others stand apart.

    >>> result_rows({"base_f1": 0.1, "tuned_f1": 0.75, "test_rows": 96})
    [('result', 'base', 'tuned', 'value'), ('f1', '0.1', '0.75', ''), ('test rows', '', '', '96')]
    """
    heads, rows = ("base", "tuned", "value"), {}
    for name, value in results.items():
        prefix, _, rest = name.partition("_")
        head, shown = (prefix, rest) if prefix in ("base", "tuned") else ("value", name)
        row = rows.setdefault(shown.replace("_", " "), dict.fromkeys(heads, ""))
        row[head] = f"{value:z.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    used = [head for head in heads if any(row[head] for row in rows.values())]
    return [("result", *used), *((name, *(row[head] for head in used)) for name, row in rows.items())]


def results_text(results: Mapping[str, float]) -> str:
    """The same rows as aligned plain text; headings only where there is something to compare."""
    rows = result_rows(results)
    rows = rows[1:] if rows[0] == ("result", "value") else rows
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([f"{row[0]:<{widths[0]}}", *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _results_html(results: Mapping[str, float]) -> str:
    head, *rows = result_rows(results)
    lines = [("th", head), *(("td", row) for row in rows)]
    body = "".join(
        "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>" for tag, row in lines
    )
    return f"<table>{body}</table>"


def _switch_off_progress_widgets() -> None:
    # tqdm's notebook bars, unlike its other ones, do not look at TQDM_DISABLE.
    from tqdm.notebook import tqdm_notebook

    tqdm_notebook.__init__ = partialmethod(tqdm_notebook.__init__, disable=True)


def _plain_number(name: str, value: Any) -> float:
    try:
        number = value.item() if hasattr(value, "item") else value
    except (ValueError, RuntimeError):  # an array of several numbers
        number = value
    if not isinstance(number, int | float):
        raise TypeError(f"result {name}={value!r} is a {type(value).__name__}; record one number under each name")
    if not math.isfinite(number):
        raise ValueError(f"result {name}={value!r} is not finite; find out why before recording it")
    return number


def _shell() -> Any:
    """The running notebook kernel's shell, or None in a plain Python process or a terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell if shell is not None and hasattr(shell, "kernel") else None

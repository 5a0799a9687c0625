"""utils/notebook.py in real kernels, with and without a front end."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel
from nbformat.v4 import new_code_cell, new_notebook, new_output
from notebooks_fixture import SETUP, write_notebook

from utils.files import ROOT
from utils.notebook import read_results, record_results, result_rows, results_text
from utils.series import run_notebook
from utils.series.cleaning import WIDGET_MIME


def stored(path: Path, *recordings: list) -> Path:
    outputs = [new_output("display_data", data={"application/x-results+json": pairs}) for pairs in recordings]
    nbformat.write(new_notebook(cells=[new_code_cell("", outputs=outputs)]), path)
    return path


def python(code: str, **environment: str) -> subprocess.CompletedProcess:
    env = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"} | environment
    run = [sys.executable, "-c", code]
    return subprocess.run(run, cwd=ROOT, env=env, capture_output=True, text=True, check=True)


# --- prepare ---


def test_headless_run_leaves_results_but_no_progress_bar_and_no_stderr(tmp_path):
    notebook = write_notebook(
        tmp_path / "in.ipynb",
        "from tqdm.auto import tqdm\nimport tqdm as plain\n[*tqdm(range(n))]; [*plain.tqdm(range(n))];",
        "import os, time\nprint(os.environ['OMP_WAIT_POLICY'], os.environ['TOKENIZERS_PARALLELISM'], flush=True)\n"
        "time.sleep(0.5)\nprint(has_front_end())",
        "record_results(n=n)",
    )
    assert run_notebook(notebook, tmp_path / "out.ipynb", parameters={"n": 4}, cwd=tmp_path) == {"n": 4}
    outputs = [o for cell in nbformat.read(tmp_path / "out.ipynb", as_version=4).cells for o in cell.get("outputs", [])]
    assert [o.get("text", "results") for o in outputs] == ["PASSIVE false\nFalse\n", "results"]


@pytest.mark.parametrize("front_end", [True, False])
def test_a_person_in_front_keeps_the_progress_widgets(front_end):
    shown = in_a_kernel("print(has_front_end())\nfrom tqdm.auto import tqdm\n[*tqdm(range(3))];", front_end=front_end)
    assert f"{front_end}\n" in shown
    assert any(WIDGET_MIME in output for output in shown) is front_end


def test_a_person_in_front_is_spared_the_notes_of_the_libraries_to_each_other():
    code = "import warnings; warnings.warn('renamed', FutureWarning)\nfrom transformers.utils import logging\n"
    code += "logging.get_logger('transformers.generation').warning('deprecated')\nwarnings.warn('yours')"
    [shown] = in_a_kernel(code, front_end=True)
    assert "UserWarning: yours" in shown and "renamed" not in shown and "deprecated" not in shown


def in_a_kernel(code: str, *, front_end: bool) -> list:
    """What a cell shows after the setup cell, with somebody in front of it or not: texts, and data of outputs."""
    quiet = ("TRANSFORMERS_VERBOSITY", "OMP_WAIT_POLICY")  # the tests' own settings must not do the work
    environment = {name: value for name, value in os.environ.items() if name not in quiet}
    manager, client = start_new_kernel(extra_arguments=["--IPKernelApp.log_level=40"], env=environment)
    shown = []

    def keep(message):
        shown.append(message["content"].get("text") or message["content"].get("data", {}))

    try:
        reply = client.execute_interactive(f"{SETUP}\n{code}", allow_stdin=front_end, output_hook=keep, timeout=120)
        assert reply["content"]["status"] == "ok", reply["content"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return [output for output in shown if output]


def test_prepare_keeps_what_the_reader_has_set():
    code = "import os; from utils.notebook import prepare; prepare(); print(os.environ['OMP_WAIT_POLICY'])"
    assert python(code).stdout == "PASSIVE\n"
    assert python(code, OMP_WAIT_POLICY="ACTIVE").stdout == "ACTIVE\n"


def test_prepare_says_when_torch_was_imported_first():
    code = "import sys; sys.modules['torch'] = sys; from utils.notebook import prepare; prepare()"
    assert "Restart the kernel" in python(code).stderr
    assert python(code, OMP_WAIT_POLICY="PASSIVE").stderr == ""


def test_notebook_module_is_light():
    code = "import sys, utils.notebook; utils.notebook.prepare(); print({'torch', 'matplotlib'} & set(sys.modules))"
    assert python(code).stdout == "set()\n"


# --- results ---


def test_results_come_back_in_the_order_they_were_recorded_as_plain_numbers(tmp_path):
    code = (
        "import numpy as np\nrecord_results(zeta=np.float32(0.5), alpha=np.int64(2), yes=True)\nrecord_results(last=1)"
    )
    results = run_notebook(write_notebook(tmp_path / "in.ipynb", code), tmp_path / "out.ipynb", cwd=tmp_path)
    assert list(results.items()) == [("zeta", 0.5), ("alpha", 2), ("yes", True), ("last", 1)]


@pytest.mark.parametrize(
    ("value", "error"),
    [(float("nan"), ValueError), (float("inf"), ValueError), ("0.9", TypeError), (None, TypeError)]
    + [(np.array([1.0, 2.0]), TypeError), (np.float64("nan"), ValueError), ([1], TypeError)],
)
def test_only_finite_numbers_are_recorded(value, error):
    with pytest.raises(error, match="span_f1"):
        record_results(span_f1=value)


def test_recording_nothing_is_an_error():
    with pytest.raises(ValueError, match="by name"):
        record_results()


def test_reading_refuses_duplicates_and_files_that_are_no_notebook(tmp_path):
    with pytest.raises(ValueError, match="accuracy twice"):
        read_results(stored(tmp_path / "twice.ipynb", [["accuracy", 0.1]], [["accuracy", 0.2]]))
    (tmp_path / "no.ipynb").write_text("[]")
    with pytest.raises(ValueError, match="not a notebook"):
        read_results(tmp_path / "no.ipynb")
    with pytest.raises(FileNotFoundError):
        read_results(tmp_path / "missing.ipynb")


def test_base_stands_beside_tuned():
    results = {"tuned_span_f1": 0.9125, "base_span_f1": 0.0, "test_rows": 120}
    rows = [("span f1", "0", "0.912", ""), ("test rows", "", "", "120")]  # what is not compared stands apart
    assert result_rows(results) == [("result", "base", "tuned", "value"), *rows]
    text = results_text(results).splitlines()
    assert text[0].split() == ["result", "base", "tuned", "value"] and text[1].index("0.912") == text[0].index("tuned")
    assert results_text({"test_rows": 120}) == "test rows  120"
    assert results_text({"cost": -0.0001}) == "cost  0"
    assert results_text({"value_added": 1, "added": 2}).splitlines() == ["value added  1", "added        2"]

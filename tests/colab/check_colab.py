"""The notebooks as Colab runs them: an empty folder, a runtime with torch and little else, and an address to fetch.

`make test-colab` runs this. It makes two environments and installs into them, so it takes many minutes and needs the
package registry; `make test` leaves it out. The runtime is a stand-in: what Colab is to the notebooks is a module
`google.colab`, a working folder that holds nothing, and the packages that are there already.
"""

import os
import shutil
import subprocess
import venv
from pathlib import Path

import nbformat
import pytest
from papermill import execute_notebook

from tests.project_copy import FEW_ROWS, copy_project
from utils.files import ROOT
from utils.notebook import read_results
from utils.series import find_notebooks
from utils.series.setup_cell import with_address

# Older than ours on purpose, as in Colab: these stay as they are, and the notebooks have to get on with them.
SHIPPED = ["torch", "numpy==2.0.2", "pandas==2.2.2", "ipykernel", "matplotlib==3.10.0"]
REF = "v-test"


@pytest.fixture(scope="module")
def remote(tmp_path_factory):
    """A git repository with the project as it is now, at a tag, and a later commit that must not be fetched."""
    # Without the model: a runtime installs and prepares it by itself.
    work = copy_project(tmp_path_factory.mktemp("remote") / "the project", model=False)
    for name in ("requirements.txt", "constraints.txt"):
        shutil.copy(ROOT / name, work)
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", "-C", str(work)]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"], ["tag", REF]):
        subprocess.run(git + command, check=True)
    (work / "utils" / "notebook.py").write_text("raise SystemError('not at the tag')")
    subprocess.run([*git, "commit", "-qam", "later"], check=True)
    return work


@pytest.fixture(params=[("02", "04"), ("04", "02")], ids="then".join)
def runtime(request, tmp_path, monkeypatch):
    """(order, Jupyter kernel name) of a fresh environment with only what `SHIPPED` names, and `google.colab`."""
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    own = {name.partition("==")[0] for name in SHIPPED if "==" in name}
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("\n".join(pin for pin in pins if pin.partition("==")[0] not in own), encoding="utf-8")
    subprocess.run([python, "-m", "pip", "install", "-q", *SHIPPED, "-c", constraints], check=True)
    stand_in = next(environment.rglob("site-packages")) / "google" / "colab"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").touch()
    subprocess.run(
        [python, "-m", "ipykernel", "install", "--prefix", str(tmp_path / "jupyter"), "--name", "colab"],
        check=True,
        capture_output=True,
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter" / "share" / "jupyter"))
    monkeypatch.setenv("PATH", f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return request.param


def run_as_in_colab(number: str, remote: Path, folder: Path) -> dict:
    """Run a notebook from an empty folder with nothing around it, with little training; returns its results."""
    [path] = find_notebooks([number])
    notebook = with_address(nbformat.read(path, as_version=4), str(remote), REF, name=path.name)
    nbformat.write(notebook, folder / path.name)
    executed = folder / "executed.ipynb"
    little = {"rows": FEW_ROWS, "test_rows_per_task": 4, "base_rows_per_task": 4}
    parameters = little if number == "04" else {}
    execute_notebook(folder / path.name, executed, parameters, kernel_name="colab", cwd=folder, progress_bar=False)
    return read_results(executed)


def test_notebooks_run_in_a_fresh_runtime_in_either_order_and_again_after_a_restart(runtime, remote, tmp_path):
    folder = tmp_path / "content"
    folder.mkdir()
    for number in runtime:
        assert run_as_in_colab(number, remote, folder)
    fetched = folder / remote.name
    assert (fetched / "outputs" / "adapter" / "adapter_model.safetensors").exists()
    before = subprocess.check_output(["git", "-C", fetched, "rev-parse", "HEAD"])
    assert before == subprocess.check_output(["git", "-C", remote, "rev-parse", REF])
    for name, version in (pin.split("==") for pin in SHIPPED if "==" in pin):
        found = [p.name for p in tmp_path.rglob(f"site-packages/{name}-*.dist-info")]
        assert found == [f"{name}-{version}.dist-info"], "a package of the runtime was replaced"
    assert run_as_in_colab("02", remote, folder)  # a new kernel in the same runtime: nothing is fetched or installed
    assert subprocess.check_output(["git", "-C", fetched, "status", "--porcelain", "-uno"]) == b""

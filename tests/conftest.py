"""What all tests share. It is imported before any test module, hence before torch."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from utils.notebook import set_environment

set_environment(headless=False)  # output is captured anyway, and warnings belong in pytest's summary
# Tests never need the network; without this a wrong model name takes most of a minute to fail. Kernels inherit it.
os.environ["HF_HUB_OFFLINE"] = "1"
# Workers of pytest-xdist share the cores; two of them with all threads each would wait for one another.
if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // int(workers)))

# A busy machine is slow; that is not a bug.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


# What takes minutes as a whole, the longest first: workers take whole files in turn, and the last is waited for.
LONG = ["test_with_the_adapter.py", "test_without_it.py", "test_job.py", "test_loop.py", "test_architectures.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A test that took a minute or more says so, since these decide how long the whole takes."""
    if report.duration >= 60 and "PYTEST_XDIST_WORKER" not in os.environ:
        print(f"\n{report.nodeid}, {report.when}: {report.duration:.0f} s", file=sys.__stderr__, flush=True)


@pytest.fixture(scope="session")
def refdata() -> Path:
    """The folder of real public data and tokenizers, named by the environment variable REFDATA; else a skip."""
    folder = os.environ.get("REFDATA")
    if not folder:
        pytest.skip("needs real data: set REFDATA to a folder with tokenizers/, instruct/, classify/ and extract/")
    if not Path(folder).is_dir():
        pytest.fail(f"REFDATA={folder} is not a folder")
    return Path(folder)


@pytest.fixture
def write_here(tmp_path, monkeypatch):
    """A function that writes a file into the working directory, which is a new folder; it returns the file's name."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, text: str) -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return name

    return write

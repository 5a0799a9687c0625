"""The first cell is the same everywhere, and nothing points to an address that nobody has set."""

import json
import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest

from utils.bundled_model import smollm2
from utils.files import ROOT
from utils.series.setup_cell import ANY_BADGE, address_in, badge, readme_with_address, setup_cell, with_address

NOTEBOOKS = sorted((ROOT / "notebooks").rglob("0*.ipynb"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
FORK = "https://github.com/ann/fork"


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
    address = address_in(setup_of(NOTEBOOKS[0]))
    assert readme_with_address(README, *address) == README, "run `make colab`"
    series = [path for path in NOTEBOOKS if path.parent.name == "notebooks"]
    assert not [path.name for path in series if badge(*address, path.name) not in README]


def test_without_an_address_no_page_and_no_notebook_has_a_badge():
    if address_in(setup_of(NOTEBOOKS[0]))[0]:
        pytest.skip("this copy has its address")
    pages = [path for folder in (".", "docs", "data") for path in (ROOT / folder).glob("*.md")]
    assert not [path.name for path in pages + NOTEBOOKS if re.search(ANY_BADGE, path.read_text(encoding="utf-8"))]


def test_make_colab_writes_an_address_everywhere_and_takes_it_out_again(tmp_path):
    for name in ("utils", "notebooks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "README.md", tmp_path)
    files = [*(tmp_path / "notebooks").rglob("0*.ipynb"), tmp_path / "README.md"]

    def make_colab(*arguments):
        subprocess.run([sys.executable, "-m", "utils.series.setup_cell", *arguments], cwd=tmp_path, check=True)
        return [path.read_text(encoding="utf-8") for path in files]

    bare = make_colab("--repo", "")
    assert not [path.name for path, text in zip(files, bare, strict=True) if re.search(ANY_BADGE, text)]
    first = make_colab("--repo", f"{FORK}.git", "--ref", "v9")
    for path, text in zip(files, first, strict=True):
        assert "/github/ann/fork/blob/v9/notebooks/" in text, path.name
    assert {address_in(setup_of(path)) for path in files[:-1]} == {(f"{FORK}.git", "v9")}
    assert make_colab() == first
    assert make_colab("--repo", "") == bare


def test_make_hands_on_an_empty_address_and_leaves_out_one_that_is_not_given():
    def command(*arguments):
        call = ["make", "--no-print-directory", "-n", "-o", ".venv/installed", "colab", *arguments]
        plain = {name: value for name, value in os.environ.items() if name not in ("REPO", "REF", "MAKEFLAGS")}
        return subprocess.run(call, cwd=ROOT, env=plain, capture_output=True, text=True, check=True).stdout.strip()

    assert command().endswith("-m utils.series.setup_cell")
    assert command("REPO=").endswith('--repo ""')
    assert command(f"REPO={FORK}", "REF=v9").endswith(f'--repo "{FORK}" --ref "v9"')


def test_a_badge_leads_to_github_or_there_is_none():
    assert "/github/ann/fork/blob/v1/notebooks/01_x.ipynb" in badge(f"{FORK}.git", "v1", "01_x.ipynb")
    assert badge(f"{FORK}/", "v1", "01_x.ipynb") == badge(FORK, "v1", "01_x.ipynb")
    assert badge("", "main", "01_x.ipynb") == badge("https://git.example.org/ann/fork", "v1", "01_x.ipynb") == ""


def test_a_notebook_without_a_setup_cell_is_named():
    with pytest.raises(ValueError, match=r"05_new\.ipynb has 0 cells tagged 'setup'"):
        with_address(nbformat.v4.new_notebook(), FORK, "v1", name="05_new.ipynb")


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


def test_in_colab_without_an_address_the_cell_stops_and_says_what_to_set(tmp_path):
    done = run_cell(tmp_path, setup_cell("", "main"), colab=True)
    assert done.returncode and "Set REPO in this cell to the address" in done.stderr.splitlines()[-1]
    assert not list((tmp_path / "content").iterdir())


def test_elsewhere_the_cell_fetches_nothing(tmp_path, repository):
    done = run_cell(tmp_path, setup_cell(str(repository), "v1"))
    assert "No module named 'utils'" in done.stderr
    assert not list((tmp_path / "content").iterdir())


def test_from_any_folder_of_the_project_the_cell_finds_its_root():
    for folder in (ROOT, ROOT / "notebooks", ROOT / "data"):
        source = setup_cell("", "main") + "\nprint(ROOT)"
        done = subprocess.run([sys.executable, "-c", source], cwd=folder, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == str(ROOT)

"""The cell that every notebook starts with, and the badges that open notebooks in Colab: `make colab`.

    make colab REPO=https://github.com/ann/fork REF=v1.1    your address, at a tag, commit or branch
    make colab                                              every notebook and README.md as the first notebook has it
    make colab REPO=                                        no address, and no badge, as in a fresh copy

The address stands in one place, the setup cell; from there it is written into all the others. Without one the cell
works in the project's folder, and says in Colab what to set. A new notebook needs nothing but a first cell with a title
and a code cell tagged `setup`.
"""

import argparse
import re
import sys
from collections.abc import Sequence

import nbformat

from utils.files import ROOT

NO_ADDRESS = "", "main"
SETUP = """\
import sys  # Setup, the same cell in every notebook: it finds the project's folder, which it fetches first in Colab.
from importlib.util import find_spec
from pathlib import Path
from subprocess import run

REPO, REF, HERE = "{repo}", "{ref}", Path.cwd()
ROOT = next((p for p in (HERE, *HERE.parents) if (p / "utils/notebook.py").exists()), HERE / Path(REPO).stem)
if not (ROOT / "utils/notebook.py").exists() and find_spec("google") and find_spec("google.colab"):
    assert REPO, "Set REPO in this cell to the address of the project's repository (https://…), and run it again."
    run(["git", "clone", "-q", REPO, ROOT], check=True)
    run(["git", "-C", ROOT, "checkout", "-q", REF]).returncode and print(REPO, "lacks", REF, "- using its newest state")
sys.path.insert(0, str(ROOT)) if str(ROOT) not in sys.path else None
from utils.notebook import prepare, record_results

prepare()"""
BADGE = (
    "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
    "(https://colab.research.google.com/github/{repository}/blob/{ref}/notebooks/{name})"
)
ANY_BADGE = r"\[!\[Open in Colab\][^\n|]*?\.ipynb\)"
ROW = r"^\| \[[^]]+\]\(notebooks/([^)]+\.ipynb)\)"  # of the table of notebooks in README.md


def setup_cell(repo: str, ref: str) -> str:
    """The source of the setup cell for a repository's address ("" for none) and a ref (tag, commit or branch)."""
    return SETUP.replace("{repo}", repo).replace("{ref}", ref)


def address_in(source: str) -> tuple[str, str]:
    """(repo, ref) as a setup cell has them; repo is "" where no address has been set.

    Raises:
        ValueError: no such line in it.
    """
    found = re.search(r'^REPO, REF, HERE = "([^"]*)", "([^"]+)"', source, re.MULTILINE)
    if not found:
        raise ValueError('the setup cell has no line REPO, REF, HERE = "…", "…", …: run `make colab REPO=…`')
    return found[1], found[2]


def badge(repo: str, ref: str, name: str) -> str:
    """Markdown that opens the notebook `name`, a path below notebooks/, in Colab; "" unless `repo` is on GitHub.

    Colab opens notebooks from GitHub only, so a badge for another address would lead nowhere.
    """
    found = re.fullmatch(r"https?://(?:www\.)?github\.com/([^/]+/[^/]+?)(?:\.git)?/?", repo)
    return BADGE.format(repository=found[1], ref=ref, name=name) if found else ""


def with_address(notebook: nbformat.NotebookNode, repo: str, ref: str, *, name: str) -> nbformat.NotebookNode:
    """`notebook` with this setup cell and, under the sentence that it opens with, this badge, if there is one.

    Raises:
        ValueError: not exactly one cell tagged `setup`.
    """
    cells = [cell for cell in notebook.cells if "setup" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise ValueError(f"{name} has {len(cells)} cells tagged 'setup'; it needs one")
    cells[0].source = setup_cell(repo, ref)
    first, new = notebook.cells[0], badge(repo, ref, name)
    title, sentence, *rest = re.sub(rf"\n\n{ANY_BADGE}", "", first.source).split("\n\n")
    first.source = "\n\n".join([title, sentence, *([new] if new else []), *rest])
    return notebook


def readme_with_address(text: str, repo: str, ref: str) -> str:
    """README.md's text, or its table of notebooks, with a badge after each notebook's name, if there is one."""
    bare = re.sub(f" {ANY_BADGE}", "", text)
    return re.sub(ROW, lambda row: f"{row[0]} {badge(repo, ref, row[1])}".rstrip(), bare, flags=re.MULTILINE)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m utils.series.setup_cell", description=__doc__.splitlines()[0])
    parser.add_argument("--repo", help='the repository\'s address, "" for none (default: as in the first notebook)')
    parser.add_argument("--ref", help="tag, commit or branch that Colab fetches (default: as in the first notebook)")
    options = parser.parse_args(arguments)
    folder, readme = ROOT / "notebooks", ROOT / "README.md"
    paths = sorted(folder.rglob("0*.ipynb"))
    repo, ref = _address(nbformat.read(paths[0], as_version=4), options.repo, options.ref)
    for path in paths:
        notebook = with_address(nbformat.read(path, as_version=4), repo, ref, name=path.relative_to(folder).as_posix())
        nbformat.write(notebook, path)
    readme.write_text(readme_with_address(readme.read_text(encoding="utf-8"), repo, ref), encoding="utf-8")
    return 0


def _address(first: nbformat.NotebookNode, repo: str | None, ref: str | None) -> tuple[str, str]:
    """What was given, and of what was not the state of the first notebook, which need not be readable for both."""
    if repo == "":
        return NO_ADDRESS
    if repo and ref:
        return repo, ref
    setup = next(cell.source for cell in first.cells if "setup" in cell.metadata.get("tags", []))
    before = address_in(setup)
    return repo or before[0], ref or before[1]


if __name__ == "__main__":
    sys.exit(main())

"""The cell that every notebook starts with, and the badges that open notebooks in Colab: `make colab`.

    make colab                                         every notebook and README.md as the first notebook has it
    make colab REPO=https://github.com/you/fork REF=v1.1    the address of your fork, at a tag, commit or branch

The address stands in one place, the setup cell; from there it is written into all the others. A new notebook needs
nothing but a first cell with a title and a code cell tagged `setup`. What this module does not do: run notebooks.
"""

import argparse
import re
import sys
from collections.abc import Sequence

import nbformat

from utils.files import ROOT

SETUP = """\
# Setup: the same cell in every notebook. It finds the project's folder; in Colab it fetches the project first.
import sys
from importlib.util import find_spec
from pathlib import Path
from subprocess import run

REPO, REF, HERE = "{repo}", "{ref}", Path.cwd()
ROOT = next((p for p in (HERE, *HERE.parents) if (p / "utils/notebook.py").exists()), HERE / Path(REPO).stem)
if not ROOT.exists() and ("google.colab" in sys.modules or find_spec("google") and find_spec("google.colab")):
    run(["git", "clone", "-q", REPO, ROOT], check=True)
    run(["git", "-C", ROOT, "checkout", "-q", REF]).returncode and print(REPO, "lacks", REF, "- using its newest state")
sys.path.insert(0, str(ROOT)) if str(ROOT) not in sys.path else None
from utils.notebook import prepare, record_results

prepare()"""
BADGE = (
    "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
    "(https://colab.research.google.com/github/{repository}/blob/{ref}/notebooks/{name})"
)
ANY_BADGE = re.compile(r"\[!\[Open in Colab\][^\n|]*?\.ipynb\)")


def setup_cell(repo: str, ref: str) -> str:
    """The source of the setup cell for a repository's address and a ref (tag, commit or branch)."""
    return SETUP.format(repo=repo, ref=ref)


def address_in(source: str) -> tuple[str, str]:
    """(repo, ref) as a setup cell has them.

    Raises:
        ValueError: no such line in it.
    """
    found = re.search(r'^REPO, REF, HERE = "([^"]+)", "([^"]+)"', source, re.MULTILINE)
    if not found:
        raise ValueError(
            'the setup cell has no line REPO, REF, HERE = "…", "…", …: pass REPO=https://github.com/you/fork'
        )
    return found[1], found[2]


def badge(repo: str, ref: str, name: str) -> str:
    """Markdown that opens the notebook `name`, a path below notebooks/, in Colab, which opens only GitHub's."""
    repository = "/".join(repo.rstrip("/").removesuffix(".git").split("/")[-2:])
    return BADGE.format(repository=repository, ref=ref, name=name)


def with_address(notebook: nbformat.NotebookNode, repo: str, ref: str, *, name: str) -> nbformat.NotebookNode:
    """`notebook` with this setup cell and, under the sentence that it opens with, this badge.

    Raises:
        ValueError: not exactly one cell tagged `setup`.
    """
    cells = [cell for cell in notebook.cells if "setup" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise ValueError(f"{name} has {len(cells)} cells tagged 'setup'; it needs one")
    cells[0].source = setup_cell(repo, ref)
    first, new = notebook.cells[0], badge(repo, ref, name)
    if ANY_BADGE.search(first.source):
        first.source = ANY_BADGE.sub(lambda _: new, first.source)
    else:
        title, sentence, *rest = first.source.split("\n\n")
        first.source = "\n\n".join([title, sentence, new, *rest])
    return notebook


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m utils.series.setup_cell", description=__doc__.splitlines()[0])
    parser.add_argument("--repo", help="the repository's address (default: the one in the first notebook)")
    parser.add_argument(
        "--ref", help="tag, commit or branch that Colab fetches (default: the one in the first notebook)"
    )
    options = parser.parse_args(arguments)
    folder = ROOT / "notebooks"
    paths = sorted(folder.rglob("0*.ipynb"))
    setup = next(c for c in nbformat.read(paths[0], as_version=4).cells if "setup" in c.metadata.get("tags", []))
    kept = ("", "") if options.repo and options.ref else address_in(setup.source)
    repo, ref = options.repo or kept[0], options.ref or kept[1]
    for path in paths:
        notebook = with_address(nbformat.read(path, as_version=4), repo, ref, name=path.relative_to(folder).as_posix())
        nbformat.write(notebook, path)
    readme = ROOT / "README.md"
    readme.write_text(readme_with_address(readme.read_text(encoding="utf-8"), repo, ref), encoding="utf-8")
    return 0


def readme_with_address(text: str, repo: str, ref: str) -> str:
    """README.md's text with every badge for this address."""
    names = re.compile(r"/notebooks/([^)]+\.ipynb)\)")
    return ANY_BADGE.sub(lambda found: badge(repo, ref, names.search(found[0])[1]), text)


if __name__ == "__main__":
    sys.exit(main())

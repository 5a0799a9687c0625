"""README and docs/ say what the committed notebooks hold, and every link, command and section in them is there."""

import re
import subprocess
import sys
from urllib.parse import unquote

import nbformat
import pytest

from utils.files import ROOT
from utils.series import find_notebooks, parameters_of
from utils.series.flow import PICTURE, flow_svg
from utils.series.pages import MODELS, with_part, written_pages
from utils.series.readme import GOALS, notebook_table, written
from utils.series.sections import relinked

README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))
PAGES = ["README.md", "data/README.md", "CONTRIBUTING.md", *DOCS]
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("0*.ipynb"))


def commands(text):
    blocks = re.findall(r"```sh\n(.*?)```", text.replace("\\\n", ""), re.DOTALL)
    return [line.split("  #")[0].split("   #")[0].strip() for block in blocks for line in block.splitlines() if line]


def anchors(notebook):
    """What JupyterLab and nbviewer call the headings of a notebook in a link to one; GitHub shows it from the top."""
    cells = [cell.source for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "markdown"]
    headings = re.findall(r"^#+ (.+)$", "\n".join(cells), re.MULTILINE)
    return {heading.replace("`", "").replace(" ", "-") for heading in headings}


# --- what is generated ---


def test_tables_are_those_of_the_committed_notebooks():
    assert written(README) == README, "run `make notebooks`, or `python -m utils.series.readme`"


def test_pages_of_docs_hold_the_tables_of_today():
    for path, text in written_pages().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run `python -m utils.series.readme`"


def test_every_notebook_is_in_the_table():
    table = README.partition("## The notebooks")[2].partition("##")[0]
    assert [path.name[:2] for path in find_notebooks()] == [n for n in GOALS if f"](notebooks/{n}_" in table]


def test_no_notebook_needs_a_gpu_as_the_readme_says():
    assert "None needs a GPU" in README
    firsts = {path.name: nbformat.read(path, as_version=4).cells[0].source for path in find_notebooks()}
    assert not [name for name, first in firsts.items() if "No GPU" not in first]


def test_the_tree_names_every_folder_of_utils_and_no_other():
    tree = re.search(r"^utils/ .*?^data/", README, re.DOTALL | re.MULTILINE)[0]
    folders = {path.parent.name for path in (ROOT / "utils").glob("*/__init__.py")}
    assert set(re.findall(r"^  (\w+)/ +\S", tree, re.MULTILINE)) == folders
    named = {name for line in tree.splitlines()[1:] for name in line[2:].split("  ")[0].rstrip("/").split(", ")}
    assert {path.stem for path in (ROOT / "utils").glob("[a-z]*.py")} <= named


def test_the_picture_is_the_one_that_utils_readme_draws():
    assert (ROOT / PICTURE).read_text(encoding="utf-8") == flow_svg()
    assert f"]({PICTURE.as_posix()})" in README


def test_a_lost_marker_is_named():
    with pytest.raises(ValueError, match="models: written"):
        with_part("no marker", MODELS, "table")
    with pytest.raises(ValueError, match="end of models"):
        with_part(f"only {MODELS[0]}", MODELS, "table")


def test_only_the_part_between_the_markers_changes():
    begin, end = MODELS
    assert with_part(f"a {begin} old {end} b", MODELS, "new") == f"a {begin}\nnew\n{end} b"


def test_a_link_follows_a_section_whose_number_has_changed(tmp_path):
    (tmp_path / "notebooks").mkdir()
    cells = [nbformat.v4.new_markdown_cell(text) for text in ("# 02 · New", "### 5.2 `###` (inside)\ntext")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "notebooks" / "02_new.ipynb")
    link = "[02 · 4.4 `###` (inside)](notebooks/02_new.ipynb#4.4)"
    assert relinked(link, tmp_path) == "[02 · 5.2 `###` (inside)](notebooks/02_new.ipynb#5.2-%23%23%23-%28inside%29)"
    with pytest.raises(ValueError, match=r"'outside' of notebooks/02_new\.ipynb, which has 0"):
        relinked(link.replace("`###` (inside)", "outside"), tmp_path)


def test_a_notebook_that_says_no_time_is_named(tmp_path):
    path = tmp_path / "01_new.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# New")]), path)
    with pytest.raises(ValueError, match=r"01_new\.ipynb needs .*Time"):
        notebook_table([path])


# --- what it names ---


@pytest.mark.parametrize("page", PAGES + [path.relative_to(ROOT).as_posix() for path in NOTEBOOKS])
def test_links_within_the_project_lead_to_files(page):
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        text = "\n".join(c.source for c in nbformat.reads(text, as_version=4).cells if c.cell_type == "markdown")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in link:
            file, _, section = link.partition("#")
            assert (path.parent / file).exists(), f"{page} links to {link}"
            assert not section or unquote(section) in anchors(path.parent / file), f"{page} links to {link}"


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_exist(page):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"\bmake ([a-z-]+)", "\n".join(re.findall(r"`[^`]+`", (ROOT / page).read_text())))):
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE), f"{page} names make {target}"


def test_make_help_lists_every_target_that_is_for_people():
    # `make test` calls this, and a make within a make says which directory it enters.
    command = ["make", "--no-print-directory", "help"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[1].split()
    assert {line.split()[1] for line in shown.splitlines() if line} == set(phony)


def test_what_runs_at_a_commit_and_on_github_is_there():
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
    assert re.search(r"^ +- run: make test$", workflow, re.MULTILINE)
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    modules = re.findall(r"entry: \.venv/bin/python -m (\S+)", hooks)
    assert {"ruff", "utils.series.run_notebooks"} <= set(modules) and len(modules) == hooks.count("- id: ")
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert len(re.findall(r"^\d+\. ", contributing, re.MULTILINE)) == 10


@pytest.mark.parametrize("command", [c for page in PAGES for c in commands((ROOT / page).read_text()) if " -m " in c])
def test_commands_can_be_run(command):
    module = re.search(r"-m (\S+)", command)[1]
    subprocess.run([sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, check=True)


@pytest.mark.parametrize("page", PAGES)
def test_parameters_that_a_page_passes_are_those_of_notebook_07(page):
    [path] = find_notebooks(["07"])
    text = (ROOT / page).read_text(encoding="utf-8")
    assert set(re.findall(r"-p (\w+)", text)) <= set(parameters_of(path))


@pytest.mark.parametrize("page", PAGES)
def test_python_in_a_page_runs(page):
    for code in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL):
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout, done.stderr


def test_troubleshooting_names_sections_that_exist():
    rows = [line for line in README.partition("## When something goes wrong")[2].splitlines() if line.startswith("| ")]
    assert len(rows) > 16
    for row in rows[1:]:
        links = re.findall(
            r"\[\d\d · ([^]]+)\]\(notebooks/[^)#]+(?:#([^)]+))?\)", row.rpartition("|")[0].rpartition("|")[2]
        )
        assert len(links) == 1, f"no link to a cell: {row}"
        [(words, section)] = links
        assert not section or unquote(section) == words.replace("`", "").replace(" ", "-")

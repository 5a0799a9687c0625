"""The README says what the committed notebooks hold, and every link, command and section that it names is there."""

import re
import subprocess
import sys
from urllib.parse import unquote

import nbformat
import pytest

from utils.files import ROOT
from utils.series import find_notebooks, parameters_of
from utils.series.flow import PICTURE, flow_svg
from utils.series.readme import GOALS, RESULTS, notebook_table, with_part, written

ROOT = ROOT
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ["README.md", "data/README.md", "CONTRIBUTING.md"]
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("0*.ipynb"))


def commands(text):
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [line.split("  #")[0].split("   #")[0].strip() for block in blocks for line in block.splitlines() if line]


def anchors(notebook):
    """What JupyterLab and nbviewer call the headings of a notebook in a link to one; GitHub shows it from the top."""
    cells = [cell.source for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "markdown"]
    headings = re.findall(r"^#+ (.+)$", "\n".join(cells), re.MULTILINE)
    return {heading.replace("`", "").replace(" ", "-") for heading in headings}


# --- what is generated ---


def test_tables_are_those_of_the_committed_notebooks():
    assert written(README) == README, "run `make notebooks`, or `python -m utils.series.readme`"


def test_every_notebook_is_in_the_table():
    assert [path.name[:2] for path in find_notebooks()] == [n for n in GOALS if f"](notebooks/{n}_" in README]


def test_the_picture_is_the_one_that_utils_readme_draws():
    assert (ROOT / PICTURE).read_text(encoding="utf-8") == flow_svg()
    assert f"]({PICTURE.as_posix()})" in README


def test_a_lost_marker_is_named():
    with pytest.raises(ValueError, match="results: written"):
        with_part("no marker", RESULTS, "table")
    with pytest.raises(ValueError, match="end of results"):
        with_part(f"only {RESULTS[0]}", RESULTS, "table")


def test_only_the_part_between_the_markers_changes():
    begin, end = RESULTS
    assert with_part(f"a {begin} old {end} b", RESULTS, "new") == f"a {begin}\nnew\n{end} b"


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


@pytest.mark.parametrize("command", [c for c in commands(README) if " -m " in c])
def test_commands_can_be_run_and_know_their_parameters(command):
    module = re.search(r"-m (\S+)", command)[1]
    subprocess.run([sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, check=True)
    number = re.search(r"run_notebooks (\d\d)", command)
    [path] = find_notebooks([number[1] if number else "07"])
    assert set(re.findall(r"-p (\w+)", command)) <= set(parameters_of(path))


def test_python_in_the_readme_runs():
    for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout, done.stderr


def test_troubleshooting_names_sections_that_exist():
    rows = [line for line in README.partition("## When something goes wrong")[2].splitlines() if line.startswith("| ")]
    assert len(rows) - 1 == 15
    for row in rows[1:]:
        links = re.findall(
            r"\[\d\d · ([^]]+)\]\(notebooks/[^)#]+(?:#([^)]+))?\)", row.rpartition("|")[0].rpartition("|")[2]
        )
        assert len(links) == 1, f"no link to a cell: {row}"
        [(words, section)] = links
        assert not section or unquote(section) == words.replace("`", "").replace(" ", "-")

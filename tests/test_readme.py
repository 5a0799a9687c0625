"""The README says what the committed notebooks hold, and every link, command and section that it names is there."""

import re
import subprocess
import sys

import nbformat
import pytest

from utils.notebook import project_root
from utils.readme import GOALS, PICTURE, RESULTS, flow_svg, notebook_table, with_part, written
from utils.run_notebooks import check_parameters, find_notebooks

ROOT = project_root()
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ["README.md", "data/README.md", "CONTRIBUTING.md", "data/base_model/README.md"]
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("0*.ipynb"))


def commands(text):
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [line.split("  #")[0].split("   #")[0].strip() for block in blocks for line in block.splitlines() if line]


# --- what is generated ---


def test_tables_are_those_of_the_committed_notebooks():
    assert written(README) == README, "run `make notebooks`, or `python -m utils.readme`"


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
    for link in re.findall(r"\]\(([^)#\s]+)\)", text):
        if "://" not in link:
            assert (path.parent / link).exists(), f"{page} links to {link}"


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_exist(page):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"\bmake ([a-z-]+)", "\n".join(re.findall(r"`[^`]+`", (ROOT / page).read_text())))):
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE), f"{page} names make {target}"


def test_make_help_lists_every_target_that_is_for_people():
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[1].split()
    assert {line.split()[1] for line in shown.splitlines() if line} == set(phony)


@pytest.mark.parametrize("command", [c for c in commands(README) if " -m " in c])
def test_commands_can_be_run_and_know_their_parameters(command):
    module = re.search(r"-m (\S+)", command)[1]
    subprocess.run([sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, check=True)
    number = re.search(r"run_notebooks (\d\d)", command)
    [path] = find_notebooks([number[1] if number else "07"])
    check_parameters(path, dict.fromkeys(re.findall(r"-p (\w+)", command)))


def test_python_in_the_readme_runs():
    for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout, done.stderr


def test_troubleshooting_names_sections_that_exist():
    rows = [line for line in README.partition("## When something goes wrong")[2].splitlines() if line.startswith("| ")]
    assert len(rows) - 1 == 15
    for row in rows[1:]:
        for link, section in re.findall(r"\]\((notebooks/[^)]+)\) \"([^\"]+)\"", row):
            cells = nbformat.read(ROOT / link, as_version=4).cells
            headings = re.findall(r"^#+ (.+)$", "\n".join(c.source for c in cells), re.MULTILINE)
            assert section in headings, f"{link} has no section {section!r}; it has {headings}"

"""The README says what the committed notebooks recorded, and its links lead somewhere."""

import re

import pytest

from utils.notebook import project_root
from utils.readme import BEGIN, END, results_table, with_results

ROOT = project_root()
README = (ROOT / "README.md").read_text(encoding="utf-8")
INFERENCE = ROOT / "notebooks" / "04_templated_inference.ipynb"


def test_the_results_are_those_that_notebook_04_recorded():
    assert with_results(README, results_table(INFERENCE)) == README


def test_a_lost_marker_is_named():
    with pytest.raises(ValueError, match="results: written"):
        with_results("no marker", "table")
    with pytest.raises(ValueError, match="end of results"):
        with_results(f"only {BEGIN}", "table")


def test_only_the_part_between_the_markers_changes():
    assert with_results(f"a {BEGIN} old {END} b", "new") == f"a {BEGIN}\nnew\n{END} b"


@pytest.mark.parametrize("page", ["README.md", "data/README.md", "CONTRIBUTING.md", "data/base_model/README.md"])
def test_links_within_the_project_lead_to_files(page):
    path = ROOT / page
    for link in re.findall(r"\]\(([^)#\s]+)\)", path.read_text(encoding="utf-8")):
        if "://" not in link:
            assert (path.parent / link).exists(), f"{page} links to {link}"


def test_the_commands_that_it_names_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"`?make ([a-z-]+)", README)):
        assert re.search(rf"^{target}:", makefile, re.M), f"make {target}"

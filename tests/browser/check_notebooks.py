"""The notebooks in JupyterLab as a person meets them: opened, *Run All*, looked at in the light and the dark theme.

First as they are committed, then run, the long ones with the smaller values of the other tests. `make test-browser`
runs this; it takes most of an hour on two old cores. Pictures of what it saw: outputs/screenshots/.
"""

import shutil

import nbformat
import pytest
from playwright.sync_api import sync_playwright

from tests.browser.lab import HEIGHT, WIDTH, contrasts, is_shown, jupyterlab, menu, open_notebook, outputs, run_all
from tests.notebooks import test_with_the_adapter, test_without_it
from tests.project_copy import FEW_ROWS
from utils.files import ROOT
from utils.series import find_notebooks

SHOTS = ROOT / "outputs" / "screenshots"
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
PARTS = {  # what is looked for in the outputs
    "loss mask": "ins[title^='id ']",
    "side by side": "td samp mark",
    "plot": "img[src^='data:image/png']",
    "table": "table",
    "progress bar": "progress, .widget-hprogress, .jupyter-widgets progress",
}
MUST_SHOW = {
    "01": {"plot", "table"},
    "02": {"loss mask", "side by side", "plot", "table"},
    "03": {"plot", "table", "progress bar"},
    "04": {"side by side", "plot", "table"},
    "05": {"side by side", "plot", "table"},
    "06": {"plot", "table"},
    "07": {"loss mask", "plot", "table"},
    "08": {"table"},
}
SMALLER = {"03": {"rows": FEW_ROWS}, "04": test_with_the_adapter.FIRST, "06": test_without_it.LOOP}
SMALLER |= test_with_the_adapter.SMALLER | test_without_it.SMALLER
MINUTES = 30


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with jupyterlab(tmp_path_factory.mktemp("lab") / "project") as address:
        yield address


@pytest.fixture(scope="module")
def lab_with_smaller_values(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab") / "project"
    with jupyterlab(folder) as address:
        for path in find_notebooks():
            notebook = nbformat.read(folder / path.relative_to(ROOT), as_version=4)
            [cell] = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
            cell.source += "".join(f"\n{n} = {value!r}" for n, value in SMALLER.get(path.name[:2], {}).items())
            nbformat.write(notebook, folder / path.relative_to(ROOT))
        yield address


@pytest.fixture(scope="module")
def page():
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "no Chromium on this machine: install the package chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=1.5)
        browser.close()


@pytest.mark.parametrize("path", find_notebooks(["0", "solutions"]), ids=lambda path: path.stem)
def test_what_is_committed_is_read_in_both_themes(path, lab, page):
    name = path.relative_to(ROOT / "notebooks").as_posix()
    open_notebook(page, lab, name)
    seen = {part for part, selector in PARTS.items() if outputs(page, selector).count()}
    look_in_both_themes(page, seen, SHOTS / "committed" / name.removesuffix(".ipynb"))


@pytest.mark.parametrize("path", find_notebooks(), ids=lambda path: path.stem)
def test_a_person_runs_all_cells_and_sees_everything(path, lab_with_smaller_values, page):
    number = path.name[:2]
    open_notebook(page, lab_with_smaller_values, path.name)
    run_all(page, minutes=MINUTES)
    seen = {name for name, selector in PARTS.items() if outputs(page, selector).count()}
    assert seen >= MUST_SHOW[number], f"not there: {MUST_SHOW[number] - seen}"
    look_in_both_themes(page, seen, SHOTS / number)


def look_in_both_themes(page, names, folder):
    for theme, entry in THEMES.items():
        menu(page, "Settings", "Theme", entry)
        page.wait_for_timeout(1000)
        for name in sorted(names):
            look_at(outputs(page, PARTS[name]), folder / f"{theme} {name}")


def look_at(parts, picture):
    picture.parent.mkdir(parents=True, exist_ok=True)
    for at, part in enumerate(parts.all(), start=1):
        assert is_shown(part), f"{picture.name} {at} is not to be seen, or wider than the page"
        faint = {text: ratio for text, ratio in contrasts(part).items() if ratio < 4.5}  # WCAG 2.2, level AA
        assert not faint, f"{picture.name} {at} is hard to read: {faint}"
        part.screenshot(path=f"{picture} {at}.png")


def test_a_progress_bar_is_a_widget_that_is_seen(lab, page):
    open_notebook(page, lab, "01_from_datasets_to_instructions.ipynb")
    page.locator(".jp-CodeCell .cm-content").first.fill("from tqdm.auto import tqdm\nfor _ in tqdm(range(3)): pass")
    menu(page, "Run", "Run Selected Cell")
    bar = outputs(page, PARTS["progress bar"]).first
    bar.wait_for(timeout=60_000)
    look_at(bar, SHOTS / "progress")

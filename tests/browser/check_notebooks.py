"""The notebooks in JupyterLab as a person meets them: opened, *Run All*, looked at in the light and the dark theme.

`make test-browser` runs this; it takes as long as the notebooks do. Pictures of what it saw: outputs/screenshots/.
"""

import shutil

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.lab import HEIGHT, WIDTH, contrasts, is_shown, jupyterlab, menu, open_notebook, outputs, run_all
from utils.files import ROOT
from utils.series import find_notebooks

SHOTS = ROOT / "outputs" / "screenshots"
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
PARTS = {  # what is looked for in the outputs
    "loss mask": "ins[title^='id ']",
    "side by side": "td pre mark",
    "plot": "img[src^='data:image/png']",
    "table": "table",
    "progress bar": "progress, .widget-hprogress, .jupyter-widgets progress",
}
MUST_SHOW = {
    "01": {"plot", "table"},
    "02": {"loss mask", "side by side", "plot", "table"},
    "03": {"plot", "table", "progress bar"},
    "04": {"side by side", "plot", "table"},
}
MINUTES = {"01": 5, "02": 5, "03": 30, "04": 30}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with jupyterlab(tmp_path_factory.mktemp("lab") / "project") as address:
        yield address


@pytest.fixture(scope="module")
def page():
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "no Chromium on this machine: install the package chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=1.5)
        browser.close()


@pytest.mark.parametrize("path", find_notebooks(sorted(MUST_SHOW)), ids=lambda path: path.stem)
def test_a_person_runs_all_cells_and_sees_everything(path, lab, page):
    number = path.name[:2]
    open_notebook(page, lab, path.name)
    run_all(page, minutes=MINUTES[number])
    seen = {name for name, selector in PARTS.items() if outputs(page, selector).count()}
    assert seen >= MUST_SHOW[number], f"not there: {MUST_SHOW[number] - seen}"
    for theme, entry in THEMES.items():
        menu(page, "Settings", "Theme", entry)
        page.wait_for_timeout(1000)
        for name in sorted(seen):
            look_at(outputs(page, PARTS[name]), SHOTS / number / f"{theme} {name}")


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

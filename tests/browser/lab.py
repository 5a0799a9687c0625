"""JupyterLab on a copy of the project, in a real browser: what `check_notebooks.py` asks it to do.

Not a test itself, and not collected by `make test`: it needs Chromium and the package playwright.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page

from tests.project_copy import copy_project

TOKEN = "only-for-this-test"
WIDTH, HEIGHT = 1440, 900
QUIET = {  # no news and update notices over the page; every cell in the page, not only those on the screen
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
CLEARED, DONE = re.compile(r"^\[ ?\]:$"), re.compile(r"^\[\d+\]:$")

# https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
CONTRASTS = """part => {
  const parse = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = rgb => {
    const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = rgb.slice(0, 3).map(c => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const rgb = parse(getComputedStyle(at).backgroundColor);
      if (rgb.length === 3 || rgb[3] > 0.5) return rgb;
    }
    return [255, 255, 255];
  };
  const found = {};
  const texts = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.data.trim(), element = texts.currentNode.parentElement;
    if (!text || element.closest('style, script')) continue;
    const both = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    found[text.slice(0, 40)] = (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
  }
  return found;
}"""


@contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """Start JupyterLab on a fresh copy of the project in `folder`; gives its address.

    Raises:
        RuntimeError: it did not answer within a minute; the message ends with its log.
    """
    copy_project(folder)
    for name, values in QUIET.items():
        file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"]
    environment = os.environ | {"JUPYTERLAB_SETTINGS_DIR": str(folder / "settings")}
    log = folder / "jupyterlab.log"
    with log.open("w") as stream:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=stream, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/api?token={TOKEN}", server, log)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_for(url: str, server: subprocess.Popen, log: Path) -> None:
    for _ in range(120):
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.5)
    raise RuntimeError(f"JupyterLab does not answer:\n{log.read_text()[-2000:]}")


def open_notebook(page: Page, address: str, name: str) -> None:
    """Open a notebook in a workspace of its own and wait for its kernel."""
    workspace = re.sub(r"[^a-z0-9]", "-", name)
    page.goto(f"{address}/lab/workspaces/{workspace}/tree/notebooks/{name}?token={TOKEN}&reset")
    page.locator(".jp-NotebookPanel .jp-CodeCell").first.wait_for(state="visible", timeout=60_000)
    page.get_by_text(re.compile(r"\| Idle$")).wait_for(timeout=60_000)


def menu(page: Page, *path: str) -> None:
    """Choose an entry of the menu bar: menu(page, "Run", "Run All Cells")."""
    page.locator(".lm-MenuBar-itemLabel", has_text=re.compile(f"^{path[0]}$")).click()
    for entry in path[1:]:
        page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{re.escape(entry)}")).last.click()


def run_all(page: Page, *, minutes: float) -> None:
    """Clear what is there, *Run All Cells*, and wait until every code cell has its number.

    Raises:
        AssertionError: a cell failed, or the time is over.
    """
    menu(page, "Edit", "Clear Outputs of All Cells")
    page.locator(".jp-CodeCell .jp-InputArea-prompt", has_text=re.compile(r"\d")).first.wait_for(state="detached")
    assert all(CLEARED.match(text) for text in prompts(page)), f"outputs are not cleared: {prompts(page)}"
    menu(page, "Run", "Run All Cells")
    ends = time.monotonic() + 60 * minutes
    while not all(DONE.match(text) for text in prompts(page)):
        assert not failures(page), f"a cell failed:\n{failures(page)[0]}"
        assert time.monotonic() < ends, f"not done after {minutes} minutes: {prompts(page)}"
        page.wait_for_timeout(500)
    assert not failures(page), f"a cell failed:\n{failures(page)[0]}"


def prompts(page: Page) -> list[str]:
    """The brackets beside the code cells that are not empty: "[ ]:", "[*]:" or "[7]:"."""
    return [text.strip() for text in page.locator(".jp-CodeCell .jp-InputArea-prompt").all_inner_texts()]


def failures(page: Page) -> list[str]:
    """Tracebacks, and what came over stderr, since a warning is a failure too in what people are shown."""
    kinds = "[data-mime-type='application/vnd.jupyter.error'], [data-mime-type='application/vnd.jupyter.stderr']"
    return page.locator(kinds).all_inner_texts()


def outputs(page: Page, selector: str) -> Locator:
    """The outputs of code cells that hold something that fits `selector`."""
    return page.locator(".jp-CodeCell .jp-OutputArea-child").filter(has=page.locator(selector))


def is_shown(part: Locator) -> bool:
    """Does this part of the page, scrolled to, have a size and lie within the width of the page?"""
    part.scroll_into_view_if_needed()
    box = part.bounding_box()
    return part.is_visible() and box["width"] > 30 and box["height"] > 8 and box["x"] + box["width"] <= WIDTH


def contrasts(part: Locator) -> dict[str, float]:
    """Text in this part of the page, with the contrast of its colour to what lies behind it: 1 (none) to 21."""
    return part.evaluate(CONTRASTS)

"""Links of README.md to sections of notebooks: they follow a section whose number has changed.

A module of its own: it reads headings, where `readme` reads results.
"""

import re
from pathlib import Path

import nbformat

LINK = re.compile(r"\[(\d\d) · ([^]]+)\]\((notebooks/[^)#]+\.ipynb)#[^)]*\)")
NUMBER = r"^[\d.]+ "  # before a heading's words: "4.1 A trailing space"


def relinked(page: str, root: Path) -> str:
    """`page` with its links `[02 · A trailing space](notebooks/02_….ipynb#…)` as the notebooks below `root` are now.

    A section is known by its words; its number and the end of the link are written as they are now. The end is what
    JupyterLab and nbviewer call the heading; GitHub shows the notebook from the top.

    Raises:
        ValueError: a notebook has no heading, or more than one, of these words.
    """

    def link(found: re.Match[str]) -> str:
        number, words, file = found.groups()
        words = re.sub(NUMBER, "", words)
        same = [each for each in headings(root / file) if re.sub(NUMBER, "", each) == words]
        if len(same) != 1:
            raise ValueError(f"README.md links to the section {words!r} of {file}, which has {len(same)} of that name")
        end = same[0].replace("`", "").replace(" ", "-").replace("%", "%25").replace("#", "%23")
        return f"[{number} · {same[0]}]({file}#{end.replace('(', '%28').replace(')', '%29')})"

    return LINK.sub(link, page)


def headings(notebook: Path) -> list[str]:
    """The headings of a notebook file in order, without their signs `#`."""
    cells = nbformat.read(notebook, as_version=4).cells
    texts = [re.sub(r"```.*?```", "", cell.source, flags=re.DOTALL) for cell in cells if cell.cell_type == "markdown"]
    return re.findall(r"^#+ (.+?) *$", "\n".join(texts), re.MULTILINE)

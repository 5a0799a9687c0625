"""What an executed notebook of the series showed of a model's answers, read back from its tables.

A module of its own: 01 opens with it and must not load what the others of this folder load.
"""

import json
import re
from html import unescape
from pathlib import Path

CELL = r"<t[hd]\b[^>]*>(.*?)</t[hd]>"


def shown_answers(notebook: Path, task: str) -> list[dict[str, str]]:
    """The rows of the table that the notebook printed with `show("task")`.

    A row holds the text, what was wanted, and each method's answer after its sign, by the names of the columns; white
    space that nobody could see stays written out. Nothing is run: a notebook without outputs has no rows.

    Example: `shown_answers(path, "labels")[0]["fine-tuned"]` is `"✓ Complaint"`.
    """
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code" and "".join(cell["source"]).endswith(f'show("{task}")'):
            pages = ["".join(output.get("data", {}).get("text/html", "")) for output in cell["outputs"]]
            lines = re.findall(r"<tr>(.*?)</tr>", "".join(pages), re.DOTALL)
            texts = [
                [unescape(text.replace("<br>", "\n")) for text in re.findall(CELL, line, re.DOTALL)] for line in lines
            ]
            return [dict(zip(texts[0], row, strict=True)) for row in texts[1:]]
    return []

"""HTML with a plain-text form beside it, for terminals, screen readers and printed logs.

GitHub strips all styles from HTML, so nothing is said by colour alone. Everything that comes from data is escaped.
A module of its own, since all the others of this folder stand on it.
"""

INK = "#222"
# JupyterLab's own style makes raised words as large as the others and moves the lines apart.
RAISED = "line-height:0;vertical-align:baseline;position:relative;top:-.35em;font-size:.75em"


class View:
    """HTML with its plain-text form: the richest one that the reader's front end can show is shown."""

    def __init__(self, html: str, text: str) -> None:
        self.html, self.text = html, text

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text

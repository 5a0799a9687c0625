"""Write the part of README.md that comes from recorded results: `python -m utils.readme`, the end of `make notebooks`.

What this module does not do: run notebooks. It reads what the committed ones have recorded.
"""

import sys
from pathlib import Path

from utils.notebook import project_root, read_results

BEGIN, END = "<!-- results: written by `make notebooks` -->", "<!-- end of results -->"
ROWS = {  # what a reader of the table sees: the recorded name, without base_ or tuned_
    "Hotel reviews: the right label": "label_accuracy",
    "Names and places: F1 of exact phrases": "span_f1",
    "Instruction for a document: names, dates, places right": "reverse_slot_recall",
    "Instruction for a document: right to the letter": "reverse_exact",
    "Short questions: right to the letter": "instructions_exact",
    "Answers that stop by themselves": "stop_rate",
}


def results_table(notebook: Path) -> str:
    """A Markdown table, base beside tuned, of what notebook 04 recorded.

    Raises:
        KeyError: the notebook recorded no such result; execute it again.
    """
    results = read_results(notebook)
    lines = ["| on hand-written test rows | base model | after fine-tuning |", "|---|---|---|"]
    for words, name in ROWS.items():
        lines.append(f"| {words} | {results[f'base_{name}']:.0%} | **{results[f'tuned_{name}']:.0%}** |")
    return "\n".join(lines)


def with_results(readme: str, table: str) -> str:
    """`readme` with `table` between its two markers.

    Raises:
        ValueError: a marker is missing.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"README.md has lost a marker: {BEGIN if not begin else END}")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def main() -> int:
    path, notebook = project_root() / "README.md", project_root() / "notebooks" / "04_templated_inference.ipynb"
    path.write_text(with_results(path.read_text(encoding="utf-8"), results_table(notebook)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

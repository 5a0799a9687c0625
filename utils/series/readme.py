"""Write the parts of README.md and docs/ that come from elsewhere: `python -m utils.series.readme`.

`make notebooks` ends with it. The committed notebooks are read: the examples and scores are what 04 and 05 printed and
recorded, the table of notebooks is what their first cells say. The pages of docs/ get the tables of `pages`, and the
picture shows `FLOW`.
"""

import re
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path

import nbformat

from utils.files import ROOT
from utils.notebook import read_results
from utils.series.flow import PICTURE, flow_svg
from utils.series.pages import with_part, written_pages
from utils.series.running import find_notebooks, parameters_of
from utils.series.sections import relinked
from utils.series.setup_cell import address_in, readme_with_address
from utils.series.shown_answers import shown_answers

EXAMPLES = "<!-- examples: written by `make notebooks` -->", "<!-- end of examples -->"
MISMATCH = "<!-- mismatch: written by `make notebooks` -->", "<!-- end of mismatch -->"
RESULTS = "<!-- results: written by `make notebooks` -->", "<!-- end of results -->"
NOTEBOOKS = "<!-- notebooks: written by `make notebooks` -->", "<!-- end of notebooks -->"
SHOWN = {"labels": "A hotel review", "phrases": "A sentence", "reverse": "A document"}  # as notebook 04 calls the tasks
ROWS = {  # what a reader of the table sees: the recorded name, without its prefix
    "Hotel reviews: the right label": "label_accuracy",
    "Names and places: F1 of exact phrases": "span_f1",
    "Instruction for a document: names, dates, places right": "reverse_slot_recall",
    "Instruction for a document: right to the letter": "reverse_exact",
    "Short questions: right to the letter": "instructions_exact",
    "150 bare lists of points, unlike the training rows: the right label": "terse_label_accuracy",
}
METHODS = {  # prefix of the recorded name: head of its column
    "base": "base, same prompt",
    "base_own_form": "base, its own chat form",
    "constant": "constant answer",
    "simple": "TF-IDF, dictionary or nearest row",
    "tuned": "fine-tuned",
}
FORMS = {  # what the adapter is asked with: the recorded name of its cost, after the name of the task
    "without the preamble": "no_preamble",
    "with the sentence wrapped, as the article prints it": "the_article_s_wrapped_line",
    "without the newline after `### Response:`": "no_newline_after_the_marker",
    "with a space after `### Response:`": "a_space_after_the_marker",
    "in the form `User:` / `Assistant:`": "user_assistant",
    "in Llama 2's chat form": "llama_2_chat",
    "with the bare text": "bare_user_input",
}
MEASURED = {"reverse": "slot_recall", "phrases": "span_f1", "labels": "label_accuracy"}
TASKS = {"reverse": "names, dates, places in instructions", "phrases": "F1 of phrases", "labels": "right labels"}
GOALS = {  # after it you can …
    "01": "bring rows, phrases, documents and instruction files into one form, and see what is wrong with them",
    "02": "render a record in two directions, and point at the token where the prompt ends and the answer begins",
    "03": "train adapters on a 4-bit model with `SFTTrainer`, with the loss where you want it",
    "04": "ask with the template of the training, cut the answer cleanly, and score the model among its opponents",
    "05": "say what a score is worth, and what a wrong template costs",
    "06": "let a reverse model write instructions for bare texts, curate them, and train a forward model on them",
    "07": "go from a file of your own to an adapter and a report, in a notebook or as a job",
    "08": "merge the adapter, export it for llama.cpp and Ollama, serve it, and check that the answers stay the same",
}


def examples(notebook: Path) -> str:
    """The first test record of three tasks, with both answers, as notebook 04 printed them.

    Raises:
        ValueError: the notebook does not show one of the tasks; execute it again.
    """
    lines = ["| | the text | the base, asked in its own form | fine-tuned |", "|---|---|---|---|"]
    for task, what in SHOWN.items():
        rows = shown_answers(notebook, task)
        if not rows:
            raise ValueError(f"{notebook.name} prints no answers with show({task!r}): execute it again")
        text, _, *signed = (" ".join(cell.split()) for cell in rows[0].values())
        before, after = (answer.partition(" ")[2] for answer in signed)
        lines.append(f"| {what} | {_cell(text)} | {_cell(before)} | **{_cell(after)}** |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return escape(text, quote=False).replace("|", "\\|") or "(nothing)"


def results_table(notebook: Path) -> str:
    """A Markdown table of what notebook 04 recorded: every method on the same test rows.

    Raises:
        KeyError: the notebook recorded no such result of the fine-tuned model; execute it again.
    """
    results = read_results(notebook)
    lines = [f"| on test rows | {' | '.join(METHODS.values())} |", "|---|" + "---|" * len(METHODS)]
    for words, name in ROWS.items():
        values = {prefix: results.get(f"{prefix}_{name}") for prefix in METHODS} | {"tuned": results[f"tuned_{name}"]}
        best = max(value for value in values.values() if value is not None)
        cells = ["" if v is None else f"**{v:.2f}**" if v == best else f"{v:.2f}" for v in values.values()]
        lines.append(f"| {words} | {' | '.join(cells)} |")
    given = parameters_of(notebook)
    many, fewer = (given[name][1] for name in ("test_rows_per_task", "base_rows_per_task"))
    lines += [
        "",
        f"Asked about the first {many} test rows of each task; the base, which takes longer, about the first {fewer}.",
    ]
    return "\n".join(lines)


def mismatch_table(notebook: Path) -> str:
    """A Markdown table of what notebook 05 recorded: what each other form of prompt costs, with its interval.

    Raises:
        KeyError: the notebook recorded no such result; execute it again.
    """
    results = read_results(notebook)
    heads = [f"{words} ({results[f'tuned_{task}_{MEASURED[task]}']:.2f})" for task, words in TASKS.items()]
    rows = parameters_of(notebook)["test_rows"][1]
    lines = [
        f"Greedy answers of the one adapter that notebook 03 trained, to the first {rows} test rows of each task:",
        "",
    ]
    lines += [f"| asked | {' | '.join(heads)} |", "|---|" + "---|" * len(TASKS)]
    for words, form in FORMS.items():
        cells = []
        for task in TASKS:
            name = f"{task}_cost_{form if (task, form) != ('reverse', 'bare_user_input') else 'bare_document'}"
            if name in results:
                # a cost is a loss: its sign changes, and its two ends change places
                value, low, high = (0.0 - round(results[name + end], 2) for end in ("", "_high", "_low"))
                cells.append(f"{value:+.2f} [{low:+.2f}, {high:+.2f}]")
            else:
                cells.append("")
        lines.append(f"| {words} | {' | '.join(cells)} |")
    return "\n".join(lines)


def notebook_table(paths: Sequence[Path]) -> str:
    """A Markdown table of the notebooks: title, goal and time as their first cells say; with an address, badges.

    Raises:
        ValueError: a notebook whose first cell says no time, or for which `GOALS` has nothing.
    """
    lines = ["| notebook | after it you can | time |", "|---|---|---|"]
    address = "", ""
    for path in paths:
        cells = nbformat.read(path, as_version=4).cells
        first, number = cells[0].source, path.name[:2]
        title = re.match(r"# (.+)", first)
        time = re.search(r"\*\*Time\*\*: (.+?)\.?$", first, re.MULTILINE)
        if not (title and time and number in GOALS):
            raise ValueError(f"{path.name} needs a title, a line **Time**: … and a goal in utils/series/readme.py")
        [setup] = [cell.source for cell in cells if "setup" in cell.metadata.get("tags", [])]
        address = address_in(setup)
        lines.append(f"| [{title[1]}](notebooks/{path.name}) | {GOALS[number]} | {time[1]} |")
    return readme_with_address("\n".join(lines), *address)


def written(readme: str) -> str:
    """README.md's text with its tables and its links to sections as the committed notebooks have them."""
    [inference] = find_notebooks(["04"])
    [evaluation] = find_notebooks(["05"])
    readme = with_part(readme, EXAMPLES, examples(inference))
    readme = with_part(readme, RESULTS, results_table(inference))
    readme = with_part(readme, MISMATCH, mismatch_table(evaluation))
    return relinked(with_part(readme, NOTEBOOKS, notebook_table(find_notebooks())), ROOT)


def main() -> int:
    """The command; returns its exit status."""
    path = ROOT / "README.md"
    path.write_text(written(path.read_text(encoding="utf-8")), encoding="utf-8")
    for page, text in written_pages().items():
        page.write_text(text, encoding="utf-8")
    (ROOT / PICTURE).write_text(flow_svg(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
